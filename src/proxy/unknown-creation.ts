import { openAIError } from "../protocol/error-body.ts";
import { errorResponse } from "../protocol/refusals.ts";

/**
 * It is not known what became of a job, or it could not be remembered whose it is. A client that asked again would pay
 * for two: so it is told not to.
 */
export function unknownCreation(requestId: string, message: string): Response {
  const error = openAIError({ status: 502, type: "server_error", code: "creation_unknown", message, requestId });
  return errorResponse(error, { "x-should-retry": "false" });
}
