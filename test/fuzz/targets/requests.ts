import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { incoherence } from "../../../src/core/usage.ts";
import type { Adapter, Json, JsonObject } from "../../../src/protocol/adapter.ts";
import { chatAdapter } from "../../../src/protocol/chat.ts";
import { estimateInput } from "../../../src/protocol/estimate.ts";
import { isFault } from "../../../src/protocol/fault.ts";
import { BODY_LIMITS, isJson, readJsonBody } from "../../../src/protocol/json-body.ts";
import { parseJsonObject } from "../../../src/protocol/json-object.ts";
import { compactAdapter, responsesAdapter } from "../../../src/protocol/responses.ts";
import { parseHeaderValue } from "../../../src/protocol/videos/header-value.ts";
import { MultipartDecoder } from "../../../src/protocol/videos/multipart-decoder.ts";
import { readVideo } from "../../../src/protocol/videos/video-object.ts";
import { createFrame, eventFrame, readClientFrame } from "../../../src/protocol/websocket-frames.ts";
import { BOUNDARY, formOf, formRequest, read } from "../../protocol/videos/forms.ts";
import { bytes, MODEL, rates } from "../../protocol/wire.ts";
import { cutInto, cuts, json, nearly, nearlyBytes, nearlyText, streamOf, text } from "../arbitraries.ts";
import { target } from "../target.ts";

const RESPONSES: JsonObject[] = [
  {
    model: MODEL,
    instructions: "Be brief.",
    input: [
      { role: "user", content: [{ type: "input_text", text: "x" }] },
      { type: "item_reference", id: "msg_1" },
      { role: "user", content: [{ type: "input_image", image_url: "data:image/png;base64,AAAA", detail: "low" }] },
    ],
    max_output_tokens: 100,
    stream: true,
    store: true,
    service_tier: "flex",
    reasoning: { effort: "high" },
    tools: [{ type: "function", name: "f", parameters: { type: "object", properties: {} } }, { type: "web_search" }],
    previous_response_id: "resp_1",
  },
];
const CHATS: JsonObject[] = [
  {
    model: MODEL,
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content: [{ type: "text", text: "x" }] },
    ],
    max_completion_tokens: 100,
    n: 2,
    stream: true,
    stream_options: { include_usage: false },
    tools: [{ type: "function", function: { name: "f", parameters: {} } }],
  },
];
const FRAMES: JsonObject[] = [
  ...RESPONSES.map((body) => ({ type: "response.create", stream_id: "a.b", generate: true, ...body })),
  { type: "response.steer", input: [], previous_response_id: "resp_1" },
];

const bodies = [...RESPONSES, ...CHATS].map((body) => bytes(JSON.stringify(body)));
const bodyBytes = fc.oneof(
  nearlyBytes(bodies),
  text.map(bytes),
  json.map((value) => bytes(JSON.stringify(value))),
);

const CODINGS: Readonly<Record<string, (body: Uint8Array) => Uint8Array>> = {
  identity: (body) => body,
  gzip: gzipSync,
  zstd: zstdCompressSync,
};

function post(body: readonly Uint8Array[], headers: Record<string, string>): Request {
  const init = { method: "POST", headers, body: streamOf(body), duplex: "half" };
  return new Request("http://gateway.test/v1/responses", init as RequestInit);
}

function withoutMinusZero(value: Json): Json {
  if (value === 0) return 0;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutMinusZero(inner)]));
}

