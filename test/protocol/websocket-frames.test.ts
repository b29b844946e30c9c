import { describe, expect, test } from "vitest";
import { JSON_BOUNDS } from "../../src/protocol/json-object.ts";
import {
  createFrame,
  errorFrame,
  eventFrame,
  preparedEvents,
  readClientFrame,
} from "../../src/protocol/websocket-frames.ts";

const LIMITS = { ...JSON_BOUNDS, bytes: 1_000, readMs: 1_000 };

function read(frame: object) {
  return readClientFrame(JSON.stringify(frame), LIMITS);
}

function creation(frame: object) {
  const found = read({ type: "response.create", ...frame });
  if (found.kind !== "create") throw new Error(JSON.stringify(found));
  return found;
}

describe("a frame is the body of a request in an envelope", () => {
  test("the envelope is taken off, and what is left is a streamed request", () => {
    const frame = creation({
      model: "m",
      input: "x",
      generate: false,
      stream_id: "a.1",
      previous_response_id: "resp_1",
      unknown: [1],
    });
    expect(frame).toMatchObject({ streamId: "a.1", generate: false, previousResponse: "resp_1" });
    expect(frame.body).toEqual({ model: "m", input: "x", unknown: [1], stream: true });
  });

  test("what is left out has no meaning", () => {
    expect(creation({ model: "m" })).toMatchObject({ streamId: null, generate: true, previousResponse: null });
    expect(creation({ model: "m", generate: null, previous_response_id: null, stream_id: null })).toMatchObject({
      streamId: null,
      generate: true,
      previousResponse: null,
    });
  });

  test("upstream gets the same envelope around the body that was priced", () => {
    const frame = creation({ model: "m", generate: false, stream_id: "a", previous_response_id: "resp_1" });
    expect(JSON.parse(createFrame('{"model":"there","input":"x"}', frame, frame.previousResponse))).toEqual({
      type: "response.create",
      stream_id: "a",
      generate: false,
      previous_response_id: "resp_1",
      model: "there",
      input: "x",
    });
    expect(createFrame('{"model":"m"}', creation({ model: "m" }), null)).toBe('{"type":"response.create","model":"m"}');
  });
});

describe("a frame that is no request is refused with a status, or Codex would wait for ever", () => {
  test.each([
    ["a binary frame", new ArrayBuffer(2), 400, "invalid_frame"],
    ["no JSON", "{", 400, "invalid_json"],
    ["no object", "[]", 400, "invalid_json"],
    ["too large", `"${"é".repeat(500)}"`, 413, "request_too_large"],
    ["too deep", `{"type":"response.create","input":${"[".repeat(70)}${"]".repeat(70)}}`, 400, "json_too_complex"],
    ["another type", '{"type":"response.cancel"}', 400, "unsupported_parameter"],
    ["no type", '{"model":"m"}', 400, "unsupported_parameter"],
    ["generate", '{"type":"response.create","generate":"no"}', 400, "invalid_value"],
    ["an id", '{"type":"response.create","previous_response_id":7}', 400, "invalid_value"],
    ["a stream", '{"type":"response.create","stream_id":"a b"}', 400, "invalid_value"],
    ["background", '{"type":"response.create","background":true}', 400, "unsupported_parameter"],
  ])("%s", (_, data, status, code) => {
    expect(readClientFrame(data, LIMITS)).toMatchObject({ kind: "refused", fault: { status, code } });
  });

  test("steering is told apart: its refusal must not end the response that it is about", () => {
    expect(read({ type: "response.steer", previous_response_id: "resp_1", input: "x" })).toMatchObject({
      kind: "steer",
      input: "x",
      previousResponse: "resp_1",
    });
  });
});

describe("what the client is told", () => {
  test("an error has its status and headers in the frame, and the stream that it belongs to", () => {
    const answer = {
      status: 429,
      headers: { "content-type": "application/json", "retry-after": "3" },
      body: { error: { code: "rate_limit_exceeded" } },
    };
    expect(JSON.parse(errorFrame(answer, "a"))).toEqual({
      type: "error",
      status: 429,
      error: { code: "rate_limit_exceeded" },
      headers: { "retry-after": "3" },
      stream_id: "a",
    });
  });

  test("an event of a plain stream says which stream of the socket it belongs to", () => {
    expect(eventFrame('{"type":"x"}', null)).toBe('{"type":"x"}');
    expect(JSON.parse(eventFrame('{"type":"x","nested":{"a":1}} ', 'a"b'))).toEqual({
      type: "x",
      nested: { a: 1 },
      stream_id: 'a"b',
    });
  });

  // Codex cannot read usage that is not whole.
  test("a prepared response has whole usage, all of it zero", () => {
    const [, last = ""] = preparedEvents("resp_1", "m", 1_700_000_000);
    expect(JSON.parse(last)).toMatchObject({
      type: "response.completed",
      response: {
        id: "resp_1",
        status: "completed",
        usage: {
          input_tokens: 0,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: 0,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: 0,
        },
      },
    });
  });
});
