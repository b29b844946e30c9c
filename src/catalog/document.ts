import type { z } from "zod";

/** Why a document is refused: where, and what would be accepted there. */
export interface DocumentFault {
  /** Where in the document, written as one would write it in code: `gates[0].window.period`. */
  readonly path: string;
  readonly message: string;
}

export type ParsedDocument<T> =
  | { readonly ok: true; readonly document: T }
  | { readonly ok: false; readonly faults: readonly DocumentFault[] };

/** A refusal names this many faults at most: enough to mend a document, too few to be used as an amplifier. */
const MAX_FAULTS = 25;

/** Checks `raw`, as it came from JSON, against `schema`. The document that comes back is complete: defaults are written out. */
export function readDocument<T>(schema: z.ZodType<T>, raw: unknown): ParsedDocument<T> {
  const reserved = reservedKey(raw);
  if (reserved) return { ok: false, faults: [reserved] };
  const parsed = schema.safeParse(raw, { error: complaint });
  if (parsed.success) return { ok: true, document: parsed.data };
  return { ok: false, faults: parsed.error.issues.flatMap(toFaults).slice(0, MAX_FAULTS) };
}

/** All faults in one line, as they are told to whoever sent the document. */
export function describeFaults(faults: readonly DocumentFault[]): string {
  return faults.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
}

/** JSON with sorted keys: two documents that say the same are the same text. Arrays keep their order, which matters. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** What is said where a schema has no words of its own, in the same manner as those that have. */
const complaint: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type": {
      const accepted = ACCEPTED[issue.expected] ?? `of the type ${issue.expected}`;
      return issue.input === undefined ? `is required: ${accepted}` : `must be ${accepted}`;
    }
    case "unrecognized_keys":
      return "is not a known field";
    case "invalid_value":
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return bounded(issue.origin, `at least ${issue.minimum}`);
    case "too_big":
      return bounded(issue.origin, `at most ${issue.maximum}`);
    default:
      return undefined;
  }
};

const ACCEPTED: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
};

function bounded(origin: string, bound: string): string {
  if (origin === "string") return `must be a text whose length is ${bound}`;
  return origin === "array" ? `must be a list whose length is ${bound}` : `must be ${bound}`;
}

function toFaults(issue: z.core.$ZodIssue): DocumentFault[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: writePath([...issue.path, key]), message: issue.message }));
  }
  if (issue.code === "invalid_key") {
    return [{ path: writePath(issue.path), message: issue.issues[0]?.message ?? issue.message }];
  }
  return [{ path: writePath(issue.path), message: issue.message }];
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Of a name that somebody made up, so much is told back. */
const KEY_LENGTH = 64;

/** Where in a document, as one would write it in code. */
export function writePath(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    const name = String(key).slice(0, KEY_LENGTH);
    if (typeof key === "number") text += `[${key}]`;
    else if (!PLAIN_KEY.test(name)) text += `[${JSON.stringify(name)}]`;
    else text += text === "" ? name : `.${name}`;
  }
  return text;
}

interface Place {
  readonly value: object;
  readonly key: PropertyKey | null;
  readonly parent: Place | null;
}

/**
 * `JSON.parse` makes `__proto__` an ordinary key, and copying it later would change a prototype; the schemas would pass
 * over it in silence. Walks without recursion, because nothing has bounded the depth yet.
 */
function reservedKey(raw: unknown): DocumentFault | null {
  if (typeof raw !== "object" || raw === null) return null;
  const open: Place[] = [{ value: raw, key: null, parent: null }];
  for (let place = open.pop(); place; place = open.pop()) {
    for (const [key, inner] of Object.entries(place.value)) {
      if (key === "__proto__") {
        return { path: writePath([...pathTo(place), key]), message: "is a reserved name and cannot be a field" };
      }
      if (typeof inner !== "object" || inner === null) continue;
      open.push({ value: inner, key: Array.isArray(place.value) ? Number(key) : key, parent: place });
    }
  }
  return null;
}

function pathTo(place: Place): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let at: Place | null = place; at !== null && at.key !== null; at = at.parent) path.unshift(at.key);
  return path;
}
