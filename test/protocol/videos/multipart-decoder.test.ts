import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFault } from "../../../src/protocol/fault.ts";
import { MultipartDecoder } from "../../../src/protocol/videos/multipart-decoder.ts";
import { bytes, cuts, singleBytes } from "../wire.ts";
import { concat, formOf, head, hex, type Part } from "./forms.ts";

const SHORT = "xx";

/** Everything that a decoder makes of `pieces`, with the bytes of each part together. */
function decode(pieces: Iterable<Uint8Array>, boundary: string): string[] {
  const decoder = new MultipartDecoder(boundary);
  const told: string[] = [];
  let content: Uint8Array[] = [];
  for (const piece of pieces) {
    decoder.push(piece);
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      if (isFault(event)) return [...told, `fault ${event.code}`];
      if (event.kind === "data") content.push(event.bytes);
      else if (event.kind === "part") told.push(`part ${JSON.stringify(event.head)}`);
      else if (event.kind === "formEnd") told.push("formEnd");
      else {
        told.push(hex(concat(...content)));
        content = [];
      }
    }
  }
  return told;
}

function told(parts: readonly Part[]): string[] {
  return [
    ...parts.flatMap(({ name, content, filename = null, type }) => [
      `part ${JSON.stringify({ name, filename, contentType: type ?? (filename === null ? "text/plain" : "application/octet-stream") })}`,
      hex(concat(content)),
    ]),
    "formEnd",
  ];
}

const FORM: readonly Part[] = [
  { name: "prompt", content: "A cat,\r\nand --xx another" },
  { name: "video", content: concat("\r\n--x\r\n--", [0, 13, 10, 45, 255], "\r\n--xx?\r\r\n"), filename: "a b.mp4" },
  { name: "input_reference", content: "", filename: "猫 🐈.png", type: "image/png" },
  { name: "seconds", content: "8", type: "text/plain" },
];

/** Bytes of which many look like the beginning of a delimiter, but none is one. */
const nearlyDelimiters = fc
  .array(fc.constantFrom("\r", "\n", "-", "x", "\r\n", "\r\n--", "\r\n--x", "\r\n--xxx", "--xx--", "\0", "ÿ"), {
    maxLength: 40,
  })
  .map((pieces) => pieces.join(""))
  .filter((text) => !/\r\n--xx(\r\n|--)/.test(`${text}\r\n--x`));

const content = fc.oneof(
  nearlyDelimiters.map((text) => bytes(text)),
  fc.uint8Array({ maxLength: 300 }),
);

const part: fc.Arbitrary<Part> = fc.record(
  {
    name: fc.constantFrom("prompt", "model", "video[id]", "input_reference"),
    content,
    filename: fc.constantFrom("a.png", "", "ü ö", "a;b=c.mp4", "x: y"),
  },
  { requiredKeys: ["name", "content"] },
);

/** `whole`, cut into pieces of any lengths. */
function cutInto(whole: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const length of lengths) {
    pieces.push(whole.slice(from, from + length));
    from += length;
  }
  return [...pieces, whole.slice(from)];
}

describe("a form is read the same, however it is cut", () => {
  const whole = formOf(FORM, SHORT);

  it("in one piece", () => {
    expect(decode([whole], SHORT)).toEqual(told(FORM));
  });

  it("into two at every byte", () => {
    for (const pieces of cuts(whole)) expect(decode(pieces, SHORT)).toEqual(told(FORM));
  });

  it("byte by byte", () => {
    expect(decode(singleBytes(whole), SHORT)).toEqual(told(FORM));
  });

  it("any form, into any pieces", () => {
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(60)), (parts, lengths) => {
        expect(decode(cutInto(formOf(parts, SHORT), lengths), SHORT)).toEqual(told(parts));
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["line ends", "\r"],
    ["beginnings of a delimiter", "\r\n--x"],
    ["delimiters that are followed by something else", "\r\n--xx?"],
  ])("a file full of %s takes no longer than others", (_, text) => {
    const large = bytes(text.repeat(8_000_000 / text.length));
    const whole = formOf([{ name: "video", content: large, filename: "v" }], SHORT);
    const started = process.cpuUsage();
    const decoder = new MultipartDecoder(SHORT);
    let passed = 0;
    for (let from = 0; from < whole.length; from += 65_536) {
      decoder.push(whole.subarray(from, from + 65_536));
      for (let event = decoder.next(); event !== null; event = decoder.next()) {
        if (!isFault(event) && event.kind === "data") passed += event.bytes.length;
      }
    }
    expect(passed).toBe(large.length);
    // Of the processor, in microseconds: quadratic work would take minutes of it.
    expect(process.cpuUsage(started).user).toBeLessThan(10_000_000);
  });
});

