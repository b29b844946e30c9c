import type { ChainedEntry } from "../core/event.ts";
import { readEntries } from "./entry-rows.ts";

/** The numbers of an epoch's entries. */
export interface EpochSpan {
  readonly epoch: number;
  readonly first: number;
  /** Where the next epoch goes on from; `null` of the last one. */
  readonly last: number | null;
}

const OPENED = "SELECT ?2 AS epoch, min(seq) AS first FROM balance_updates WHERE account_id = ?1 AND epoch = ?2";

/** The epochs of an account's ledger from one up to another, as far as it has them. Reads one row for each. */
export async function readEpochs(db: D1Database, accountId: string, from: number, to: number): Promise<EpochSpan[]> {
  // Most accounts are in one epoch for ever; its last entry is wherever the reader stops.
  if (from >= to) return [{ epoch: from, first: 0, last: null }];
  const opened = db.prepare(OPENED);
  const epochs = Array.from({ length: to - from + 1 }, (_, index) => opened.bind(accountId, from + index));
  const found = (await db.batch<{ epoch: number; first: number | null }>(epochs)).flatMap(({ results }) => results);
  const begun = found.flatMap(({ epoch, first }) => (first === null ? [] : [{ epoch, first }]));
  return begun.map((span, index) => ({ ...span, last: ends(begun[index + 1]) }));
}

function ends(next: { readonly first: number } | undefined): number | null {
  return next === undefined ? null : next.first - 1;
}

/** Entries after `after` up to `to`, oldest first, each from the epoch in which it has its number. */
export async function readAcross(
  db: D1Database,
  accountId: string,
  epochs: readonly EpochSpan[],
  { after, to }: { after: number; to: number },
): Promise<ChainedEntry[]> {
  const entries: ChainedEntry[] = [];
  for (const { epoch, first, last } of epochs) {
    const within = { after: Math.max(after, first - 1), to: Math.min(to, last ?? to) };
    if (within.after < within.to) entries.push(...(await readEntries(db, accountId, epoch, within)));
  }
  return entries;
}
