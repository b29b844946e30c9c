import assert from "node:assert/strict";
import fc from "fast-check";
import { incoherence } from "../../../src/core/usage.ts";
import type { JsonObject, Reading, Rewriter, StreamMeter } from "../../../src/protocol/adapter.ts";
import { chatAdapter } from "../../../src/protocol/chat.ts";
import { responsesAdapter } from "../../../src/protocol/responses.ts";
import { dataOf, EventReader, parseData, plainStringAt, stringLengthAt, valueAt } from "../../../src/protocol/sse.ts";
import { toldAnswer, toldEventData, toldEvents } from "../../../src/protocol/told-answer.ts";
import { toldChunks } from "../../../src/protocol/told-chunks.ts";
import { readChatUsage, readResponsesUsage } from "../../../src/protocol/usage-object.ts";
import { bytes, chunks, events, joined, prepared, readIn } from "../../protocol/wire.ts";
import { cutInto, cuts, json, nearly, nearlyBytes, text } from "../arbitraries.ts";
import { target } from "../target.ts";

const USAGE: JsonObject = {
  input_tokens: 20,
  input_tokens_details: { cached_tokens: 10, cache_write_tokens: 5 },
  output_tokens: 30,
  output_tokens_details: { reasoning_tokens: 10 },
  total_tokens: 50,
};
const CHAT_USAGE: JsonObject = {
  prompt_tokens: 20,
  prompt_tokens_details: { cached_tokens: 10 },
  completion_tokens: 30,
  completion_tokens_details: { reasoning_tokens: 10 },
  total_tokens: 50,
};
const ANSWER: JsonObject = {
  id: "resp_1",
  status: "completed",
  output: [{ id: "msg_1", type: "message", content: [{ type: "output_text", text: "Grüße 東京 👋" }] }],
  usage: USAGE,
};
const RESPONSE_EVENTS: JsonObject[] = [
  { type: "response.created", response: { id: "resp_1", status: "in_progress", usage: null } },
  { type: "response.output_text.delta", delta: 'Grüße 👋 "usage":{}' },
  { type: "response.output_item.done", item: { id: "msg_1", type: "message" } },
  { type: "response.completed", response: ANSWER },
];
const CHAT_CHUNKS: JsonObject[] = [
  { id: "chatcmpl_1", choices: [{ index: 0, delta: { content: "Grüße 👋" } }] },
  { id: "chatcmpl_1", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
  { id: "chatcmpl_1", choices: [], usage: CHAT_USAGE },
];

const lineEnds = ["\n", "\r\n", "\r"];
const STREAMS = lineEnds.flatMap((lineEnd) => [
  bytes(events(RESPONSE_EVENTS, lineEnd)),
  bytes(chunks(CHAT_CHUNKS, lineEnd)),
]);

/** Streams of events of which any may be odd in itself, or in how it is framed. */
const oddEvents = fc
  .tuple(fc.array(nearly([...RESPONSE_EVENTS, ...CHAT_CHUNKS]), { maxLength: 6 }), fc.constantFrom(...lineEnds))
  .map(([all, end]) => bytes(all.map((event) => `data: ${JSON.stringify(event)}${end}${end}`).join("")));
const stream = fc.oneof(nearlyBytes(STREAMS), oddEvents, fc.uint8Array({ maxLength: 300 }));

function eventsOf(pieces: readonly Uint8Array[]): string {
  const told: string[] = [];
  const reader = new EventReader(({ event, data, id }) => told.push(JSON.stringify([event, data, id])));
  for (const piece of pieces) reader.push(piece);
  return `${told.join("\n")} ${reader.violation}`;
}

function rewritten(rewriter: Rewriter, pieces: readonly Uint8Array[]): string {
  const out = pieces.flatMap((piece) => [...rewriter.push(piece)]);
  return Buffer.from(joined([...out, ...rewriter.rest()])).toString("latin1");
}

/** What is charged must be a quantity, whatever upstream tells. */
function assertCoherent({ usage, counted }: Reading): void {
  if (usage) assert.equal(incoherence(usage), null);
  assert.equal(incoherence(counted), null);
}

const METERS: (() => StreamMeter)[] = [
  () => prepared(responsesAdapter, { input: "x", stream: true }).meter(),
  () => prepared(chatAdapter, { messages: [{ role: "user", content: "x" }], stream: true }).meter(),
];

export const streamTargets = [
  target("sse: the same events however they are cut", 1_500, [stream, cuts], (whole, lengths) => {
    assert.equal(eventsOf(cutInto(whole, lengths)), eventsOf([whole]));
  }),

  target("meters: the same usage however the stream is cut", 700, [stream, cuts], (whole, lengths) => {
    for (const meter of METERS) {
      const reading = readIn(meter(), cutInto(whole, lengths));
      assert.deepEqual(reading, readIn(meter(), [whole]));
      assertCoherent(reading);
    }
  }),

  target("rewriters: the same stream for the client however it is cut", 700, [stream, cuts], (whole, lengths) => {
    for (const make of [toldEvents, () => toldChunks(false), () => toldChunks(true)]) {
      assert.equal(rewritten(make(), cutInto(whole, lengths)), rewritten(make(), [whole]));
    }
  }),

  target("sse helpers: never throw", 3_000, [text, text], (event, name) => {
    dataOf(event);
    parseData(event);
    const at = valueAt(event, name);
    assert.ok(stringLengthAt(event, at) <= event.length);
    plainStringAt(event, at);
  }),

  target("usage objects: what is read can be charged", 5_000, [nearly([USAGE, CHAT_USAGE])], (reported) => {
    for (const read of [readResponsesUsage, readChatUsage]) {
      const { usage, invalid } = read(reported);
      if (usage) assert.equal(incoherence(usage), null);
      assert.ok(usage === null || invalid === null);
    }
  }),

  target("whole answers: repaired once and for all", 2_000, [fc.oneof(nearly([ANSWER]), json)], (answer) => {
    const repaired = toldAnswer(JSON.stringify(answer));
    assert.equal(toldAnswer(repaired), repaired);
    toldEventData(JSON.stringify({ type: "response.completed", response: answer }));
    assertCoherent(prepared(responsesAdapter, { input: "x" }).read(JSON.stringify(answer)));
    assertCoherent(prepared(chatAdapter, { messages: [{ role: "user", content: "x" }] }).read(JSON.stringify(answer)));
  }),

  target("whole answers that are no JSON: never throw", 1_500, [text], (answer) => {
    assert.equal(toldAnswer(answer).length > 0, answer.length > 0);
    assertCoherent(prepared(responsesAdapter, { input: "x" }).read(answer));
  }),
];
