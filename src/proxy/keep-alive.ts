import type { PreparedRequest } from "../protocol/adapter.ts";

/** An event of a type that no client knows, and that all of them skip. Codex takes nothing less for a sign of life. */
const EVENT = new TextEncoder().encode('event: spillway.keepalive\ndata: {"type":"spillway.keepalive"}\n\n');

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
