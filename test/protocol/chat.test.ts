import { describe, expect, it } from "vitest";
import type { BodyChanges, Json, JsonObject } from "../../src/protocol/adapter.ts";
import { chatAdapter } from "../../src/protocol/chat.ts";
import { EVENT_BYTES } from "../../src/protocol/sse.ts";
import { bytes, chunks, cuts, joined, MODEL, prepared, readIn, refused, singleBytes, through } from "./wire.ts";

const MESSAGES: JsonObject = { messages: [{ role: "user", content: "Hello" }] };
const prepare = (body: JsonObject, rate = {}) => prepared(chatAdapter, { ...MESSAGES, ...body }, rate);
const refuse = (body: JsonObject, rate = {}) => refused(chatAdapter, { ...MESSAGES, ...body }, rate);

const AS_ASKED: BodyChanges = { model: MODEL, maxOutputTokens: null };

const chunk = (delta: JsonObject, more: JsonObject = {}): JsonObject => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  choices: [{ index: 0, delta, finish_reason: null, ...more }],
  usage: null,
});
const USAGE: JsonObject = {
  prompt_tokens: 9,
  completion_tokens: 12,
  total_tokens: 21,
  completion_tokens_details: { reasoning_tokens: 4 },
};
const USAGE_CHUNK: JsonObject = {
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  choices: [],
  service_tier: "default",
  usage: USAGE,
};
const CONTENT = [
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "Grüße 東京" }),
  chunk({ content: ' "usage":{}' }),
];
const LAST = chunk({}, { finish_reason: "stop" });

describe("a chat request", () => {
  it("reserves its output bound for each of its choices", () => {
    expect(prepare({ max_completion_tokens: 100 }).bound.outputTokens).toBe(100);
    expect(prepare({ max_completion_tokens: 100, n: 3 }).bound.outputTokens).toBe(300);
    expect(prepare({ max_tokens: 50, n: 128 }).bound.outputTokens).toBe(6_400);
    expect(prepare({ max_tokens: 50, max_completion_tokens: 70 }).bound.outputTokens).toBe(70);
    expect(prepare({ max_tokens: 1e9 }).bound.outputTokens).toBe(128_000);
    expect(prepare({ n: 2 })).toMatchObject({ openOutput: false, bound: { outputTokens: 256_000 } });
    expect(prepare({ n: null })).toMatchObject({ openOutput: true, bound: { outputTokens: 128_000 } });
  });

  it.each<[string, JsonObject, JsonObject]>([
    ["sets the newer member", {}, { max_completion_tokens: 40 }],
    ["replaces the newer member", { max_completion_tokens: 90 }, { max_completion_tokens: 40 }],
    ["replaces the older member where that is used", { max_tokens: 90 }, { max_tokens: 40 }],
    ["replaces both", { max_tokens: 90, max_completion_tokens: 80 }, { max_tokens: 40, max_completion_tokens: 40 }],
    ["is shared by the choices", { n: 4 }, { n: 4, max_completion_tokens: 10 }],
  ])("a clamp %s", (_, body, sent) => {
    expect(JSON.parse(prepare(body).body({ model: MODEL, maxOutputTokens: 40 }))).toEqual({
      model: "gpt-5.4",
      ...MESSAGES,
      ...sent,
    });
  });

  it.each<Json>([0, 129, 1.5, "2", -1])("n = %j is refused", (n) => {
    expect(refuse({ n })).toMatchObject({ status: 400, param: "n" });
  });

  it.each<Json>([JSON.parse("1e309"), -1, 0, 1.5, "100", Number.MAX_SAFE_INTEGER + 1])(
    "max_tokens = %j is refused",
    (max) => {
      expect(refuse({ max_tokens: max })).toMatchObject({ status: 400, param: "max_tokens" });
      expect(refuse({ max_completion_tokens: max })).toMatchObject({ status: 400, param: "max_completion_tokens" });
    },
  );

  it.each<[string, JsonObject]>([
    ["background", { background: true }],
    ["audio", { audio: { voice: "alloy", format: "mp3" } }],
    ["modalities", { modalities: ["text", "audio"] }],
    ["best_of", { best_of: 2 }],
    ["web_search_options", { web_search_options: {}, model: "gpt-5.4" }],
    [
      "messages[0].content[0].type",
      { messages: [{ role: "user", content: [{ type: "input_audio", input_audio: {} }] }] },
    ],
    [
      "messages[0].content[0].file_id",
      { messages: [{ role: "user", content: [{ type: "file", file: { file_id: "file-1" } }] }] },
    ],
    ["tools[0].type", { tools: [{ type: "file_search" }] }],
  ])("%s is refused", (param, body) => {
    expect(refuse(body, { perCall: {} })).toMatchObject({ status: 400, code: "unsupported_parameter", param });
  });

  it("anything else passes untouched", () => {
    const body: JsonObject = {
      store: true,
      modalities: ["text"],
      seed: 7,
      tools: [{ type: "function", function: { name: "f" } }],
      future: { a: [1] },
    };
    expect(JSON.parse(prepare(body).body(AS_ASKED))).toEqual({ model: "gpt-5.4", ...MESSAGES, ...body });
  });

  it("a search that is asked for is one call", () => {
    const request = prepare({ web_search_options: {} });
    expect(request.bound.calls).toEqual({ web_search: 1 });
    const answer = { choices: [{ message: { content: "x" } }], usage: USAGE };
    expect(request.read(JSON.stringify(answer)).usage?.calls).toEqual({ web_search: 1 });
  });

  it.each<Json>([true, "x", []])("stream_options = %j are refused", (options) => {
    expect(refuse({ stream: true, stream_options: options })).toMatchObject({ status: 400, param: "stream_options" });
  });
});

