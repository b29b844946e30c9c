import { Buffer } from "node:buffer";
import type { Json, JsonObject, RequestFault } from "./adapter.ts";
import { type ErrorAnswer, openAIError } from "./error-body.ts";
import { fault, invalid, isFault, unsupported } from "./fault.ts";
import { BODY_LIMITS, type BodyLimits } from "./json-body.ts";
import { parseJsonObject } from "./json-object.ts";
import { isSet } from "./references.ts";

/** A frame that asks for a response. */
export interface CreateFrame {
  readonly kind: "create";
  /** Frames of one stream are answered one after the other, those of different streams at once; `null`: unnamed. */
  readonly streamId: string | null;
  /** Without output upstream only prepares what the next frame goes on from. */
  readonly generate: boolean;
  readonly previousResponse: string | null;
  /** The same request as the body of a POST, but for `previous_response_id`. */
  readonly body: JsonObject;
  /** UTF-8 bytes of the frame. */
  readonly bytes: number;
}

/** Input for a response that is being made. */
export interface SteerFrame {
  readonly kind: "steer";
  readonly streamId: null;
  readonly input: Json;
  readonly previousResponse: Json;
}

export interface RefusedFrame {
  readonly kind: "refused";
  readonly streamId: string | null;
  readonly fault: RequestFault;
}

export type ClientFrame = CreateFrame | SteerFrame | RefusedFrame;

const CREATE = "response.create";
const STEER = "response.steer";

/** Reads a frame of a client. Never throws. */
export function readClientFrame(data: unknown, limits: BodyLimits = BODY_LIMITS): ClientFrame {
  if (typeof data !== "string") return refused(fault("invalid_frame", "Send text frames: binary ones are not read."));
  const bytes = Buffer.byteLength(data);
  if (bytes > limits.bytes) {
    return refused(fault("request_too_large", `The frame is larger than ${limits.bytes} bytes.`, null, 413));
  }
  const parsed = parseJsonObject(data, limits);
  if (isFault(parsed)) return refused(parsed);
  const { type, stream_id: streamId = null, generate, previous_response_id: previous, ...body } = parsed.value;
  if (streamId !== null && !isStreamId(streamId)) {
    return refused(invalid("stream_id", "1 to 256 letters, digits, underscores, hyphens and periods"));
  }
  if (type === STEER)
    return { kind: "steer", streamId: null, input: body.input ?? null, previousResponse: previous ?? null };
  if (type !== CREATE) return refused(unsupported("type", `Only '${CREATE}' is served.`), streamId);
  if (isSet(generate) && typeof generate !== "boolean") return refused(invalid("generate", "true or false"), streamId);
  if (isSet(previous) && typeof previous !== "string") {
    return refused(invalid("previous_response_id", "the id of a response"), streamId);
  }
  if (isSet(body.background) && body.background !== false) {
    return refused(unsupported("background", "Background responses begin with POST /v1/responses."), streamId);
  }
  return {
    kind: "create",
    streamId,
    generate: generate !== false,
    previousResponse: typeof previous === "string" ? previous : null,
    body: { ...body, stream: true },
    bytes,
  };
}

function refused(because: RequestFault, streamId: string | null = null): RefusedFrame {
  return { kind: "refused", streamId, fault: because };
}

function isStreamId(value: Json): value is string {
  return typeof value === "string" && /^[\w.-]{1,256}$/.test(value);
}

/** The frame with which a request goes upstream; `body` is the JSON of its POST. */
export function createFrame(
  body: string,
  { streamId, generate }: CreateFrame,
  previousResponse: string | null,
): string {
  const envelope = {
    type: CREATE,
    ...(streamId === null ? {} : { stream_id: streamId }),
    ...(generate ? {} : { generate }),
    ...(previousResponse === null ? {} : { previous_response_id: previousResponse }),
  };
  return `${JSON.stringify(envelope).slice(0, -1)},${body.slice(1)}`;
}

/** An event of a stream as a frame. */
export function eventFrame(json: string, streamId: string | null): string {
  if (streamId === null) return json;
  return `${json.slice(0, json.lastIndexOf("}"))},"stream_id":${JSON.stringify(streamId)}}`;
}

/** An error as a frame. Without `status`, Codex would wait for more. */
export function errorFrame({ status, headers, body }: ErrorAnswer, streamId: string | null): string {
  const { "content-type": _, "retry-after": wait, ...others } = headers;
  // Told to wait where the gateway is busy, Codex would wait again and again; untold it asks a few times and then says so.
  const told = status === 503 || wait === undefined ? others : { ...others, "retry-after": wait };
  return JSON.stringify({
    type: "error",
    status,
    error: body.error,
    headers: told,
    ...(streamId === null ? {} : { stream_id: streamId }),
  });
}

/** Says that input for a response under way is not taken, which leaves that response as it is. */
export function steerRefusal({ input, previousResponse }: SteerFrame): string {
  return JSON.stringify({
    type: "response.steer.failed",
    sequence_number: 0,
    steer: { previous_response_id: previousResponse, input },
    error: {
      type: "invalid_request_error",
      code: "steering_not_supported",
      message: "Steering is not offered here: send the input with your next 'response.create'.",
    },
  });
}

export const CONNECTION_LIMIT = "websocket_connection_limit_reached";

/** Tells a client that its connection is old and a new one is wanted, as upstream tells it. */
export function connectionLimit(requestId: string, minutes: number): ErrorAnswer {
  return openAIError({
    status: 400,
    type: "invalid_request_error",
    code: CONNECTION_LIMIT,
    message: `This connection has been open for ${minutes} minutes. Create a new one to go on.`,
    requestId,
  });
}

/** An event of a type that no client knows: Codex takes any frame for a sign of life, but no ping. */
export const KEEP_ALIVE_FRAME = '{"type":"keepalive","sequence_number":0}';

/** The events of a response that only prepares what the next one goes on from, made without asking anybody. */
export function preparedEvents(id: string, model: string, createdAt: number): string[] {
  const response = { id, object: "response", created_at: createdAt, model, output: [], store: false };
  const usage = {
    input_tokens: 0,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 0,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 0,
  };
  return [
    { type: "response.created", sequence_number: 0, response: { ...response, status: "in_progress" } },
    { type: "response.completed", sequence_number: 1, response: { ...response, status: "completed", usage } },
  ].map((event) => JSON.stringify(event));
}
