import type { Target } from "./target.ts";
import type { Call } from "./upstream.ts";

/**
 * Headers by their names in lower case. What is built here is built as a plain object: each call into the runtime's own
 * `Headers` costs more than anything else that is done for a header, a tenth of what a request costs at the edge.
 */
export type PlainHeaders = Record<string, string>;

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
 * Asking for a part, or only under a condition, is for reads. With what makes something it would be a way to an answer
 * that upstream has made and charges for, and that nobody here can read.
 */
const FOR_READS = /^(?:range$|if-)/;

/**
 * What may pass back. The upstream's rate limits, organisation, cookies and request id describe the operator's account,
 * and `openai-model` would make Codex warn its user when it differs from the model that was asked for. `x-models-etag`
 * names the upstream's list of models: Codex would fetch the gateway's again after every answer.
 */
const TO_CLIENT = [
  "cache-control",
  "content-type",
  "openai-processing-ms",
  "openai-version",
  "x-codex-turn-state",
  "x-reasoning-included",
];

/** The headers of a call to an upstream. Whatever an operator lets pass, a caller's credentials do not. */
export function headersToUpstream(
  { apiKey, auth, extraHeaders }: Pick<Target, "apiKey" | "auth" | "extraHeaders">,
  { method, from, requestId, body }: Pick<Call, "method" | "from" | "requestId" | "body">,
): PlainHeaders {
  const to: PlainHeaders = {};
  for (const [name, value] of from) {
    const allowed = TO_UPSTREAM.has(name) || name.startsWith(TO_UPSTREAM_PREFIX) || extraHeaders.includes(name);
    if (allowed && !CREDENTIALS.has(name) && (method === "GET" || !FOR_READS.test(name))) to[name] = value;
  }
  if (auth === "bearer") to.authorization = `Bearer ${apiKey}`;
  else to["api-key"] = apiKey;
  // An encoded answer would have to be decoded before its usage can be read.
  to["accept-encoding"] = "identity";
  if (body !== null) to["content-type"] = typeof body === "string" ? "application/json" : body.contentType;
  if (method === "POST") to["idempotency-key"] = requestId;
  return to;
}

/** The headers of the answer that the client may see. */
export function headersToClient(from: Headers): PlainHeaders {
  const to: PlainHeaders = {};
  for (const name of TO_CLIENT) {
    const value = from.get(name);
    if (value !== null && mayPass(name, value)) to[name] = value;
  }
  return to;
}

/** A client reads its headers into a small memory, and closes the connection over bytes that headers may not have. */
const READABLE = /^[\t\x20-\x7e]{0,4096}$/;
/** What would let a cache between here and the client show one account's answer to another. */
const SHARED = /\b(?:public|s-maxage)\b/i;

/** Whether a header of an upstream may go on as it is. */
export function mayPass(name: string, value: string): boolean {
  return READABLE.test(value) && !(name === "cache-control" && SHARED.test(value));
}
