import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/protocol/adapter.ts";
import { responsesAdapter } from "../../src/protocol/responses.ts";
import { EVENT_BYTES } from "../../src/protocol/sse.ts";
import { bytes, cuts, events, prepared, readIn, singleBytes } from "./wire.ts";

const request = prepared(responsesAdapter, {
  input: "Hello, how are you today?",
  tools: [{ type: "web_search" }],
  stream: true,
});

const CREATED: JsonObject = {
  type: "response.created",
  response: { id: "resp_1", object: "response", status: "in_progress", usage: null },
};
const DELTAS: JsonObject[] = ["Grüße", " aus", " 東京 👋", ' "usage":{"input_tokens":9}'].map((delta, index) => ({
  type: "response.output_text.delta",
  sequence_number: index,
  item_id: "msg_1",
  delta,
  obfuscation: "xxxxxxxxxxxxxxxxxxxxxxxx",
}));
const SEARCH: JsonObject = {
  type: "response.output_item.done",
  item: { id: "ws_1", type: "web_search_call", status: "completed", action: { type: "search", query: "q" } },
};
const MESSAGE: JsonObject = {
  type: "response.output_item.done",
  item: { type: "message", content: [{ type: "output_text", text: "Grüße aus 東京" }] },
};
const USAGE: JsonObject = {
  input_tokens: 2_000,
  input_tokens_details: { cached_tokens: 1_000 },
  output_tokens: 300,
  output_tokens_details: { reasoning_tokens: 100 },
  total_tokens: 2_300,
};
const COMPLETED: JsonObject = {
  type: "response.completed",
  response: {
    id: "resp_1",
    status: "completed",
    service_tier: "flex",
    output: [SEARCH.item ?? null, MESSAGE.item ?? null],
    usage: USAGE,
  },
};
const STREAM = [CREATED, ...DELTAS, SEARCH, MESSAGE, COMPLETED];

const EXPECTED = {
  end: "completed",
  usage: {
    inputTokens: 2_000,
    cachedInputTokens: 1_000,
    cacheWriteTokens: 0,
    outputTokens: 300,
    reasoningTokens: 100,
    calls: { web_search: 1 },
    serviceTier: "flex",
  },
  invalid: null,
  produced: true,
  answerId: "resp_1",
  itemIds: ["ws_1"],
  partial: false,
};

function read(...text: string[]) {
  return readIn(request.meter(), text.map(bytes));
}

describe("a stream of responses is read the same, however it is cut", () => {
  it.each(["\n", "\r\n", "\r"])("cut anywhere, with lines ended by %j", (lineEnd) => {
    const whole = bytes(events(STREAM, lineEnd));
    const expected = readIn(request.meter(), [whole]);
    expect(expected).toMatchObject(EXPECTED);
    for (const pieces of cuts(whole)) expect(readIn(request.meter(), pieces)).toEqual(expected);
    expect(readIn(request.meter(), singleBytes(whole))).toEqual(expected);
  });

  it("after a byte order mark, between comments, with several data lines and members in another order", () => {
    const completed = JSON.stringify({ response: COMPLETED.response ?? null, type: "response.completed" }, null, 1);
    const text = `\uFEFF: hello\n\n${events([CREATED])}:ping\nretry: 5\nid: 7\n${completed.replace(/^/gm, "data: ")}\n\n`;
    expect(read(text)).toMatchObject(EXPECTED);
    expect(readIn(request.meter(), singleBytes(bytes(text)))).toMatchObject(EXPECTED);
  });

  it("with nothing but data, and with nothing but the name telling the type", () => {
    expect(read(`data:${JSON.stringify(COMPLETED)}\n\n`)).toMatchObject(EXPECTED);
    expect(
      read(`event:response.completed\ndata: ${JSON.stringify({ response: COMPLETED.response ?? null })}\n\n`),
    ).toMatchObject(EXPECTED);
  });
});

describe("the end of a stream", () => {
  it.each<[string, JsonObject, object]>([
    [
      "completed with the least there can be",
      { type: "response.completed", response: { id: "r" } },
      { end: "completed", usage: null, invalid: null, produced: false, answerId: "r" },
    ],
    [
      "incomplete",
      { type: "response.incomplete", response: { usage: USAGE } },
      { end: "incomplete", usage: { outputTokens: 300 } },
    ],
    [
      "failed without usage",
      { type: "response.failed", response: { usage: null, output: [] } },
      { end: "failed", usage: null, produced: false },
    ],
    [
      "failed with usage",
      { type: "response.failed", response: { usage: USAGE } },
      { end: "failed", usage: { inputTokens: 2_000 }, produced: true },
    ],
    ["an error event", { type: "error", message: "no" }, { end: "failed", usage: null, produced: false }],
    ["an unknown event", { type: "response.tomorrow", response: { usage: USAGE } }, { end: "open", usage: null }],
    ["an event that inherits its name", { type: "response.constructor", response: {} }, { end: "open" }],
  ])("%s", (_, event, reading) => {
    expect(read(events([event]))).toMatchObject(reading);
  });

  it("the last usage that can be true wins", () => {
    const later: JsonObject = {
      type: "response.completed",
      response: { usage: { input_tokens: 1, output_tokens: 2 } },
    };
    const untrue: JsonObject = {
      type: "response.completed",
      response: { usage: { input_tokens: -1, output_tokens: 2 } },
    };
    expect(read(events([COMPLETED, later])).usage).toMatchObject({ inputTokens: 1 });
    expect(read(events([COMPLETED, untrue]))).toMatchObject({ usage: { inputTokens: 2_000 }, invalid: null });
    expect(read(events([untrue]))).toMatchObject({
      end: "completed",
      usage: null,
      invalid: "a count is not a whole number",
    });
  });

  it("usage that leaves open how much of the input was cached is told to be partial", () => {
    const partial: JsonObject = { input_tokens: 9, input_tokens_details: {}, output_tokens: 2 };
    const last: JsonObject = { type: "response.completed", response: { usage: partial } };
    expect(read(events([last]))).toMatchObject({ usage: { inputTokens: 9 }, partial: true });
    expect(read(events([last, COMPLETED]))).toMatchObject({ usage: { inputTokens: 2_000 }, partial: false });
  });

  it("what comes after the end marker is ignored", () => {
    expect(read(events([DELTAS[0] ?? {}]), "data: [DONE]\n\n", events([COMPLETED]))).toMatchObject({
      end: "open",
      usage: null,
    });
  });

  it("malformed events are skipped", () => {
    const broken = [
      'event: response.completed\ndata: {"type":"response.completed","response":{',
      "data: 5",
      'data: "x"',
      "data: {",
      "nonsense",
      "data",
    ];
    expect(read(`${broken.join("\n\n")}\n\n${events([COMPLETED])}`)).toMatchObject(EXPECTED);
  });

  it("an event that is not complete does not count", () => {
    expect(read(events([COMPLETED]).slice(0, -1))).toMatchObject({ end: "open", usage: null });
  });
});

