import { gzipSync, zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { isFault } from "../../src/protocol/fault.ts";
import { BODY_LIMITS, type BodyLimits, readJsonBody } from "../../src/protocol/json-body.ts";
import { responsesAdapter } from "../../src/protocol/responses.ts";
import { bytes, MODEL, rates } from "./wire.ts";

const JSON_TYPE = { "content-type": "application/json" };

function post(body: BodyInit | null, headers: Record<string, string> = JSON_TYPE): Request {
  return new Request("http://gateway.test/v1/responses", {
    method: "POST",
    body,
    headers,
    duplex: "half",
  } as RequestInit);
}

/** A body that comes in pieces, and tells how many of them were asked for. */
function chunked(pieces: number, size: number): { request: Request; asked: () => number } {
  let asked = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      asked += 1;
      controller.enqueue(bytes("x".repeat(size)));
      if (asked === pieces) controller.close();
    },
  });
  return { request: post(body), asked: () => asked };
}

async function faultOf(request: Request, limits: Partial<BodyLimits> = {}) {
  const answer = await readJsonBody(request, { ...BODY_LIMITS, ...limits });
  return isFault(answer) ? `${answer.status} ${answer.code}` : "accepted";
}

describe("a request body is read only if it is what it says", () => {
  it.each([
    ["text/plain", "415 unsupported_media_type"],
    ["application/json; charset=utf-16", "415 unsupported_media_type"],
    ["application/jsonp", "415 unsupported_media_type"],
    ["", "415 unsupported_media_type"],
    ["application/json; charset=utf-8", "accepted"],
    ['Application/JSON; charset="UTF-8"', "accepted"],
    ["application/json", "accepted"],
  ])("content type %j is answered %s", async (type, answer) => {
    expect(await faultOf(post("{}", { "content-type": type }))).toBe(answer);
  });

  it.each(["br", "deflate", "compress", "gzip, zstd", "zstd, identity"])("coding %j is refused", async (coding) => {
    expect(await faultOf(post("{}", { ...JSON_TYPE, "content-encoding": coding }))).toBe("415 unsupported_encoding");
  });

  it.each([
    ["nothing", null, "400 invalid_json"],
    ["an empty body", "", "400 invalid_json"],
    ["an array", "[]", "400 invalid_json"],
    ["a string", '"model"', "400 invalid_json"],
    ["null", "null", "400 invalid_json"],
    ["broken JSON", '{"model":', "400 invalid_json"],
    ["two objects", "{}{}", "400 invalid_json"],
    ["invalid UTF-8", Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d), "400 invalid_utf8"],
    ["UTF-8 cut in a character", bytes('{"a":"é').slice(0, -1), "400 invalid_utf8"],
  ])("%s is refused", async (_, body, answer) => {
    expect(await faultOf(post(body))).toBe(answer);
  });

  it("a byte order mark is accepted", async () => {
    expect(await readJsonBody(post(bytes('\uFEFF{"a":1}')))).toMatchObject({ value: { a: 1 } });
  });

  it("a client that goes away while sending is a fault and not an exception", async () => {
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(bytes("{"));
        controller.error(new Error("gone"));
      },
    });
    expect(await faultOf(post(body))).toBe("400 body_incomplete");
  });

  it("a client that sends too slowly is not waited for", async () => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes("{")) });
    expect(await faultOf(post(body), { readMs: 20 })).toBe("408 request_timeout");
  });
});

