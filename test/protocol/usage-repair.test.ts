import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../../src/protocol/adapter.ts";
import { EVENT_BYTES } from "../../src/protocol/sse.ts";
import { toldAnswer, toldEventData, toldEvents } from "../../src/protocol/told-answer.ts";
import { bytes, cuts, events, joined, singleBytes, through } from "./wire.ts";

const WHOLE: JsonObject = {
  input_tokens: 2_000,
  input_tokens_details: { cached_tokens: 1_000 },
  output_tokens: 300,
  output_tokens_details: { reasoning_tokens: 100 },
  total_tokens: 2_300,
};
const CREATED: JsonObject = {
  type: "response.created",
  response: { id: "resp_1", status: "in_progress", usage: null },
};
const DELTA: JsonObject = { type: "response.output_text.delta", delta: 'Grüße 東京 👋 response.completed "usage":{}' };
const ITEM: JsonObject = {
  type: "response.output_item.done",
  item: { type: "function_call", arguments: '{"usage":{"input_tokens":1}}' },
};
const TOOLS = [{ type: "function", parameters: { properties: { usage: { type: "object" } } } }];

function last(usage: Json, name = "completed"): JsonObject {
  return { type: `response.${name}`, sequence_number: 9, response: { id: "resp_1", tools: TOOLS, usage, output: [] } };
}

/** `usage` without some of its members. */
function without(...names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(WHOLE).filter(([name]) => !names.includes(name)));
}

function repaired(pieces: Iterable<Uint8Array>): string {
  return through(toldEvents(), pieces);
}

/** Usage that lacks something, and what becomes of it. */
const REPAIRS: [string, Json, Json][] = [
  ["no total", without("total_tokens"), WHOLE],
  ["a total that is no count", { ...WHOLE, total_tokens: "many" }, WHOLE],
  [
    "no count of cached input",
    { ...WHOLE, input_tokens_details: { cache_write_tokens: 7 } },
    { ...WHOLE, input_tokens_details: { cache_write_tokens: 7, cached_tokens: 0 } },
  ],
  [
    "no count of reasoning",
    { ...WHOLE, output_tokens_details: { reasoning_tokens: null } },
    { ...WHOLE, output_tokens_details: { reasoning_tokens: 0 } },
  ],
  ["details that are no object", { ...WHOLE, input_tokens_details: [] }, { ...WHOLE, input_tokens_details: null }],
  ["a negative count", { ...WHOLE, input_tokens: -1 }, null],
  ["counts that contradict each other", { ...WHOLE, input_tokens: 999 }, null],
  ["one count only", without("output_tokens"), null],
  ["a text", "2300", null],
];

/** Usage that every client reads. */
const READABLE: [string, Json][] = [
  ["whole usage", WHOLE],
  ["usage without details", without("input_tokens_details", "output_tokens_details")],
  ["no usage", null],
];

describe("the last event of a stream tells whole usage or none", () => {
  it.each(REPAIRS)("%s", (_, usage, expected) => {
    for (const name of ["completed", "incomplete", "failed"]) {
      const before = events([CREATED, DELTA, ITEM]);
      const text = repaired([bytes(before + events([last(usage, name)]))]);
      expect(text).toBe(before + events([last(expected, name)]));
    }
  });

  it.each(["\n", "\r\n", "\r"])("wherever the stream is cut, with lines ended by %j", (lineEnd) => {
    const before = `: hello${lineEnd}${lineEnd}${events([CREATED, DELTA, ITEM], lineEnd)}`;
    const after = `data: [DONE]${lineEnd}${lineEnd}: bye${lineEnd}data: cut off`;
    const whole = bytes(before + events([last(without("total_tokens"))], lineEnd) + after);
    const expected = before + events([last(WHOLE)], lineEnd) + after;
    for (const pieces of cuts(whole)) expect(repaired(pieces)).toBe(expected);
    expect(repaired(singleBytes(whole))).toBe(expected);
  });

  it("in several data lines, without a name, with the type at its end and other fields kept", () => {
    const { response, ...others } = last(without("total_tokens"));
    const data = JSON.stringify({ response: response ?? null, ...others }, null, 1).replace(/^/gm, "data: ");
    const expected = JSON.stringify({ response: last(WHOLE).response ?? null, ...others });
    const text = `id: 7\n${data}\nretry: 5\n\n`;
    expect(repaired([bytes(text)])).toBe(`id: 7\nretry: 5\ndata: ${expected}\n\n`);
    expect(repaired(singleBytes(bytes(text)))).toBe(`id: 7\nretry: 5\ndata: ${expected}\n\n`);
  });
});

