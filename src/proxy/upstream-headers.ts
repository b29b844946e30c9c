import type { Target } from "./target.ts";
import type { Call } from "./upstream.ts";

/**
 * What may pass to the upstream. An allow-list: whatever is not named here stops at the gateway, first of all the
 * caller's key, cookies, addresses and organisation. Codex's own headers pass, because its newest models need them.
 */
const TO_UPSTREAM = new Set([
  "accept",
  "if-none-match",
  "if-range",
  "openai-beta",
  "originator",
  "range",
  "session-id",
  "thread-id",
  "user-agent",
  "version",
  "x-client-request-id",
  "x-openai-internal-codex-responses-lite",
  "x-openai-subagent",
]);
const TO_UPSTREAM_PREFIX = "x-codex-";
const CREDENTIALS = new Set(["authorization", "api-key", "cookie", "proxy-authorization"]);

/**
 * What may pass back. The upstream's rate limits, organisation, cookies and request id describe the operator's account,
 * and `openai-model` would make Codex warn its user when it differs from the model that was asked for. `x-models-etag`
 * names the upstream's list of models: Codex would fetch the gateway's again after every answer.
 */
const TO_CLIENT = new Set([
  "cache-control",
  "content-type",
  "openai-processing-ms",
  "openai-version",
  "x-codex-turn-state",
  "x-reasoning-included",
]);

/** The headers of a call to an upstream. Whatever an operator lets pass, a caller's credentials do not. */
export function headersToUpstream(
  { apiKey, auth, extraHeaders }: Pick<Target, "apiKey" | "auth" | "extraHeaders">,
  { method, from, requestId, body }: Pick<Call, "method" | "from" | "requestId" | "body">,
): Headers {
  const to = new Headers();
  for (const [name, value] of from) {
    const allowed = TO_UPSTREAM.has(name) || name.startsWith(TO_UPSTREAM_PREFIX) || extraHeaders.includes(name);
    if (allowed && !CREDENTIALS.has(name)) to.set(name, value);
  }
  if (auth === "bearer") to.set("authorization", `Bearer ${apiKey}`);
  else to.set("api-key", apiKey);
  // An encoded answer would have to be decoded before its usage can be read.
  to.set("accept-encoding", "identity");
  if (body !== null) to.set("content-type", typeof body === "string" ? "application/json" : body.contentType);
  if (method === "POST") to.set("idempotency-key", requestId);
  return to;
}

/** The headers of the answer that the client may see. */
export function headersToClient(from: Headers): Headers {
  const to = new Headers();
  for (const [name, value] of from) if (TO_CLIENT.has(name)) to.set(name, value);
  return to;
}
