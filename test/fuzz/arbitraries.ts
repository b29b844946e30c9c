import fc from "fast-check";
import type { Json, JsonObject } from "../../src/protocol/adapter.ts";

/** Names and texts that have surprised parsers before. */
const ODD_TEXTS = [
  "",
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "\0",
  "\ud800",
  "\ufeff",
  "\u2028",
  "\r\n\r\n",
  "../../etc/passwd",
  "%00%2e%2e",
  "'; DROP TABLE balances; --",
  "sk-spill-",
  "data:image/png;base64,AAAA",
  "NaN",
  "1e309",
  "-0",
  "9007199254740993",
  "\u202e",
  "a".repeat(5_000),
];
const ODD_NUMBERS = [0, -0, -1, 0.1, 1.5, 1e308, -1e308, 2 ** 53, 2 ** 53 - 1, 2 ** 63, 1e21, 5e-324];

export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.constantFrom(...ODD_TEXTS),
);

const { json } = fc.letrec<{ json: Json; array: Json[]; object: JsonObject }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constantFrom(...ODD_NUMBERS)),
    text,
    tie("array"),
    tie("object"),
  ),
  array: fc.array(tie("json"), { maxLength: 5 }),
  object: fc.dictionary(text, tie("json"), { maxKeys: 5, noNullPrototype: true }) as fc.Arbitrary<JsonObject>,
}));

/** Any JSON, with a liking for what is odd. */
export { json };

/** A JSON object that begins as one of `valid` and of which some members were changed, removed or added. */
export function nearly(valid: readonly Json[]): fc.Arbitrary<Json> {
  const edit = fc.record({
    way: fc.array(fc.nat({ max: 40 }), { maxLength: 6 }),
    act: fc.constantFrom("replace", "remove", "add"),
    name: text,
    value: json,
  });
  return fc.tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 4 })).map(([base, edits]) => {
    const changed = structuredClone(base);
    for (const { way, act, name, value } of edits) change(changed, way, act, name, structuredClone(value));
    // What is removed from a list leaves no hole: this comes from JSON.
    return JSON.parse(JSON.stringify(changed)) as Json;
  });
}

function change(root: Json, way: readonly number[], act: string, newName: string, value: Json): void {
  let container: Json = root;
  for (const [depth, step] of way.entries()) {
    if (typeof container !== "object" || container === null) return;
    const names: string[] = Object.keys(container);
    const name = names[step % Math.max(1, names.length)];
    if (name === undefined) return;
    const isLast = depth === way.length - 1;
    const inner: Json | undefined = Reflect.get(container, name);
    if (isLast && act === "replace") Reflect.set(container, name, value);
    else if (isLast && act === "remove") Reflect.deleteProperty(container, name);
    else if (isLast) define(container, newName, value);
    else if (inner !== undefined) container = inner;
  }
}

/** As `JSON.parse` does it, which makes even `__proto__` an ordinary member. */
function define(container: object, name: string, value: Json): void {
  const index = Array.isArray(container) ? String(container.length) : name;
  Object.defineProperty(container, index, { value, enumerable: true, configurable: true, writable: true });
}

/** Bytes that begin as one of `valid` and of which some were replaced, removed, repeated or cut off. */
export function nearlyBytes(valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat({ max: 100_000 }),
    drop: fc.nat({ max: 20 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      text.map((odd) => new TextEncoder().encode(odd)),
    ),
  });
  return fc.tuple(fc.constantFrom(...valid), fc.array(edit, { maxLength: 4 })).map(([base, edits]) =>
    edits.reduce((bytes, { at, drop, insert }) => {
      const from = at % (bytes.length + 1);
      return Uint8Array.from([...bytes.subarray(0, from), ...insert, ...bytes.subarray(from + drop)]);
    }, base),
  );
}

/** The same with texts. */
export function nearlyText(...valid: readonly string[]): fc.Arbitrary<string> {
  const encoder = new TextEncoder();
  return nearlyBytes(valid.map((text) => encoder.encode(text))).map((edited) => new TextDecoder().decode(edited));
}

/** Lengths of the pieces in which something arrives; what is left is the last piece. */
export const cuts: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 60 }),
  fc.constant(Array<number>(2_000).fill(1)),
);

/** `whole`, cut into pieces. */
export function cutInto(whole: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const length of lengths) {
    if (from >= whole.length) break;
    pieces.push(whole.slice(from, from + length));
    from += length;
  }
  return [...pieces, whole.slice(from)];
}

/** A body that arrives in pieces. */
export function streamOf(pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) if (piece.length > 0) controller.enqueue(piece);
      controller.close();
    },
  });
}
