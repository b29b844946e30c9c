import { decodeCursor } from "../ledger/cursor.ts";
import type { LedgerExtent } from "../ledger/extent.ts";
import { listBalanceUpdates } from "../ledger/read.ts";
import { type BalanceUpdateWire, balanceUpdateWire } from "../wire/ledger.ts";

const COLUMNS = [
  "seq",
  "draw",
  "at",
  "kind",
  "source",
  "amount",
  "delta",
  "balance_after",
  "cause",
  "usage_event",
  "monetization_event",
  "id",
  "hash",
  "request_id",
  "reason",
] as const satisfies readonly (keyof BalanceUpdateWire)[];

const ROWS_AT_ONCE = 500;

/**
 * An account's balance updates as CSV (RFC 4180), oldest first, read page by page as the client takes them. It ends where
 * the ledger reached when it began: behind an entry that is still on its way, the balance would seem to jump.
 */
export function ledgerCsv(db: D1Database, accountId: string, extent: LedgerExtent): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cursor: string | null = null;
  return new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode(`${COLUMNS.join(",")}\r\n`));
    },
    async pull(controller) {
      const after = cursor === null ? null : decodeCursor(cursor);
      const page = await listBalanceUpdates(db, accountId, { after, limit: ROWS_AT_ONCE, order: "oldest" });
      const within = page.data.filter(({ place }) => place.epoch < extent.epoch || place.seq <= extent.to);
      const lines = within.map((row) => csvLine(balanceUpdateWire(row)));
      if (lines.length > 0) controller.enqueue(encoder.encode(lines.join("")));
      cursor = within.length === page.data.length ? page.nextCursor : null;
      if (cursor === null) controller.close();
    },
  });
}

function csvLine(row: BalanceUpdateWire): string {
  return `${COLUMNS.map((column) => csvField(row[column])).join(",")}\r\n`;
}

/** Text that a spreadsheet would run as a formula, as it does `-1+1`, is given a leading quote; numbers stay as they are. */
function csvField(value: string | number | null): string {
  if (value === null) return "";
  const text = String(value);
  const safe = /^[=+@\t\r]|^-(?!\d+(?:\.\d+)?$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