describe("a body costs no more than its limit", () => {
  it("is refused unread when it announces to be too large", async () => {
    const request = post('{"a":1}', { ...JSON_TYPE, "content-length": "5000000" });
    expect(await faultOf(request)).toBe("413 request_too_large");
    expect(request.bodyUsed).toBe(false);
  });

  it("is counted while it is read, and not read further than the limit", async () => {
    const { request, asked } = chunked(1_000, 1_000);
    expect(await faultOf(request, { bytes: 10_000 })).toBe("413 request_too_large");
    expect(asked()).toBeLessThan(14);
  });

  it("one byte below the limit is read, one above is not", async () => {
    const fits = JSON.stringify({ a: "x".repeat(92) });
    expect(await faultOf(post(fits), { bytes: 100 })).toBe("accepted");
    expect(await faultOf(post(` ${fits}`), { bytes: 100 })).toBe("413 request_too_large");
  });

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("%s is decoded, and a bomb is not", async (coding, compress) => {
    const headers = { ...JSON_TYPE, "content-encoding": coding };
    const read = async (request: Request) => {
      const body = await readJsonBody(request);
      return isFault(body) ? body : { value: body.value, digest: body.digest() };
    };
    const plain = await read(post('{"a":"é"}'));
    expect(await read(post(new Uint8Array(compress(bytes('{"a":"é"}'))), headers))).toEqual(plain);
    const bomb = compress(bytes(`{"a":"${"x".repeat(20_000_000)}"}`));
    expect(bomb.length).toBeLessThan(30_000);
    expect(await faultOf(post(new Uint8Array(bomb), headers))).toBe("413 request_too_large");
    expect(await faultOf(post("not compressed", headers))).toBe("400 invalid_encoding");
  });

  it("the same body has the same digest, another body another", async () => {
    const digest = async (text: string) => {
      const body = await readJsonBody(post(text));
      return isFault(body) ? null : body.digest();
    };
    expect(await digest('{"a":1}')).toBe("015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862");
    expect(await digest('{"a":2}')).not.toBe(await digest('{"a":1}'));
  });
});

describe("JSON that is made to be slow or to deceive", () => {
  it.each([
    ["100,000 levels of arrays", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`],
    ["100,000 levels of objects", `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`],
    ["200,000 members", JSON.stringify(Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`k${i}`, 0])))],
    ["2,000,000 elements", `{"a":[${"0,".repeat(1_999_999)}0]}`],
    ["65 levels", `${'{"a":'.repeat(64)}{}${"}".repeat(64)}`],
  ])("%s are refused", async (_, text) => {
    expect(await faultOf(post(text))).toBe("400 json_too_complex");
  });

  it("a conversation of 2 MB passes, and so does a long string", async () => {
    const item = { type: "message", role: "user", content: [{ type: "input_text", text: "word ".repeat(100) }] };
    const text = JSON.stringify({ model: MODEL, input: Array.from({ length: 3_600 }, () => item) });
    expect(text.length).toBeGreaterThan(2_000_000);
    expect(await faultOf(post(text))).toBe("accepted");
    expect(await faultOf(post(JSON.stringify({ a: "x".repeat(3_000_000) })))).toBe("accepted");
  });

  it.each(['{"__proto__":{"admin":true}}', '{"a":[{"b":{"__proto__":null}}]}', '{"__proto__":1,"a":2}'])(
    "%s is refused",
    async (text) => {
      expect(await faultOf(post(text))).toBe("400 invalid_json");
    },
  );

  it.each(['{"temperature":1e309}', '{"a":[{"b":[1,-1e400]}]}'])(
    "%s holds a number that could only be sent on as null",
    async (text) => {
      expect(await faultOf(post(text))).toBe("400 invalid_value");
    },
  );

  it("a tool may have a property called constructor", async () => {
    expect(await faultOf(post('{"tools":[{"parameters":{"properties":{"constructor":{},"prototype":{}}}}]}'))).toBe(
      "accepted",
    );
  });

  it("what is sent upstream holds only the value that was priced, whatever was written twice", async () => {
    const body = await readJsonBody(
      post(`{"model":"cheap","model":"${MODEL}","max_output_tokens":9,"max_output_tokens":5,"x":{"n":1,"n":2}}`),
    );
    if (isFault(body)) throw new Error(body.message);
    const request = responsesAdapter.prepare(body.value, rates());
    if (isFault(request)) throw new Error(request.message);
    expect(request.body({ model: MODEL, maxOutputTokens: null })).toBe(
      `{"model":"${MODEL}","max_output_tokens":5,"x":{"n":2}}`,
    );
    expect(request.bound.outputTokens).toBe(5);
  });
});