describe("a chat stream always reports its usage to the gateway", () => {
  it.each<[JsonObject, JsonObject, boolean]>([
    [{}, { include_usage: true }, true],
    [{ stream_options: null }, { include_usage: true }, true],
    [
      { stream_options: { include_usage: false, include_obfuscation: false } },
      { include_usage: true, include_obfuscation: false },
      true,
    ],
    [{ stream_options: { include_usage: true } }, { include_usage: true }, false],
  ])("%j sends %j", (body, options, hides) => {
    const request = prepare({ stream: true, ...body });
    expect(JSON.parse(request.body(AS_ASKED)).stream_options).toEqual(options);
    const rewriter = request.rewrite?.();
    if (!rewriter) throw new Error("nothing reads the stream on its way to the client");
    expect(through(rewriter, [bytes(chunks([USAGE_CHUNK]))]).includes('"usage"')).toBe(!hides);
  });

  it("and a whole answer needs nothing", () => {
    const request = prepare({});
    expect(JSON.parse(request.body(AS_ASKED))).not.toHaveProperty("stream_options");
    expect(request.rewrite).toBeNull();
  });

  it.each(["\n", "\r\n", "\r"])("read the same wherever it is cut, with lines ended by %j", (lineEnd) => {
    const request = prepare({ stream: true });
    const whole = bytes(chunks([...CONTENT, LAST, USAGE_CHUNK], lineEnd));
    const expected = readIn(request.meter(), [whole]);
    expect(expected).toMatchObject({
      end: "completed",
      usage: { inputTokens: 9, outputTokens: 12, reasoningTokens: 4, serviceTier: null },
      invalid: null,
      counted: { outputTokens: 2 },
      produced: true,
      answerId: "chatcmpl-1",
    });
    for (const pieces of cuts(whole)) expect(readIn(request.meter(), pieces)).toEqual(expected);
    expect(readIn(request.meter(), singleBytes(whole))).toEqual(expected);
  });

  it.each<[string, string, object]>([
    [
      "the last usage that can be true",
      chunks([
        USAGE_CHUNK,
        { choices: [], usage: { ...USAGE, prompt_tokens: 8 } },
        { choices: [], usage: { prompt_tokens: "9" } },
      ]),
      { usage: { inputTokens: 8 }, invalid: null },
    ],
    ["no usage after the end marker", chunks(CONTENT) + chunks([USAGE_CHUNK]), { end: "completed", usage: null }],
    [
      "usage beside the last choice",
      chunks([...CONTENT, { ...LAST, usage: USAGE }]),
      { end: "completed", usage: { outputTokens: 12 } },
    ],
    [
      "an answer cut short by its bound",
      chunks([...CONTENT, chunk({}, { finish_reason: "length" }), USAGE_CHUNK]),
      { end: "incomplete" },
    ],
    [
      "an answer without the end marker, whose choice has a reason to end",
      chunks([...CONTENT, LAST]).replace("data: [DONE]\n\n", ""),
      { end: "completed", usage: null },
    ],
    [
      "an answer without an end",
      chunks(CONTENT).replace("data: [DONE]\n\n", ""),
      { end: "open", usage: null, produced: true },
    ],
    ["an error", 'data: {"error":{"message":"no"}}\n\n', { end: "failed", produced: false }],
    [
      "calls of tools",
      chunks([chunk({ tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] })]),
      { produced: true, counted: { outputTokens: 1 } },
    ],
    ["nothing", "", { end: "open", produced: false, usage: null }],
  ])("%s", (_, text, reading) => {
    expect(readIn(prepare({ stream: true }).meter(), [bytes(text)])).toMatchObject(reading);
  });

  it("without the end marker every choice that was asked for must have ended", () => {
    const text = chunks([...CONTENT, LAST, chunk({ content: "and" }, { index: 1 })]).replace("data: [DONE]\n\n", "");
    const meter = prepare({ stream: true, n: 2 }).meter();
    expect(readIn(meter, [bytes(text)]).end).toBe("open");
    expect(readIn(meter, [bytes(chunks([LAST]).replace("data: [DONE]\n\n", ""))]).end).toBe("completed");
  });

  it("usage that leaves open how much of the input was cached is told to be partial", () => {
    const partial: JsonObject = { choices: [], usage: { ...USAGE, prompt_tokens_details: { audio_tokens: 0 } } };
    const read = (last: JsonObject) => readIn(prepare({ stream: true }).meter(), [bytes(chunks([...CONTENT, last]))]);
    expect(read(partial)).toMatchObject({ usage: { inputTokens: 9 }, partial: true });
    expect(read(USAGE_CHUNK)).toMatchObject({ usage: { inputTokens: 9 }, partial: false, itemIds: [] });
  });

  it("usage that cannot be true is named", () => {
    const text = chunks([...CONTENT, { choices: [], usage: { prompt_tokens: -1, completion_tokens: 5 } }]);
    expect(readIn(prepare({ stream: true }).meter(), [bytes(text)])).toMatchObject({
      usage: null,
      invalid: "a count is not a whole number",
    });
  });
});