describe("what upstream keeps is known by its ids", () => {
  it.each<[string, string]>([
    ["the first event", events([CREATED])],
    ["a queued response", events([{ type: "response.queued", response: { id: "resp_1", status: "queued" } }])],
    [
      "an event whose first members are others",
      events([{ ...CREATED, response: { metadata: { id: "resp_2" }, id: "resp_1" } }]),
    ],
    [
      "an event that repeats what the client said",
      'data: {"type":"response.created","tools":[{"response":{"id":"resp_2"}}],"response":{"id":"resp_1"}}\n\n',
    ],
  ])("%s tells the answer's id, and nothing in it that is the client's own does", (_, text) => {
    expect(read(text)).toMatchObject({ answerId: "resp_1", produced: false, end: "open" });
  });

  it("items are named as they are done, and by the last event; each once", () => {
    const item = { id: "msg_1", type: "message", content: [] };
    const done: JsonObject = { type: "response.output_item.done", item };
    const last: JsonObject = { type: "response.completed", response: { output: [item, { id: "fc_1" }, {}, null] } };
    expect(read(events([done])).itemIds).toEqual(["msg_1"]);
    expect(read(events([done, last])).itemIds).toEqual(["msg_1", "fc_1"]);
    const answer = JSON.stringify({ id: "resp_1", status: "completed", output: [item] });
    expect(request.read(answer)).toMatchObject({ answerId: "resp_1", itemIds: ["msg_1"] });
  });
});

describe("a stream that was cut is counted with caution", () => {
  it("each piece of text is at least a token, and never more than the text can hold", () => {
    const { counted, usage, end } = read(events([CREATED, ...DELTAS]));
    expect({ usage, end }).toEqual({ usage: null, end: "open" });
    expect(counted).toMatchObject({ outputTokens: 4, calls: {} });
    expect(counted.inputTokens).toBeGreaterThan(0);
    expect(counted.inputTokens).toBeLessThanOrEqual(7);
    const long: JsonObject = { type: "response.output_text.delta", delta: "word ".repeat(100) };
    expect(read(events([long])).counted.outputTokens).toBe(100);
  });

  it("upstreams that send whole items and no pieces are counted too, and searches as they happen", () => {
    expect(read(events([SEARCH, MESSAGE])).counted).toMatchObject({ outputTokens: 2, calls: { web_search: 1 } });
  });

  it("nothing produced is nothing counted", () => {
    const { counted, produced, answerId } = read(events([CREATED]));
    expect(produced).toBe(false);
    expect(counted.inputTokens).toBe(0);
    expect(answerId).toBe("resp_1");
  });
});

describe("an event without end", () => {
  it.each([1, 2])("is a violation, in %i pieces", (pieces) => {
    const meter = request.meter();
    const part = bytes(`data: ${"x".repeat(EVENT_BYTES / pieces)}`.slice(pieces === 1 ? 0 : 6));
    if (pieces === 2) meter.push(bytes("data: "));
    for (let piece = 0; piece < pieces; piece += 1) meter.push(part);
    meter.push(bytes("x"));
    expect(meter.violation).toBe("an event of the stream is larger than 8388608 bytes");
    meter.push(bytes(events([COMPLETED])));
    expect(meter.reading().usage).toBeNull();
  });

  it("is one as well when it comes at once, or in lines without end", () => {
    const meter = request.meter();
    meter.push(bytes(`data: ${"x".repeat(EVENT_BYTES + 1)}\n\n`));
    expect(meter.violation).not.toBeNull();
    const lines = request.meter();
    const line = bytes(`data: ${"x".repeat(1_000_000)}\n`);
    for (let count = 0; count < 9; count += 1) lines.push(line);
    expect(lines.violation).not.toBeNull();
  });

  it("a large answer within the limit is read", () => {
    const output = [{ type: "image_generation_call", result: "A".repeat(6_000_000) }];
    const large: JsonObject = { type: "response.completed", response: { output, usage: USAGE } };
    expect(read(events([large]))).toMatchObject({ end: "completed", usage: { inputTokens: 2_000 } });
  });
});
