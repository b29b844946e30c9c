import type { Json, JsonObject, RequestFault } from "./adapter.ts";
import { fault, invalid } from "./fault.ts";
import { toldName } from "./told-text.ts";

export interface JsonBounds {
  /** Levels of nesting; the outermost object is level 1. */
  readonly depth: number;
  /** Members of all objects and arrays together. */
  readonly members: number;
}

/** A request of 2 MB with thousands of items stays far below; a request made to be slow does not. */
export const JSON_BOUNDS: JsonBounds = { depth: 64, members: 100_000 };

export interface ParsedObject {
  readonly value: JsonObject;
}

/**
 * Parses a JSON object that a caller sent. A name that stands twice keeps its last value; since the parsed value is
 * both what is priced and what is sent on, nobody can read it differently afterwards.
 */
export function parseJsonObject(text: string, bounds: JsonBounds = JSON_BOUNDS): ParsedObject | RequestFault {
  if (hasTooManyNames(text, bounds.members)) return tooComplex(bounds);
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return fault("invalid_json", "The request body is not valid JSON.");
  }
  if (!isObject(value)) return fault("invalid_json", "The request body must be a JSON object.");
  const refused = inspect(value, bounds);
  return refused ?? { value };
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Looks at every object and array with a stack of its own: `JSON.parse` takes millions of levels, and whatever walks
 * the value recursively afterwards, `JSON.stringify` included, would run out of stack.
 */
function inspect(root: JsonObject, bounds: JsonBounds): RequestFault | null {
  const open: (JsonObject | Json[])[] = [root];
  const depths = [1];
  let members = 0;
  for (let container = open.pop(); container !== undefined; container = open.pop()) {
    const depth = depths.pop() ?? 0;
    // `constructor` and `prototype` are ordinary names that a tool's schema may use. `__proto__` is never one, and an
    // object that is copied member by member would take it as its prototype.
    if (Object.hasOwn(container, "__proto__")) {
      return fault("invalid_json", "The request body has a member named '__proto__'.", "__proto__");
    }
    const values = Array.isArray(container) ? container : Object.values(container);
    members += values.length;
    if (depth > bounds.depth || members > bounds.members) return tooComplex(bounds);
    for (const value of values) {
      if (value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY) return tooLarge(container, value);
      if (typeof value !== "object" || value === null) continue;
      open.push(value);
      depths.push(depth + 1);
    }
  }
  return null;
}

/** `1e309` is read as infinite and would be sent on as `null`: something else than what was said. */
function tooLarge(container: JsonObject | Json[], value: number): RequestFault {
  const [name = ""] = Object.entries(container).find(([, inner]) => inner === value) ?? [];
  return invalid(toldName(name), "a number that can be represented");
}

/** No name with its value is shorter. */
const NAME_CHARACTERS = 5;

/**
 * Whether `text` has more than `most` names. Objects with very many names take long to build, so that long texts are
 * looked at before they are parsed. Inside a string the quote before a colon is escaped and does not count.
 */
function hasTooManyNames(text: string, most: number): boolean {
  if (text.length < most * NAME_CHARACTERS) return false;
  const nameEnd = /"[ \t\n\r]*:/g;
  let names = 0;
  for (let found = nameEnd.exec(text); found !== null; found = nameEnd.exec(text)) {
    if (text[found.index - 1] !== "\\") names += 1;
    if (names > most) return true;
  }
  return false;
}

function tooComplex(bounds: JsonBounds): RequestFault {
  return fault(
    "json_too_complex",
    `The request body is too complex: at most ${bounds.depth} levels and ${bounds.members} members are read.`,
  );
}