describe("everything else keeps its bytes", () => {
  it.each(READABLE)("%s", (_, usage) => {
    // Written as no serialiser of ours writes it.
    const data = JSON.stringify(last(usage)).replace('"resp_1"', ' "resp\\u005f1"');
    const whole = bytes(`${events([CREATED, DELTA, ITEM])}event: response.completed\ndata: ${data}\n\n`);
    const text = new TextDecoder().decode(whole);
    for (const pieces of cuts(whole)) expect(repaired(pieces)).toBe(text);
    expect(repaired(singleBytes(whole))).toBe(text);
  });

  it("events that are no JSON, or that only look like the last one", () => {
    const text = [
      'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{',
      'data: {"type":"response.completed","response":[]}',
      'data: {"type":"response.completed"}',
      "data: response.completed",
      "event: response.completed",
    ].join("\n\n");
    expect(repaired([bytes(`${text}\n\n`)])).toBe(`${text}\n\n`);
  });

  it("bytes that are no text", () => {
    const odd = Uint8Array.of(0xff, 0xfe, 0x0a, 0x0a, 0xc3);
    const rewriter = toldEvents();
    expect(joined([...rewriter.push(odd), ...rewriter.rest()])).toEqual(odd);
  });
});

describe("nothing waits that need not", () => {
  it("whole events stay one piece", () => {
    const piece = bytes(events([CREATED, DELTA, ITEM]));
    expect(toldEvents().push(piece)).toEqual([piece]);
  });

  it("of other events not even their beginning is held back, once it tells their type", () => {
    const rewriter = toldEvents();
    expect(rewriter.push(bytes("event: response.output_te"))).toEqual([]);
    const rest = bytes('xt.delta\ndata: {"type":');
    expect(joined(rewriter.push(rest))).toEqual(bytes('event: response.output_text.delta\ndata: {"type":'));
    const more = bytes('"response.output_text.delta","del');
    expect(rewriter.push(more)).toEqual([more]);
    expect(toldEvents().push(bytes('data: {"type":"response.output_item.done","it'))).toHaveLength(1);
  });

  it("a last event without end passes as it is once it is too large to be held", () => {
    const rewriter = toldEvents();
    const beginning = bytes('event: response.completed\ndata: {"type":"');
    const part = bytes("x".repeat(EVENT_BYTES / 2));
    expect([...rewriter.push(beginning), ...rewriter.push(part)]).toEqual([]);
    expect(joined(rewriter.push(part)).length).toBe(beginning.length + EVENT_BYTES);
    expect(rewriter.push(part)[0]).toBe(part);
  });
});

describe("a whole answer and a frame of a WebSocket are repaired in the same way", () => {
  it.each(REPAIRS)("%s", (_, usage, expected) => {
    const answer: JsonObject = { id: "resp_1", tools: TOOLS, usage, output: [] };
    expect(toldAnswer(JSON.stringify(answer))).toBe(JSON.stringify({ ...answer, usage: expected }));
    expect(toldEventData(JSON.stringify(last(usage)))).toBe(JSON.stringify(last(expected)));
  });

  it.each(READABLE)("%s keeps its bytes", (_, usage) => {
    const answer = JSON.stringify({ id: "resp_1", usage }, null, 2);
    expect(toldAnswer(answer)).toBe(answer);
    const data = JSON.stringify(last(usage), null, 2);
    expect(toldEventData(data)).toBe(data);
  });

  it("what is no answer keeps its bytes", () => {
    for (const text of ["", "no", "[]", '{"error":{"message":"no"}}']) expect(toldAnswer(text)).toBe(text);
    for (const event of [CREATED, DELTA, ITEM]) {
      expect(toldEventData(JSON.stringify(event))).toBe(JSON.stringify(event));
    }
  });
});