describe("what is no form is refused", () => {
  const open = `--${SHORT}\r\n`;
  const disposition = 'Content-Disposition: form-data; name="a"';

  it.each<[string, string | Uint8Array]>([
    ["text before the first delimiter", `hello\r\n${open}${disposition}\r\n\r\nx`],
    ["another boundary", '--yy\r\nContent-Disposition: form-data; name="a"\r\n\r\nx'],
    ["JSON", '{"model":"sora-2"}'],
    ["a part without headers", `${open}\r\nx\r\n--xx--\r\n\r\n`],
    ["a part without a disposition", `${open}Content-Type: text/plain\r\n\r\nx`],
    ["a part without a name", `${open}Content-Disposition: form-data\r\n\r\nx`],
    ["a part that is an attachment", `${open}Content-Disposition: attachment; name="a"\r\n\r\nx`],
    ["two names", `${open}${disposition}; name="b"\r\n\r\nx`],
    ["two names in different case", `${open}${disposition}; NAME="b"\r\n\r\nx`],
    ["two dispositions", `${open}${disposition}\r\n${disposition}\r\n\r\nx`],
    ["a disposition that does not end", `${open}Content-Disposition: form-data; name="a\r\n\r\nx`],
    ["an extended file name", `${open}${disposition}; filename*=utf-8''a\r\n\r\nx`],
    ["a folded header", `${open}Content-Disposition: form-data;\r\n name="a"\r\n\r\nx`],
    ["a line feed within a header", `${open}Content-Disposition: form-data; name="a\nb"\r\n\r\nx`],
    ["a header without a colon", `${open}${disposition}\r\nhello\r\n\r\nx`],
    ["a header without a name", `${open}${disposition}\r\n: x\r\n\r\nx`],
    ["an encoded part", `${open}${disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\neA==`],
    ["a text in another character set", `${open}${disposition}\r\nContent-Type: text/plain; charset=utf-16\r\n\r\nx`],
    ["headers that are not UTF-8", concat(`${open}Content-Disposition: form-data; name="`, [0xff], '"\r\n\r\nx')],
    ["a giant header", `${open}${disposition}; filename="${"x".repeat(5_000)}"\r\n\r\nx`],
    ["a header that never ends", `${open}X-A: ${"x".repeat(1_000_000)}`],
    ["very many headers", `${open}${"X-A: b\r\n".repeat(1_000)}`],
  ])("%s", (_, text) => {
    const whole = typeof text === "string" ? bytes(text) : text;
    expect(decode([whole], SHORT).at(-1)).toBe("fault invalid_multipart");
    expect(decode(cutInto(whole, new Array(200).fill(37)), SHORT).at(-1)).toBe("fault invalid_multipart");
  });

  it("whatever bytes come, it never throws and never tells of an end that is not there", () => {
    const noise = fc.oneof(
      nearlyDelimiters.map((text) => bytes(text)),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(noise, (garbage) => {
        const all = decode([concat(open, disposition, "\r\n\r\n", garbage)], SHORT);
        expect(all).toHaveLength(1);
        decode([garbage], SHORT);
      }),
    );
  });

  it("nothing is read after the closing delimiter", () => {
    const whole = concat(formOf(FORM, SHORT), formOf([{ name: "seconds", content: "3600" }], SHORT));
    expect(decode([whole], SHORT)).toEqual(told(FORM));
    expect(decode(singleBytes(whole), SHORT)).toEqual(told(FORM));
  });

  it("a decoder keeps no more than it must", () => {
    const decoder = new MultipartDecoder(SHORT);
    decoder.push(bytes(head({ name: "video", content: "", filename: "v" }, SHORT)));
    expect(decoder.next()).toMatchObject({ kind: "part" });
    let passed = 0;
    for (let pushed = 0; pushed < 1_000; pushed += 1) {
      decoder.push(bytes("\r\n--\r\r\n--x".repeat(100)));
      for (let event = decoder.next(); event !== null; event = decoder.next()) {
        if (!isFault(event) && event.kind === "data") passed += event.bytes.length;
      }
      expect((pushed + 1) * 1_000 - passed).toBeLessThan(8);
    }
  });
});