function depthOf(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

/** The most that `"stream_options":{"include_usage":true}` can be. */
const USAGE_ASKED_TOKENS = 48;

/** What is sent upstream is what was priced: read again, it has the same bound. */
function assertPricedAsSent(adapter: Adapter, body: JsonObject): void {
  const first = adapter.prepare(body, rates());
  if (isFault(first)) return;
  assert.equal(incoherence(first.bound), null);
  const sent = parseJsonObject(first.body({ model: MODEL, maxOutputTokens: null }));
  if (isFault(sent)) assert.fail(`sends what it would refuse: ${sent.message}`);
  const again = adapter.prepare(sent.value, rates());
  if (isFault(again)) assert.fail(`sends what it would refuse: ${again.message}`);
  // Nothing is added but that the gateway asks for usage in streams.
  assert.ok(again.bound.inputTokens <= first.bound.inputTokens + USAGE_ASKED_TOKENS);
  assert.equal(again.bound.outputTokens, first.bound.outputTokens);
  assert.deepEqual(again.bound.calls, first.bound.calls);
  assert.equal(again.bound.serviceTier, first.bound.serviceTier);
}

const FORM = formOf([
  { name: "prompt", content: "A cat,\r\nand --xx another" },
  { name: "model", content: "sora-2" },
  { name: "input_reference", content: "\r\n--\r\n", filename: "a b.png", type: "image/png" },
]);

function decoded(pieces: readonly Uint8Array[]): string {
  const decoder = new MultipartDecoder(BOUNDARY);
  let told = "";
  for (const piece of pieces) {
    decoder.push(piece);
    for (let event = decoder.next(); event !== null; event = decoder.next()) {
      if (isFault(event)) return `${told}|${event.code}`;
      told += event.kind === "data" ? Buffer.from(event.bytes).toString("hex") : `|${JSON.stringify(event)}|`;
    }
  }
  return told;
}

export const requestTargets = [
  target(
    "JSON bodies: one object within bounds, or a typed fault, however they arrive",
    700,
    [bodyBytes, cuts, fc.constantFrom(...Object.keys(CODINGS), "br"), fc.boolean()],
    async (whole, lengths, coding, tampered) => {
      const encoded = (CODINGS[coding] ?? gzipSync)(whole);
      const sent = tampered ? encoded.map((byte, at) => (at === encoded.length >> 1 ? byte ^ 0x55 : byte)) : encoded;
      const headers = { "content-type": "application/json", "content-encoding": coding };
      const atOnce = await readJsonBody(post([sent], headers));
      const inPieces = await readJsonBody(post(cutInto(sent, lengths), headers));
      assert.deepEqual(isFault(inPieces) ? inPieces : inPieces.value, isFault(atOnce) ? atOnce : atOnce.value);
      if (isFault(atOnce)) return assert.ok([400, 408, 413, 415].includes(atOnce.status));
      assert.ok(depthOf(atOnce.value) <= BODY_LIMITS.depth);
      // What is sent on says the same; JSON has but one zero.
      assert.deepEqual(JSON.parse(JSON.stringify(atOnce.value)), withoutMinusZero(atOnce.value));
      if (!tampered) assert.deepEqual(atOnce.value, JSON.parse(new TextDecoder().decode(whole)));
    },
  ),

  target(
    "content types: read in one way",
    3_000,
    [fc.oneof(text, nearlyText("application/json; charset=utf-8"))],
    (type) => {
      if (isJson(type)) assert.match(type, /^\s*application\/json/i);
    },
  ),

  target("requests: priced as they are sent", 1_500, [nearly([...RESPONSES, ...CHATS])], (body) => {
    const parsed = parseJsonObject(JSON.stringify(body));
    if (isFault(parsed)) return;
    for (const adapter of [responsesAdapter, compactAdapter, chatAdapter]) assertPricedAsSent(adapter, parsed.value);
    const estimate = estimateInput(parsed.value);
    for (const count of Object.values(estimate)) if (typeof count === "number") assert.ok(Number.isSafeInteger(count));
  }),

  target("WebSocket frames: one request, or a typed refusal", 2_500, [nearly(FRAMES), fc.boolean()], (frame, raw) => {
    const read = readClientFrame(raw ? frame : JSON.stringify(frame));
    if (read.kind === "refused") return assert.ok([400, 413].includes(read.fault.status));
    if (read.kind === "steer") return;
    const again = readClientFrame(createFrame(JSON.stringify(read.body), read, read.previousResponse));
    if (again.kind !== "create") assert.fail(`sends a frame that it would not read: ${again.kind}`);
    const { bytes: _, ...sent } = again;
    const { bytes: __, ...asked } = read;
    assert.deepEqual(JSON.parse(JSON.stringify(sent)), JSON.parse(JSON.stringify(asked)));
  }),

  target(
    "WebSocket frames that are no JSON: refused",
    2_500,
    [fc.oneof(text, nearlyText('{"type":"response.create"}'))],
    (frame) => {
      assert.ok(["create", "steer", "refused"].includes(readClientFrame(frame).kind));
    },
  ),

  target(
    "WebSocket events: keep what they say",
    2_000,
    [fc.dictionary(text, json, { minKeys: 1, noNullPrototype: true }), text],
    (event, id) => {
      const sent = JSON.parse(eventFrame(JSON.stringify(event), id)) as JsonObject;
      assert.equal(sent.stream_id, id);
      const { stream_id: _, ...others } = event;
      assert.deepEqual({ ...sent, stream_id: null }, JSON.parse(JSON.stringify({ ...others, stream_id: null })));
    },
  ),

  target("multipart: the same parts however they are cut", 700, [nearlyBytes([FORM]), cuts], (form, lengths) => {
    assert.equal(decoded(cutInto(form, lengths)), decoded([form]));
  }),

  target(
    "video forms: one request, or a typed fault",
    300,
    [nearlyBytes([FORM]), fc.oneof(fc.constant(`multipart/form-data; boundary=${BOUNDARY}`), text.map(visible))],
    async (form, type) => {
      const answer = await read(formRequest(form, type));
      if (isFault(answer)) assert.ok([400, 404, 408, 413, 415, 422].includes(answer.status));
    },
  ),

  target("header values: never throw, and in linear time", 3_000, [fc.oneof(text, oddHeader())], (value) => {
    parseHeaderValue(value);
    parseHeaderValue(value.repeat(200).slice(0, 20_000));
  }),

  target(
    "videos of an upstream: a state, or none",
    3_000,
    [nearly([{ id: "video_1", object: "video", status: "completed", seconds: "8", size: "720x1280", progress: 100 }])],
    (video) => {
      const state = readVideo(video);
      if (state?.seconds !== undefined && state.seconds !== null) assert.ok(state.seconds >= 0);
    },
  ),
];

/** Header values cannot have other characters. */
function visible(value: string): string {
  return value.replaceAll(/[^\x20-\x7e]/g, "").trim();
}

function oddHeader(): fc.Arbitrary<string> {
  const pieces = ["form-data", ";", "; ", "=", '"', "\\", '\\"', "name", "filename", "*", "a", " ", "\t", "é"];
  return fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((all) => all.join(""));
}
