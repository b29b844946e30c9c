import type { JsonObject } from "./adapter.ts";
import { isObject } from "./json-object.ts";

const BUSY = new Set<unknown>(["rate_limit_error", "rate_limit_exceeded"]);

/** Types and codes by which upstreams speak of the operator's key, plan and money. */
const OF_THE_ACCOUNT = new Set<unknown>([
  "account_deactivated",
  "authentication_error",
  "billing_hard_limit_reached",
  "billing_not_active",
  "insufficient_quota",
  "invalid_api_key",
  "organization_spend_limit_exceeded",
  "usage_limit_reached",
  "usage_not_included",
]);

/**
 * What a client is told instead of an error that came in the middle of an answer and concerns the operator's account with
 * upstream, whose text may name it: `null` for any other. A limit of requests keeps its code and how soon to come back,
 * which clients obey; what only the operator can end is told as what a client cannot wait for.
 */
export function insteadOfOperators(error: JsonObject): JsonObject | null {
  const said = [error.code, error.type];
  if (said.some((word) => BUSY.has(word))) {
    return told(error, "rate_limit_exceeded", `${TOO_MANY} Please try again in ${delayOf(error)}.`);
  }
  return said.some((word) => OF_THE_ACCOUNT.has(word)) ? told(error, "server_is_overloaded", NO_ANSWER) : null;
}

/** The same for an event of a stream that is an error itself: it has it in a member of its own, or is flat. */
export function toldError(event: JsonObject): JsonObject | null {
  if (!isObject(event.error)) return event.type === "error" ? insteadOfOperators(event) : null;
  const error = insteadOfOperators(event.error);
  return error && { ...event, error };
}

const TOO_MANY = "The model provider has more requests than it can answer.";
const NO_ANSWER = "The model provider does not go on with this answer; the operator of the gateway has to act.";

/** Codex reads the delay from the text. */
function delayOf({ message }: JsonObject): string {
  const [, delay = "5s"] = /try again in (\d+(?:\.\d+)?(?:ms|s))\b/.exec(String(message)) ?? [];
  return delay;
}

/** Of the members only those of the protocol: others may hold what upstream was told by the next one. */
function told(error: JsonObject, code: string, message: string): JsonObject {
  return {
    ...("type" in error ? { type: error.type === "error" ? "error" : "server_error" } : {}),
    ...("sequence_number" in error ? { sequence_number: error.sequence_number ?? null } : {}),
    code,
    message,
    ...("param" in error ? { param: null } : {}),
  };
}
