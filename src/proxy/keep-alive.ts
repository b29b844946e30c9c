import type { PreparedRequest } from "../protocol/adapter.ts";
import { isCodex } from "./codex.ts";

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
