import type { Json, JsonObject } from "./adapter.ts";
import { isObject } from "./json-object.ts";

/** Tokens of a request's input, before upstream has counted them. */
export interface InputEstimate {
  /** Cautious for the reservation: rarely less than upstream will count. */
  readonly most: number;
  /** Cautious for the customer, where only an estimate can be charged: rarely more than upstream would count. */
  readonly least: number;
}

/** Members that the model never reads. */
const UNREAD: ReadonlySet<string> = new Set(["model", "client_metadata", "metadata", "prompt_cache_key", "include"]);

/** Parts that are charged by their pixels and not by the length of their URL. */
const IMAGES: ReadonlySet<Json | undefined> = new Set(["input_image", "image_url", "computer_screenshot"]);
/** Images elsewhere, by the type of the object and the member that holds them: one that was made, a mask for a new one. */
const OTHER_IMAGES: Readonly<Record<string, string>> = {
  image_generation_call: "result",
  image_generation: "input_image_mask",
};
/** A full-resolution image of 2,048 pixels a side, cut as upstream cuts it, comes to fewer. */
const IMAGE_MOST = 2_000;
/** `detail: "original"` is not scaled down: up to ten million pixels in patches of 32 × 32. */
const ORIGINAL_IMAGE_MOST = 10_000;
const IMAGE_LEAST = 70;

/** Base64 that is not read as text: four characters are three bytes, and a token is hardly ever less. */
const OPAQUE: ReadonlySet<string> = new Set(["file_data", "encrypted_content"]);
const OPAQUE_CHARACTERS_PER_TOKEN = 4;

/** Braces, separators and the markers that upstream puts around an item. */
const OBJECT_TOKENS = 3;
/** Plain English has 4 to 5 characters in a token; only denser text has fewer. */
const LEAST_CHARACTERS_PER_TOKEN = 5;

/** Counts a request's input. Whatever is not known to be something else counts as text. */
export function estimateInput(body: JsonObject): InputEstimate {
  const sum = { most: 0, least: 0 };
  for (const [name, value] of Object.entries(body)) if (!UNREAD.has(name)) add(value, sum);
  return { most: Math.ceil(sum.most), least: Math.floor(sum.least) };
}

interface Sum {
  most: number;
  least: number;
}

function add(value: Json, sum: Sum): void {
  if (typeof value === "string") {
    sum.most += textTokens(value);
    sum.least += value.length / LEAST_CHARACTERS_PER_TOKEN;
  } else if (Array.isArray(value)) {
    for (const element of value) add(element, sum);
  } else if (isObject(value)) {
    addObject(value, sum);
  } else {
    sum.most += textTokens(String(value));
  }
}

function addObject(object: JsonObject, sum: Sum): void {
  sum.most += OBJECT_TOKENS;
  for (const [name, value] of Object.entries(object)) {
    if (isImage(object, name)) {
      addImage(object, value, sum);
    } else if (OPAQUE.has(name) && typeof value === "string") {
      sum.most += value.length / OPAQUE_CHARACTERS_PER_TOKEN;
    } else {
      sum.most += textTokens(name);
      add(value, sum);
    }
  }
}

function isImage({ type }: JsonObject, name: string): boolean {
  if (name === "image_url") return IMAGES.has(type);
  return typeof type === "string" && Object.hasOwn(OTHER_IMAGES, type) && OTHER_IMAGES[type] === name;
}

/** `image_url` is a URL in one protocol and `{url, detail}` in the other. */
function addImage(part: JsonObject, url: Json, sum: Sum): void {
  const detail = part.detail ?? (isObject(url) ? url.detail : undefined);
  sum.most += detail === "original" ? ORIGINAL_IMAGE_MOST : IMAGE_MOST;
  sum.least += IMAGE_LEAST;
}

/*
 * Bytes divided by three is above the true count for prose and for code, and far below it for what tool output is full
 * of: numbers, hashes, base64, tables, logs (1.5 to 2 bytes in a token). Tokenizers cut where the kind of character
 * changes, so the first character of a run costs most of a token and the others of the run a part of one. The weights,
 * in twelfths of a token, were fitted on samples of all of these; a third of a token per character is the least.
 */
const LOWER = 0;
const UPPER = 1;
const DIGIT = 2;
const SPACE = 3;
const MARK = 4;
const KINDS = 5;
const FIRST = [10, 12, 11, 2, 11];
const FURTHER = [2, 8, 5, 2, 8];
/** "The" is one run although it changes its case. */
const LOWER_AFTER_UPPER = 2;
/** A space belongs to the word after it, but is a token of its own before a number. */
const DIGIT_AFTER_SPACE = 20;
const TWELFTHS = 12;

const KIND = Uint8Array.from({ length: 128 }, (_, code) => kindOf(String.fromCharCode(code)));
/** The weight of a character by the kind before it (a row) and its own (a column). */
const WEIGHT = Uint8Array.from({ length: (KINDS + 1) * KINDS }, (_, index) => {
  const before = Math.floor(index / KINDS);
  const kind = index % KINDS;
  if (before === UPPER && kind === LOWER) return LOWER_AFTER_UPPER;
  if (before === SPACE && kind === DIGIT) return DIGIT_AFTER_SPACE;
  return (before === kind ? FURTHER : FIRST)[kind] ?? TWELFTHS;
});

function kindOf(character: string): number {
  if (/[a-z]/.test(character)) return LOWER;
  if (/[A-Z]/.test(character)) return UPPER;
  if (/[0-9]/.test(character)) return DIGIT;
  return /\s/.test(character) ? SPACE : MARK;
}

/** A cautious count of the tokens of `text`; not a whole number. */
export function textTokens(text: string): number {
  let twelfths = 0;
  let before = KINDS;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const kind = code < 128 ? KIND[code] : undefined;
    if (kind === undefined) {
      twelfths += beyondAscii(code);
      before = KINDS;
    } else {
      twelfths += WEIGHT[before * KINDS + kind] ?? TWELFTHS;
      before = kind;
    }
  }
  return Math.max(twelfths / TWELFTHS, text.length / 3);
}

/** About a third of a token for each byte of UTF-8, and more for emoji, which come as two halves. */
function beyondAscii(code: number): number {
  if (code < 0x800) return 7;
  const isHalf = (code & 0xf800) === 0xd800;
  return isHalf ? 18 : 12;
}