describe("a client that did not ask for usage does not see it", () => {
  const rewriter = () => {
    const rewrite = prepare({ stream: true }).rewrite;
    if (!rewrite) throw new Error("nothing hides the usage");
    return rewrite();
  };
  const hide = (pieces: Iterable<Uint8Array>) => through(rewriter(), pieces);

  it.each(["\n", "\r\n", "\r"])(
    "and every other byte is as it was, wherever it is cut, with lines ended by %j",
    (lineEnd) => {
      const before = `: ping${lineEnd}${lineEnd}${chunks([...CONTENT, LAST], lineEnd).replace(`data: [DONE]${lineEnd}${lineEnd}`, "")}`;
      const after = `data: [DONE]${lineEnd}${lineEnd}: bye${lineEnd}data: cut off`;
      const whole = bytes(`${before}data: ${JSON.stringify(USAGE_CHUNK)}${lineEnd}${lineEnd}${after}`);
      for (const pieces of cuts(whole)) expect(hide(pieces)).toBe(before + after);
      expect(hide(singleBytes(whole))).toBe(before + after);
      // An empty piece in between lets go of nothing.
      expect(hide([...singleBytes(whole)].flatMap((byte) => [byte, bytes("")]))).toBe(before + after);
    },
  );

  it.each<[string, JsonObject]>([
    ["usage beside choices", { ...LAST, usage: USAGE }],
    ["no choices and no usage", { choices: [], prompt_filter_results: [] }],
    ["no choices and no usage yet", { choices: [], usage: null }],
    ["usage in the text", chunk({ content: '{"choices":[],"usage":{}}' })],
  ])("%s passes", (_, passing) => {
    const text = chunks([passing]);
    expect(hide([bytes(text)])).toBe(text);
  });

  it("a usage chunk in several data lines is hidden too", () => {
    const lines = JSON.stringify(USAGE_CHUNK, null, 1).replace(/^/gm, "data: ");
    expect(hide(singleBytes(bytes(`data: {}\n\n${lines}\n\ndata: [DONE]\n\n`)))).toBe("data: {}\n\ndata: [DONE]\n\n");
  });

  it("bytes that are no text pass as they are", () => {
    const odd = Uint8Array.of(0xff, 0xfe, 0x0a, 0x0a, 0xc3);
    const filter = rewriter();
    expect(joined([...filter.push(odd), ...filter.rest()])).toEqual(odd);
  });

  it("whole events are not held back, and stay one piece", () => {
    const piece = bytes(`data: ${JSON.stringify(CONTENT[1])}\n\ndata: ${JSON.stringify(CONTENT[2])}\n\n`);
    expect(rewriter().push(piece)).toEqual([piece]);
  });

  it("an event without end passes as it is once it is too large to be held", () => {
    const filter = rewriter();
    const part = bytes("x".repeat(EVENT_BYTES / 2));
    expect(filter.push(part)).toEqual([]);
    expect(filter.push(part)).toEqual([]);
    expect(joined(filter.push(bytes("xy"))).length).toBe(EVENT_BYTES + 2);
    expect(filter.push(bytes("z"))).toEqual([bytes("z")]);
  });
});
