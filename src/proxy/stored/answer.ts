import { openAIError } from "../../protocol/error-body.ts";
import { errorResponse } from "../../protocol/refusals.ts";
import type { UpstreamFailure } from "../failure-policy.ts";
import { unreachable } from "../failure-policy.ts";
import type { Reached } from "../reach.ts";
import { headersToClient, type PlainHeaders } from "../upstream-headers.ts";
import { refusalToClient } from "../upstream-refusal.ts";
import { readWhole } from "../whole-body.ts";

/**
 * Reads an upstream's answer whole, lets `observe` act on it where it is one, and passes it on: the client is never
 * ahead of what its account knows. `tell` changes what the client may not hear as it is.
 */
export async function passWhole(
  reached: Reached,
  requestId: string,
  observe: (answer: string) => Promise<void> = async () => undefined,
  tell: (answer: string) => string = (answer) => answer,
): Promise<Response> {
  if (reached.kind === "failed") return failed(reached.failure, requestId);
  const { call } = reached;
  const text = await readWhole(call);
  if (text === null) return failed(unreachable(), requestId);
  const { ok, status, headers } = call.response;
  if (!ok && status !== 304) {
    const refusal = refusalToClient({ status, text, headers }, requestId);
    return new Response(refusal.text, { status, headers: freeHeaders(refusal, requestId) });
  }
  if (ok) await observe(text);
  // A status without a body takes no body, not even an empty one.
  return new Response(text === "" ? null : tell(text), { status, headers: freeHeaders(call.response, requestId) });
}

/** The headers of an answer that costs nothing. */
export function freeHeaders({ headers }: { readonly headers: Headers }, requestId: string): PlainHeaders {
  return { ...headersToClient(headers), "x-request-id": requestId };
}

export function failed(failure: UpstreamFailure, requestId: string): Response {
  const { status, type, code, message, retryAfterSeconds } = failure;
  return errorResponse(openAIError({ status, type, code, message, requestId, retryAfterSeconds }));
}
