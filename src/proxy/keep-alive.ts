import type { PreparedRequest } from "../protocol/adapter.ts";

/**
 * What OpenAI sends itself in a long silence, undocumented. Codex takes nothing less than an event for a sign of life,
 * and the stream helper of the openai SDK fails at any type that it does not know, but knows this one.
 */
const EVENT = new TextEncoder().encode('event: keepalive\ndata: {"type":"keepalive","sequence_number":0}\n\n');

/** Signs of life for a coding client, which breaks off a stream that is silent for minutes; others need none. */
export function keepAliveFor(
  headers: Headers,
  { path }: PreparedRequest,
  everyMs: number,
): { everyMs: number; event: Uint8Array } | null {
  return path === "/responses" && isCodex(headers) ? { everyMs, event: EVENT } : null;
}

/** Codex says who it is in `originator`; forks of it at least keep its own headers. */
export function isCodex(headers: Headers): boolean {
  return headers.get("originator")?.startsWith("codex") === true || headers.has("x-codex-window-id");
}
