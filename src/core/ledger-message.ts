import type { ChainedEntry } from "./event.ts";
import { utf8Length } from "./utf8.ts";

export const MESSAGE_VERSION = 1;

/** What travels through the queue: entries of one account, in the order of their sequence numbers. */
export interface LedgerMessage {
  readonly v: typeof MESSAGE_VERSION;
  readonly accountId: string;
  readonly entries: readonly ChainedEntry[];
}

/** Queue messages of up to 64 KB cost one operation; some room is left for the envelope. */
export const MESSAGE_BYTES = 60_000;

/** Packs entries, given as the JSON that is stored, into as few messages as fit. A larger entry travels alone. */
export function packEntries(accountId: string, stored: readonly { json: string }[]): LedgerMessage[] {
  const messages: LedgerMessage[] = [];
  let entries: ChainedEntry[] = [];
  let bytes = 0;
  for (const { json } of stored) {
    const size = utf8Length(json);
    if (entries.length > 0 && bytes + size > MESSAGE_BYTES) {
      messages.push({ v: MESSAGE_VERSION, accountId, entries });
      entries = [];
      bytes = 0;
    }
    entries.push(JSON.parse(json) as ChainedEntry);
    bytes += size;
  }
  if (entries.length > 0) messages.push({ v: MESSAGE_VERSION, accountId, entries });
  return messages;
}
