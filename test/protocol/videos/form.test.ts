import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FormLimits } from "../../../src/protocol/videos/form.ts";
import { HeldBytes } from "../../../src/protocol/videos/held-bytes.ts";
import type { UpstreamBody } from "../../../src/protocol/videos/video-body.ts";
import { bytes, cuts, singleBytes } from "../wire.ts";
import {
  accepted,
  BOUNDARY,
  concat,
  formOf,
  formRequest,
  head,
  hex,
  type Part,
  received,
  refusal,
  refused,
  Sender,
} from "./forms.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const PIECE = 64 * KIB;
/** Small enough that every byte of a form can be a test of its own. */
const TINY: FormLimits = { totalBytes: 4_000, heldBytes: 200, wholeBytes: 20 };

const PRICED: readonly Part[] = [
  { name: "model", content: "sora-2-pro" },
  { name: "seconds", content: "12" },
  { name: "size", content: "1024x1792" },
];
const PROMPT_TEXT = "A calico cat 🐈 playing\r\na piano";
const PROMPT: Part = { name: "prompt", content: PROMPT_TEXT };

function file(content: string | Uint8Array): Part {
  return { name: "input_reference", content, filename: "猫.png", type: "image/png" };
}

const UPSTREAM_TEXTS = [
  { name: "model", value: "sora-up" },
  { name: "prompt", value: PROMPT_TEXT },
  { name: "seconds", value: "12" },
  { name: "size", value: "1024x1792" },
];

function byName(parts: Awaited<ReturnType<typeof received>>): typeof parts {
  return parts.toSorted((a, b) => a.name.localeCompare(b.name));
}

/** What the upstream understands of a form with a file, whose bytes are given as hex. */
function expected(content: string | Uint8Array) {
  return byName([
    ...UPSTREAM_TEXTS,
    { name: "input_reference", filename: "猫.png", type: "image/png", content: hex(concat(content)) },
  ]);
}

const send = { model: "sora-up" };

/** A file of `size` bytes in pieces, without ever being there as a whole. */
function* filePieces(size: number): Generator<Uint8Array> {
  for (let at = 0; at < size; at += PIECE) yield new Uint8Array(Math.min(PIECE, size - at)).fill(at / PIECE);
}

function* largeForm(before: readonly Part[], size: number, after: readonly Part[]): Generator<Uint8Array> {
  yield concat(...before.flatMap((part) => [head(part), part.content, "\r\n"]), head(file("")));
  yield* filePieces(size);
  yield concat("\r\n", formOf(after));
}

/** Takes what is sent upstream piece by piece; `onPiece` sees how much was taken so far. */
async function drain({ body }: UpstreamBody, onPiece: (taken: number) => void = () => undefined): Promise<number> {
  if (body instanceof Uint8Array) return body.length;
  const reader = body.getReader();
  let taken = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    taken += next.value.length;
    onPiece(taken);
  }
  return taken;
}

