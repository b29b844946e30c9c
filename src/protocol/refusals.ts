import { type ErrorAnswer, openAIError } from "./error-body.ts";
import { toldName } from "./told-text.ts";

/** One body for a key that is missing, unknown, wrong, revoked or expired; another for a good one that `lacks` a scope. */
export function keyRefused(requestId: string, { lacks }: { readonly lacks?: string }): ErrorAnswer {
  const error = { type: "invalid_request_error", requestId };
  if (lacks !== undefined) {
    const message = `This API key may not do that: it lacks the scope "${lacks}".`;
    return openAIError({ ...error, status: 403, code: "missing_scope", message });
  }
  const message =
    "The API key is missing or not valid. Send a current Spillway key as `Authorization: Bearer sk-spill-…`.";
  return openAIError({ ...error, status: 401, code: "invalid_api_key", message });
}

/** The account's object did not answer: nothing is decided without it. */
export function accountUnreachable(requestId: string): ErrorAnswer {
  return openAIError({
    status: 503,
    type: "server_error",
    code: "server_is_overloaded",
    message: "Your account cannot be reached right now. Nothing was charged; please try again shortly.",
    requestId,
    retryAfterSeconds: 2,
  });
}

const SEND_ALL = "Send the whole conversation in 'input'.";
const SEND_ITEM = "Send the item itself, of reasoning its 'encrypted_content', instead of its id alone.";

/** What a request names does not exist, or belongs to somebody else: nobody is told which. Codex then sends everything. */
export function unknownReference(requestId: string, id: string, param = "previous_response_id"): ErrorAnswer {
  return openAIError({
    status: 400,
    type: "invalid_request_error",
    code: "previous_response_not_found",
    message: `'${toldName(id)}' was not found. ${param === "input" ? SEND_ITEM : SEND_ALL}`,
    param,
    requestId,
  });
}

/** An error as a response. */
export function errorResponse(error: ErrorAnswer, headers: Record<string, string> = {}): Response {
  return Response.json(error.body, { status: error.status, headers: { ...headers, ...error.headers } });
}
