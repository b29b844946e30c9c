import { createHash } from "node:crypto";
import { readRateLookup } from "../catalog/rate-lookup.ts";
import type { RateLookup } from "../core/audit.ts";
import { genesis } from "../core/event.ts";
import type { Rate } from "../core/rate-card.ts";
import { openAccount } from "../http/account-access.ts";
import type { HttpContext } from "../http/context.ts";
import { readEntries } from "../ledger/entry-rows.ts";
import { type LedgerExtent, readExtent, readUsedRates, type UsedRate } from "../ledger/extent.ts";
import { sha256Hex } from "../sha256.ts";
import { instant } from "../wire/time.ts";

/** Entries read at once. */
const PAGE = 200;

/**
 * The caller's own ledger as NDJSON, for anyone to verify: a header with all rates that were used, every entry as it
 * was hashed, and an end line. It ends at the last entry that was there when it began. Amounts are micro-credits.
 */
export async function ledgerExport(c: HttpContext): Promise<Response> {
  const { account } = await openAccount(c);
  const db = c.env.DB;
  const head = await c.var.services.accounts.head(account.id);
  if (!head) throw new Error("an account that was opened has an object");
  const extent = await readExtent(db, account.id, head);
  const header = {
    type: "spillway-ledger",
    v: 1,
    account: account.id,
    epoch: extent.epoch,
    genesis: genesis(sha256Hex, account.id, extent.epoch),
    exported_at: instant(Date.now()),
    rates: ratesOf(await readUsedRates(db, account.id, extent), await readRateLookup(db)),
  };
  const headers = {
    "content-type": "application/x-ndjson; charset=utf-8",
    "content-disposition": 'attachment; filename="spillway-ledger.ndjson"',
  };
  return c.body(exportStream(db, account.id, extent, header), { headers });
}

/** The rates by `card@version` and model. One that no longer exists is left out, and its charges do not verify. */
function ratesOf(used: readonly UsedRate[], rateOf: RateLookup): Record<string, Record<string, Rate>> {
  const rates: Record<string, Record<string, Rate>> = {};
  for (const { cardId, cardVersion, model } of used) {
    const rate = rateOf(cardId, cardVersion, model);
    const card = `${cardId}@${cardVersion}`;
    if (rate) rates[card] = { ...rates[card], [model]: rate };
  }
  return rates;
}

/** The export's lines, read page by page as the client takes them. */
function exportStream(
  db: D1Database,
  accountId: string,
  { epoch, to }: LedgerExtent,
  header: { readonly genesis: string },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const digest = createHash("sha256");
  let after = 0;
  let end = { seq: 0, head: header.genesis, entries: 0, balance: 0 };
  const text = (values: readonly unknown[]): Uint8Array => {
    const bytes = encoder.encode(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
    digest.update(bytes);
    return bytes;
  };
  return new ReadableStream({
    start(controller) {
      controller.enqueue(text([header]));
    },
    async pull(controller) {
      while (after < to) {
        const page = await readEntries(db, accountId, epoch, { after, to: Math.min(to, after + PAGE) });
        after += PAGE;
        const last = page.at(-1);
        if (!last) continue;
        const balance = last.updates.at(-1)?.balanceAfter ?? end.balance;
        end = { seq: last.seq, head: last.hash, entries: end.entries + page.length, balance };
        controller.enqueue(text(page));
        return;
      }
      // The digest of all lines before finds what the chain does not cover: the header.
      controller.enqueue(text([{ type: "end", ...end, seq: to, sha256: digest.copy().digest("hex") }]));
      controller.close();
    },
  });
}
