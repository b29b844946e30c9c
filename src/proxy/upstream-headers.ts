/**
 * What may pass to the upstream. An allow-list: whatever is not named here stops at the gateway, first of all the
 * caller's key, cookies, addresses and organisation. Codex's own headers pass, because its newest models need them.
 */
const TO_UPSTREAM = new Set([
  "accept",
  "openai-beta",
  "originator",
  "session-id",
  "thread-id",
  "user-agent",
  "version",
  "x-client-request-id",
  "x-openai-internal-codex-responses-lite",
  "x-openai-subagent",
]);
const TO_UPSTREAM_PREFIX = "x-codex-";

/**
 * What may pass back. The upstream's rate limits, organisation, cookies and request id describe the operator's account,
 * and `openai-model` would make Codex warn its user when it differs from the model that was asked for.
 */
const TO_CLIENT = new Set([
  "cache-control",
  "content-type",
  "openai-processing-ms",
  "openai-version",
  "x-codex-turn-state",
  "x-models-etag",
  "x-reasoning-included",
]);

/** The headers of the request to the upstream. */
export function headersToUpstream(
  from: Headers,
  { apiKey, extraHeaders }: { apiKey: string; extraHeaders: readonly string[] },
  requestId: string,
): Headers {
  const to = new Headers();
  for (const [name, value] of from) {
    const allowed = TO_UPSTREAM.has(name) || name.startsWith(TO_UPSTREAM_PREFIX) || extraHeaders.includes(name);
    if (allowed) to.set(name, value);
  }
  to.set("authorization", `Bearer ${apiKey}`);
  to.set("content-type", "application/json");
  // An encoded answer would have to be decoded before its usage can be read.
  to.set("accept-encoding", "identity");
  to.set("idempotency-key", requestId);
  return to;
}

/** The headers of the answer that the client may see. */
export function headersToClient(from: Headers): Headers {
  const to = new Headers();
  for (const [name, value] of from) if (TO_CLIENT.has(name)) to.set(name, value);
  return to;
}
