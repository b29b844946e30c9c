import { openAIError } from "../../protocol/error-body.ts";
import { errorResponse } from "../../protocol/refusals.ts";
import type { UpstreamFailure } from "../failure-policy.ts";
import { unreachable } from "../failure-policy.ts";
import type { Reached } from "../reach.ts";
import type { UpstreamCall } from "../upstream.ts";
import { headersToClient, type PlainHeaders } from "../upstream-headers.ts";
import { readWhole } from "../whole-body.ts";

/**
 * Reads an upstream's answer whole, lets `observe` act on it where it is one, and passes it on: the client is never
 * ahead of what its account knows.
 */
export async function passWhole(
  reached: Reached,
  requestId: string,
  observe: (answer: string) => Promise<void> = async () => undefined,
): Promise<Response> {
  if (reached.kind === "failed") return failed(reached.failure, requestId);
  const { call } = reached;
  const text = await readWhole(call);
  if (text === null) return failed(unreachable(), requestId);
  if (call.response.ok) await observe(text);
  return new Response(text, { status: call.response.status, headers: freeHeaders(call, requestId) });
}

/** The headers of an answer that costs nothing. */
export function freeHeaders({ response }: UpstreamCall, requestId: string): PlainHeaders {
  return { ...headersToClient(response.headers), "x-request-id": requestId };
}

export function failed(failure: UpstreamFailure, requestId: string): Response {
  const { status, type, code, message, retryAfterSeconds } = failure;
  return errorResponse(openAIError({ status, type, code, message, requestId, retryAfterSeconds }));
}
