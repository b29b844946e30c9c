import type { RequestFault } from "../adapter.ts";
import { fault, invalid, unsupported } from "../fault.ts";
import { toldName } from "../told-text.ts";
import type { FieldRule, FormRules } from "./form-rules.ts";

/** What a request makes: a video, a video from another one, or a character to appear in videos. */
export type VideoVerb = "create" | "remix" | "edit" | "extension" | "character";

export const PROMPT = "prompt";
export const MODEL = "model";
export const SECONDS = "seconds";
export const SIZE = "size";
export const NAME = "name";
export const SOURCE_ID = "video[id]";
const REFERENCE = "input_reference";
const REFERENCE_URL = "input_reference[image_url]";
export const VIDEO_FILE = "video";

const MOST_PROMPT = 32_000;
const MOST_NAME = 80;
export const MOST_SECONDS = 3_600;

/** An image inside a `data:` URL is as large as a JSON body may be. */
const MOST_URL_BYTES = 4 * 1024 * 1024;

const TEXT_RULES: Readonly<Record<string, FieldRule>> = {
  [PROMPT]: text(PROMPT, MOST_PROMPT),
  [NAME]: text(NAME, MOST_NAME),
  [MODEL]: pattern(MODEL, /^[\w.:/-]{1,128}$/, "the name of a model"),
  [SECONDS]: { mostBytes: 16, numeric: true, check: checkSeconds },
  [SIZE]: pattern(SIZE, /^[\w.:-]{1,32}$/, "a size such as '720x1280'"),
  [SOURCE_ID]: pattern(SOURCE_ID, /^\w[\w.:~-]{0,255}$/, "the id of a video"),
  [REFERENCE_URL]: { mostBytes: MOST_URL_BYTES, numeric: false, check: checkImageUrl },
  n: { ...pattern("n", /^1$/, "1: one video is made for each request"), numeric: true },
  // Members that other servers of this protocol know. They change the content of a video, not its price.
  seed: { ...pattern("seed", /^-?\d{1,20}$/, "a whole number"), numeric: true },
  negative_prompt: text("negative_prompt", MOST_PROMPT),
  user: pattern("user", /^[^\r\n]{0,256}$/, "a short name"),
};

const EXTRAS = ["n", "seed", "negative_prompt", "user"];

interface VerbFields {
  readonly texts: readonly string[];
  readonly files: readonly string[];
  readonly needed: readonly string[];
}

const FIELDS: Readonly<Record<VideoVerb, VerbFields>> = {
  create: {
    texts: [PROMPT, MODEL, SECONDS, SIZE, REFERENCE_URL, ...EXTRAS],
    files: [REFERENCE],
    needed: [PROMPT, MODEL, SECONDS, SIZE],
  },
  remix: { texts: [PROMPT, ...EXTRAS], files: [], needed: [PROMPT] },
  edit: { texts: [PROMPT, SOURCE_ID, ...EXTRAS], files: [], needed: [PROMPT, SOURCE_ID] },
  extension: { texts: [PROMPT, SECONDS, SOURCE_ID, ...EXTRAS], files: [], needed: [PROMPT, SECONDS, SOURCE_ID] },
  character: { texts: [NAME], files: [VIDEO_FILE], needed: [NAME] },
};

/** Why fields are refused that are known elsewhere. */
const OF_THE_SOURCE = "It is that of the source video.";
const WHY: Readonly<Record<string, string>> = {
  "input_reference[file_id]":
    "It names something stored upstream, where it belongs to nobody in particular: send the image itself.",
  [VIDEO_FILE]: "The length of an uploaded video is not known before the call: name one of your own as 'video[id]'.",
  [MODEL]: OF_THE_SOURCE,
  [SIZE]: OF_THE_SOURCE,
  [SECONDS]: OF_THE_SOURCE,
};

/**
 * The rules of a request's body. Only fields that are known are taken: one that is not could choose something that has
 * another price, a number of videos or a resolution.
 */
export function rulesOf(verb: VideoVerb): FormRules {
  const { texts, files, needed } = FIELDS[verb];
  const allowed = new Map(Object.entries(TEXT_RULES).filter(([name]) => texts.includes(name)));
  return {
    texts: allowed,
    files: new Set(files),
    needed,
    refuse: (name) => {
      if (allowed.has(name)) return invalid(name, "a text and not a file");
      if (files.includes(name)) return invalid(name, "a file");
      const why = Object.hasOwn(WHY, name) ? WHY[name] : undefined;
      return unsupported(toldName(name), why ?? "It is not known here.");
    },
  };
}

/** A field that has to be there and is not. */
export function missing(name: string): RequestFault {
  return fault("missing_required_parameter", `Missing required parameter: '${name}'.`, name);
}

/** Text in characters, of which each has at most four bytes. */
function text(name: string, most: number): FieldRule {
  return {
    mostBytes: most * 4,
    numeric: false,
    check: (value) => {
      const isIn = value !== "" && (value.length <= most || [...value].length <= most);
      return isIn ? null : invalid(name, `1 to ${most} characters`);
    },
  };
}

function pattern(name: string, allowed: RegExp, expected: string): FieldRule {
  return { mostBytes: 1024, numeric: false, check: (value) => (allowed.test(value) ? null : invalid(name, expected)) };
}

function checkSeconds(value: string): RequestFault | null {
  const isIn = /^[1-9]\d{0,3}$/.test(value) && Number(value) <= MOST_SECONDS;
  return isIn ? null : invalid(SECONDS, `whole seconds from 1 to ${MOST_SECONDS}`);
}

/** Upstream fetches the image; it has no price of its own, so its size need not be known. */
function checkImageUrl(value: string): RequestFault | null {
  const isImage = /^data:image\/[\w.+-]+[;,]/i.test(value) || (/^https:\/\//i.test(value) && URL.canParse(value));
  return isImage ? null : invalid(REFERENCE_URL, "an https: URL, or a data: URL of an image");
}
