import { createHash } from "node:crypto";
import type { RateLookup } from "../core/audit.ts";
import { FIRST_EPOCH, genesis } from "../core/event.ts";
import type { Rate } from "../core/rate-card.ts";
import { sha256Hex } from "../sha256.ts";
import type { AuditDeps, ObjectHead } from "./account-audit.ts";
import { type EpochSpan, readAcross, readEpochs } from "./epochs.ts";
import { type LedgerExtent, readExtent, readUsedRates, type UsedRate } from "./extent.ts";

/** The first line of an export. */
interface ExportHeader {
  readonly type: "spillway-ledger";
  /** The version of the format. */
  readonly v: 1;
  readonly account: string;
  /** In which the account began. */
  readonly epoch: number;
  readonly genesis: string;
  readonly exported_at: string;
  /** By `card@version` and model. */
  readonly rates: Readonly<Record<string, Readonly<Record<string, Rate>>>>;
}

/** What the last line says of the entries. */
interface ExportEnd {
  /** Only where it is not the epoch in which the account began. */
  readonly epoch?: number;
  readonly head: string;
  readonly entries: number;
  readonly balance: number;
}

/** Entries read at once. */
const PAGE = 200;

/**
 * An account's ledger as NDJSON, for anyone to verify: a header with all rates that were used, every entry of all epochs
 * as it was hashed, and an end line. It ends at the last entry that was there when it began, however many
 * arrive meanwhile. Amounts are micro-credits. The stream fails when D1 does, and then has no end line.
 */
export async function exportLedger(
  { db, rateOf }: Pick<AuditDeps, "db" | "rateOf">,
  accountId: string,
  head: ObjectHead,
  now: number,
): Promise<ReadableStream<Uint8Array>> {
  const extent = await readExtent(db, accountId, head);
  const used = await readUsedRates(db, accountId, extent);
  const epochs = await readEpochs(db, accountId, FIRST_EPOCH, extent.epoch);
  return exportStream(db, accountId, epochs, extent, {
    type: "spillway-ledger",
    v: 1,
    account: accountId,
    epoch: FIRST_EPOCH,
    genesis: genesis(sha256Hex, accountId, FIRST_EPOCH),
    exported_at: new Date(now).toISOString(),
    rates: ratesOf(used, rateOf),
  });
}

/** The rates that were used. One that no longer exists is left out, and its charges do not verify. */
function ratesOf(used: readonly UsedRate[], rateOf: RateLookup): ExportHeader["rates"] {
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
  epochs: readonly EpochSpan[],
  { to }: LedgerExtent,
  header: ExportHeader,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const digest = createHash("sha256");
  let after = 0;
  let end: ExportEnd = { head: header.genesis, entries: 0, balance: 0 };
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
        const page = await readAcross(db, accountId, epochs, { after, to: Math.min(to, after + PAGE) });
        after += PAGE;
        const last = page.at(-1);
        if (!last) continue;
        const balance = last.updates.at(-1)?.balanceAfter ?? end.balance;
        const epoch = last.epoch === header.epoch ? {} : { epoch: last.epoch };
        end = { ...epoch, head: last.hash, entries: end.entries + page.length, balance };
        controller.enqueue(text(page));
        return;
      }
      // The digest of all lines before finds what the chain does not cover: the header.
      controller.enqueue(text([{ type: "end", seq: to, ...end, sha256: digest.copy().digest("hex") }]));
      controller.close();
    },
  });
}
