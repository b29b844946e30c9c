import { AccountUnreachable } from "../../durable-objects/client.ts";
import { ConfigError } from "../env.ts";
import { isPassing, logText } from "../ledger/failure.ts";
import { openAIError } from "../protocol/error-body.ts";
import { errorResponse } from "../protocol/refusals.ts";
import { toldText, withoutKeys } from "../protocol/told-text.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";
import { mintRequestId } from "./request-id.ts";

/** Renders what a handler threw, in the shape of the surface that was asked. */
export function renderFault(c: HttpContext, error: Error): Response {
  const requestId = c.var.requestId ?? mintRequestId();
  const { status, code, message, headers } = describe(error, requestId);
  const all = { ...headers, "x-request-id": requestId };
  if (/^\/v1(\/|$)/.test(c.req.path)) {
    const type = status >= 500 ? "server_error" : "invalid_request_error";
    const known = PASSES.has(code) ? "server_is_overloaded" : code;
    return errorResponse(openAIError({ status, type, code: known, message, param: null, requestId }), all);
  }
  return Response.json(
    { error: { code, message: toldText(message), request_id: requestId } },
    { status, headers: all },
  );
}

/** What OpenAI's clients know by another name. */
const PASSES = new Set(["account_unreachable", "database_unavailable"]);

interface Described {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

function describe(error: Error, requestId: string): Described {
  if (error instanceof HttpFault) return error;
  if (error instanceof ConfigError) {
    return { status: 503, code: "not_configured", message: error.message, headers: {} };
  }
  if (error instanceof AccountUnreachable) {
    const message = "The account cannot be reached right now. Nothing was changed; please try again shortly.";
    return { status: 503, code: "account_unreachable", message, headers: { "retry-after": "2" } };
  }
  const told = withoutKeys(logText(error).slice(0, 2_000));
  if (isPassing(error)) {
    console.error(JSON.stringify({ event: "database_unavailable", request: requestId, error: told }));
    const message = "The gateway's database does not answer right now; please try again shortly.";
    return { status: 503, code: "database_unavailable", message, headers: { "retry-after": "2" } };
  }
  console.error(JSON.stringify({ event: "unexpected_error", request: requestId, error: told }));
  const message = "Something went wrong in the gateway. Nothing more will be charged for this request.";
  return { status: 500, code: "internal_error", message, headers: {} };
}