describe("upstream gets the same form, in a boundary of the gateway's own", () => {
  it("a small form is read whole and sent as bytes, as often as needed", async () => {
    const request = await accepted(formRequest(formOf([file("\0PNG"), PROMPT, ...PRICED])));
    expect(request).toMatchObject({ model: "sora-2-pro", seconds: 12, size: "1024x1792", whole: true });
    const first = request.toUpstream(send);
    expect(first.body).toBeInstanceOf(Uint8Array);
    expect(first.contentType).not.toContain(BOUNDARY);
    expect(byName(await received(first))).toEqual(expected("\0PNG"));
    const second = request.toUpstream({ model: "other" });
    expect(second.contentType).not.toBe(first.contentType);
    expect(await received(second)).toContainEqual({ name: "model", value: "other" });
  });

  it("a form is the same cut at every byte, whether it is held or passes", async () => {
    const content = "x".repeat(40);
    for (const limits of [TINY, { ...TINY, wholeBytes: 100 }]) {
      for (const pieces of cuts(formOf([PROMPT, ...PRICED, file(content)]))) {
        const request = await accepted(formRequest(new Sender(pieces)), { form: limits });
        expect(request.whole).toBe(limits.wholeBytes === 100);
        expect(byName(await received(request.toUpstream(send)))).toEqual(expected(content));
      }
    }
  });

  it("any order, any content, any pieces", async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 150 }),
      fc
        .array(fc.constantFrom("\r\n", "--", BOUNDARY, `\r\n--${BOUNDARY}x`, `--${BOUNDARY}--`, "\0"), { maxLength: 4 })
        .map((pieces) => bytes(pieces.join("")))
        .filter((text) => text.length < 150)
        // Whoever writes a form chooses a boundary with which this cannot be.
        .filter(
          (text) =>
            !new RegExp(`\r\n--${BOUNDARY}(\r\n|--)`).test(new TextDecoder().decode(concat("\r\n", text, "\r\n--"))),
        ),
    );
    const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
    await fc.assert(
      fc.asyncProperty(content, order, fc.array(fc.integer({ min: 1, max: 90 })), async (inFile, places, lengths) => {
        const parts = places.map((place) => [PROMPT, ...PRICED, file(inFile)][place] ?? PROMPT);
        const whole = formOf(parts);
        const pieces = lengths.map((length, index) => {
          const from = lengths.slice(0, index).reduce((sum, before) => sum + before, 0);
          return whole.slice(from, from + length);
        });
        const rest = whole.slice(lengths.reduce((sum, length) => sum + length, 0));
        const request = await accepted(formRequest(new Sender([...pieces, rest])), { form: TINY });
        expect(request).toMatchObject({ model: "sora-2-pro", seconds: 12, size: "1024x1792" });
        const upstream = request.toUpstream(send);
        expect(byName(await received(upstream))).toEqual(expected(inFile));
        expect(upstream.fault()).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  it("a file name cannot say more than a file's name", async () => {
    const part = { ...file("x"), filename: 'a\\\\b\\"; name=\\"seconds\\"; x=\\"' };
    const request = await accepted(formRequest(formOf([PROMPT, ...PRICED, part])));
    const { body, contentType } = request.toUpstream(send);
    expect(new TextDecoder().decode(body as Uint8Array)).toContain('filename="a%5Cb%22; name=%22seconds%22; x=%22"');
    expect(
      byName(await received({ body, contentType, broken: null, sentAt: () => 0, fault: () => null })).map(
        ({ name }) => name,
      ),
    ).toEqual(expected("").map(({ name }) => name));
  });
});

describe("a large file passes without being held", () => {
  const size = 60 * MIB;

  it("when the text fields come first, little more is read than upstream has taken", async () => {
    const sender = new Sender(largeForm([PROMPT, ...PRICED], size, []));
    const request = await accepted(formRequest(sender));
    expect(request.whole).toBe(false);
    // What was read to see whether the form is a small one.
    expect(sender.asked).toBeLessThan(MIB + 4 * PIECE);
    const upstream = request.toUpstream(send);
    const taken = await drain(upstream, (soFar) => expect(sender.asked - soFar).toBeLessThan(MIB + 4 * PIECE));
    expect(taken).toBeGreaterThan(size);
    expect(taken).toBeLessThan(size + 2 * KIB);
  });

  it("nothing is read while nothing is taken", async () => {
    const sender = new Sender(largeForm([PROMPT, ...PRICED], size, []));
    const request = await accepted(formRequest(sender));
    const before = sender.asked;
    request.toUpstream(send);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(sender.asked).toBe(before);
  });

  it("can be sent once only", async () => {
    const request = await accepted(formRequest(new Sender(largeForm([PROMPT, ...PRICED], 2 * MIB, []))));
    request.toUpstream(send);
    expect(() => request.toUpstream(send)).toThrow("only once");
  });

  it("when it comes first it is held up to a bound, and refused beyond it", async () => {
    const sender = new Sender(largeForm([], size, [PROMPT, ...PRICED]));
    const answer = await refused(formRequest(sender));
    expect(answer).toMatchObject({ status: 400, code: "fields_after_file" });
    expect(answer.message).toMatch(/text fields before the file.*'seconds'/);
    expect(sender.asked).toBeLessThan(8 * MIB + 3 * PIECE);
    expect(sender.isLeft).toBe(true);
  });

  it("when it comes first and fits, it is held and goes on whole", async () => {
    const content = concat(...filePieces(3 * MIB));
    const request = await accepted(formRequest(new Sender(largeForm([], 3 * MIB, [PROMPT, ...PRICED]))));
    expect(byName(await received(request.toUpstream(send)))).toEqual(expected(content));
  });

  it("without the fields whose default is priced, it is refused: they could still come", async () => {
    const sender = new Sender(largeForm([PROMPT], size, []));
    expect(await refusal(formRequest(sender))).toBe("400 fields_after_file");
  });

  it("byte by byte it takes no more memory than its bytes", async () => {
    const held = new HeldBytes();
    for (const byte of singleBytes(new Uint8Array(200_000).fill(7))) held.append(byte);
    expect([...held.pieces()].map(({ buffer }) => buffer.byteLength)).toEqual([PIECE, PIECE, PIECE, PIECE]);

    const sender = new Sender(singleBytes(formOf([file("x".repeat(150_000)), PROMPT, ...PRICED])));
    const request = await accepted(formRequest(sender));
    expect(byName(await received(request.toUpstream(send)))).toEqual(expected("x".repeat(150_000)));
  });

  it("is limited as a whole: announced, or counted while it is read", async () => {
    const announced = new Sender(largeForm([PROMPT, ...PRICED], MIB, []));
    expect(await refusal(formRequest(announced, undefined, { "content-length": String(101 * MIB) }))).toBe(
      "413 request_too_large",
    );
    expect(announced.asked).toBe(0);

    const counted = new Sender(largeForm([PROMPT, ...PRICED], 101 * MIB, []));
    const upstream = (await accepted(formRequest(counted))).toUpstream(send);
    await expect(drain(upstream)).rejects.toThrow("larger than");
    expect(upstream.fault()).toMatchObject({ status: 413, code: "request_too_large" });
    expect(counted.isLeft).toBe(true);
  });
});

describe("what was priced cannot be said otherwise later", () => {
  const large = "x".repeat(60);

  it.each<[string, Part, string]>([
    ["another length", { name: "seconds", content: "3600" }, "duplicate_parameter"],
    ["the same length again", { name: "seconds", content: "12" }, "duplicate_parameter"],
    ["another model", { name: "model", content: "dearer" }, "duplicate_parameter"],
    ["another size", { name: "size", content: "1792x1024" }, "duplicate_parameter"],
    ["another prompt", { name: "prompt", content: "x" }, "duplicate_parameter"],
    ["more than one", { name: "n", content: "2" }, "invalid_value"],
    ["its length as a list", { name: "seconds[]", content: "3600" }, "unsupported_parameter"],
    ["its length in capitals", { name: "Seconds", content: "3600" }, "unsupported_parameter"],
    ["its length by another name", { name: "n_seconds", content: "3600" }, "unsupported_parameter"],
    ["its length in a file", { name: "seconds", content: "3600", filename: "s" }, "invalid_value"],
    ["a second file", file("y"), "duplicate_parameter"],
    ["an image by its URL", { name: "input_reference[image_url]", content: "https://a.test" }, "duplicate_parameter"],
    ["a stored file", { name: "input_reference[file_id]", content: "file_1" }, "unsupported_parameter"],
    ["a name that an object has by itself", { name: "__proto__", content: "x" }, "unsupported_parameter"],
  ])("%s", async (_, attack, code) => {
    // In a small form, and behind a file that is already on its way.
    const whole = formOf([PROMPT, ...PRICED, file(large), attack]);
    expect((await refused(formRequest(whole))).code).toBe(code);

    const sender = new Sender(singleBytes(whole));
    const request = await accepted(formRequest(sender), { form: TINY });
    expect(request.whole).toBe(false);
    const upstream = request.toUpstream(send);
    const passed: Uint8Array[] = [];
    const reader = (upstream.body as ReadableStream<Uint8Array>).getReader();
    await expect(
      (async () => {
        for (let next = await reader.read(); !next.done; next = await reader.read()) passed.push(next.value);
      })(),
    ).rejects.toThrow();
    expect(upstream.fault()).toMatchObject({ status: 400, code });
    expect(upstream.broken?.aborted).toBe(true);
    expect(sender.isLeft).toBe(true);
    // Upstream never sees the end of the form, nor anything of the attack.
    const text = new TextDecoder().decode(concat(...passed));
    expect(text.trimEnd()).toMatch(/x$/);
    expect(text.replace(/^--.*$/gm, "--")).not.toContain("3600");
  });

  it("a field that is allowed and was not yet there may still come", async () => {
    const whole = formOf([PROMPT, ...PRICED, file(large), { name: "seed", content: "7" }]);
    const request = await accepted(formRequest(whole), { form: TINY });
    expect(await received(request.toUpstream(send))).toContainEqual({ name: "seed", value: "7" });
  });
});

describe("a form that is broken ends with a fault and never hangs", () => {
  const whole = formOf([PROMPT, ...PRICED, file("x".repeat(40))]);

  it("cut anywhere, whether the connection ends or breaks", async () => {
    for (const atEnd of ["close", "break"] as const) {
      for (let length = 0; length < whole.length - 2; length += 1) {
        const sender = new Sender([whole.slice(0, length)], atEnd);
        expect(await refusal(formRequest(sender), { form: { ...TINY, wholeBytes: 100 } })).toBe("400 body_incomplete");
      }
    }
  });

  it("cut while it is on its way upstream, upstream never sees an end", async () => {
    const sender = new Sender([whole.slice(0, -8)]);
    const upstream = (await accepted(formRequest(sender), { form: TINY })).toUpstream(send);
    expect(upstream.broken?.aborted).toBe(false);
    await expect(drain(upstream)).rejects.toThrow();
    expect(upstream.broken?.aborted).toBe(true);
    expect(upstream.fault()).toMatchObject({ status: 400, code: "body_incomplete" });
  });

  it("a sender that stops is waited for only as long as the caller says", async () => {
    const sender = new Sender([whole.slice(0, 100)], "hang");
    expect(await refusal(formRequest(sender), { signal: AbortSignal.timeout(20) })).toBe("408 request_timeout");
    expect(sender.cancelled).toBe(true);
    expect(await refusal(formRequest(new Sender([whole])), { signal: AbortSignal.abort() })).toBe(
      "408 request_timeout",
    );
  });

  it("a sender that stops behind the fields is waited for no longer either", async () => {
    const abort = new AbortController();
    const sender = new Sender([whole.slice(0, -20)], "hang");
    const request = await accepted(formRequest(sender), { form: TINY, signal: abort.signal });
    const upstream = request.toUpstream(send);
    const drained = drain(upstream);
    setTimeout(() => abort.abort(), 20);
    await expect(drained).rejects.toThrow();
    expect(upstream.fault()).toMatchObject({ status: 408 });
    expect(sender.cancelled).toBe(true);
  });

  it("a request that goes no further leaves its sender to whoever answers", async () => {
    const sender = new Sender(largeForm([PROMPT, ...PRICED], 20 * MIB, []));
    (await accepted(formRequest(sender))).cancel();
    await new Promise((resolve) => setTimeout(resolve));
    expect(sender.isLeft).toBe(true);
  });

  it("an upstream that stops reading leaves the sender to whoever answers", async () => {
    const sender = new Sender(largeForm([PROMPT, ...PRICED], 20 * MIB, []));
    const { body } = (await accepted(formRequest(sender))).toUpstream(send);
    await (body as ReadableStream<Uint8Array>).cancel();
    expect(sender.isLeft).toBe(true);
  });

  it.each([
    ["no boundary", "multipart/form-data", "400 invalid_multipart"],
    ["an empty boundary", 'multipart/form-data; boundary=""', "400 invalid_multipart"],
    ["two boundaries", "multipart/form-data; boundary=a; boundary=b", "415 unsupported_media_type"],
    ["a very long boundary", `multipart/form-data; boundary=${"x".repeat(71)}`, "400 invalid_multipart"],
    ["a boundary with a quote in it", 'multipart/form-data; boundary="a\\"b"', "400 invalid_multipart"],
    ["another boundary", "multipart/form-data; boundary=other", "400 invalid_multipart"],
    ["another kind of form", "application/x-www-form-urlencoded", "415 unsupported_media_type"],
    ["another kind of parts", `multipart/mixed; boundary=${BOUNDARY}`, "415 unsupported_media_type"],
    ["no type", "", "415 unsupported_media_type"],
    ["a quoted boundary", `Multipart/Form-Data; charset=utf-8; Boundary="${BOUNDARY}"`, "accepted"],
  ])("%s", async (_, contentType, answer) => {
    const request = formRequest(whole, contentType);
    expect(answer === "accepted" ? (await accepted(request)) && answer : await refusal(request)).toBe(answer);
  });

  it.each<[string, Uint8Array, string]>([
    ["nothing", bytes(""), "400 body_incomplete"],
    ["a form without parts", bytes(`--${BOUNDARY}--\r\n`), "400 missing_required_parameter prompt"],
    [
      "a text that is not UTF-8",
      formOf([...PRICED, { name: "prompt", content: Uint8Array.of(0xc3, 0x28) }]),
      "400 invalid_utf8 prompt",
    ],
    [
      "a giant text",
      formOf([{ name: "prompt", content: "x".repeat(130_000) }, ...PRICED]),
      "413 request_too_large prompt",
    ],
    ["a giant model", formOf([{ name: "model", content: "x".repeat(2_000) }]), "413 request_too_large model"],
  ])("%s", async (_, body, answer) => {
    expect(await refusal(formRequest(body))).toBe(answer);
  });

  it("a compressed form is refused", async () => {
    expect(await refusal(formRequest(whole, undefined, { "content-encoding": "gzip" }))).toBe(
      "415 unsupported_encoding",
    );
  });
});

describe("the same request has the same digest", () => {
  const digest = async (parts: readonly Part[], form?: FormLimits, boundary = BOUNDARY) => {
    const request = formRequest(formOf(parts, boundary), `multipart/form-data; boundary=${boundary}`);
    return (await accepted(request, form ? { form } : {})).digest();
  };

  it("in another boundary and another order, but not with another content", async () => {
    const parts = [PROMPT, ...PRICED, file("x")];
    const same = await digest(parts);
    expect(same).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest([...parts].reverse(), undefined, "other")).toBe(same);
    const others = [
      [{ ...PROMPT, content: "x" }, ...PRICED, file("x")],
      [PROMPT, ...PRICED, file("y")],
      [PROMPT, ...PRICED, { ...file("x"), filename: "y" }],
      [PROMPT, ...PRICED],
      [PROMPT, ...PRICED, file("x"), { name: "seed", content: "1" }],
    ];
    expect(new Set([same, ...(await Promise.all(others.map((other) => digest(other))))]).size).toBe(6);
  });

  it("of a form that passes, only the fields that are needed count: the rest is not known yet", async () => {
    const same = await digest([PROMPT, ...PRICED, file("x".repeat(60))], TINY);
    expect(await digest([...PRICED, PROMPT, file("y".repeat(90))], TINY)).toBe(same);
    expect(await digest([{ ...PROMPT, content: "x" }, ...PRICED, file("x".repeat(60))], TINY)).not.toBe(same);
  });
});
