import type { JsonObject } from "../../protocol/adapter.ts";
import { type ErrorAnswer, openAIError } from "../../protocol/error-body.ts";
import { isObject } from "../../protocol/json-object.ts";
import { parseData } from "../../protocol/sse.ts";
import { failureOf, type UpstreamFailure, unreachable } from "../failure-policy.ts";

/** An upstream's error event, as its client is told. */
export interface UpstreamError {
  readonly answer: ErrorAnswer;
  /** Upstream's name for it. */
  readonly code: string | null;
  /** Set where it concerns the operator's account or upstream itself, and not the request. */
  readonly failure: UpstreamFailure | null;
}

const LIMITS: ReadonlySet<unknown> = new Set([
  "rate_limit_error",
  "rate_limit_exceeded",
  "insufficient_quota",
  "usage_limit_reached",
]);

/**
 * Reads an error event: of a WebSocket it has a status, within a stream it has none. Only what refuses the request itself
 * passes with upstream's words.
 */
export function readUpstreamError(json: string, requestId: string, produced: boolean): UpstreamError {
  const event = parseData(json) ?? {};
  const error = isObject(event.error) ? event.error : pick(event);
  const status = statusOf(event, error);
  const code = typeof error.code === "string" ? error.code : null;
  const failure = failureOf(status, retryAfterOf(event));
  if (failure !== "pass") {
    const told = produced ? BROKE_OFF : failure;
    return { answer: openAIError({ ...told, requestId }), code, failure };
  }
  return { answer: inUpstreamsWords(status, error, requestId), code, failure: null };
}

const BROKE_OFF = {
  status: 502,
  type: "server_error",
  code: "upstream_broke_off",
  message: "The model provider broke off its answer. What it had produced until then is charged.",
  retryAfterSeconds: null,
} as const;

/** Upstream stopped in the middle of an answer without a word. */
export function brokeOff(requestId: string, produced: boolean): ErrorAnswer {
  return openAIError({ ...(produced ? BROKE_OFF : unreachable()), requestId });
}

/** Upstream refused the request itself: `text` is the body of its answer. */
export function refusalOf(status: number, text: string, requestId: string): ErrorAnswer {
  const { error } = parseData(text) ?? {};
  return inUpstreamsWords(status, isObject(error) ? error : { type: null, code: null, message: text }, requestId);
}

function inUpstreamsWords(status: number, error: JsonObject, requestId: string): ErrorAnswer {
  return { status, headers: { "x-request-id": requestId }, body: { error: { ...error, request_id: requestId } } };
}

function pick({ code = null, message = null, param = null }: JsonObject): JsonObject {
  return { type: null, code, message, param };
}

function statusOf(event: JsonObject, { type, code }: JsonObject): number {
  const status = event.status ?? event.status_code;
  if (typeof status === "number" && status >= 300 && status <= 599) return status;
  if (LIMITS.has(type) || LIMITS.has(code)) return 429;
  return type === "invalid_request_error" ? 400 : 500;
}

function retryAfterOf({ headers }: JsonObject): string | null {
  const retryAfter = isObject(headers) ? (headers["retry-after"] ?? null) : null;
  return retryAfter === null ? null : String(retryAfter);
}
