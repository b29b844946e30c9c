import type { ChainedEntry } from "./event.ts";
import { utf8Length } from "./utf8.ts";

export const MESSAGE_VERSION = 2;

/** What travels through the queue, as JSON text: entries of any accounts, those of one in the order of their numbers. */
export interface LedgerMessage {
  readonly v: typeof MESSAGE_VERSION;
  readonly entries: readonly ChainedEntry[];
}

/** Queue messages of up to 64 KB cost one operation; some room is left for the envelope. */
export const MESSAGE_BYTES = 60_000;

/** Packs entries, given as the JSON that is stored, into as few messages as fit. A larger entry travels alone. */
export function packEntries(stored: readonly string[]): string[] {
  const messages: string[] = [];
  let entries: string[] = [];
  let bytes = 0;
  for (const json of stored) {
    const size = utf8Length(json);
    if (entries.length > 0 && bytes + size > MESSAGE_BYTES) {
      messages.push(messageOf(entries));
      entries = [];
      bytes = 0;
    }
    entries.push(json);
    bytes += size;
  }
  if (entries.length > 0) messages.push(messageOf(entries));
  return messages;
}

function messageOf(entries: readonly string[]): string {
  return `{"v":${MESSAGE_VERSION},"entries":[${entries.join(",")}]}`;
}
