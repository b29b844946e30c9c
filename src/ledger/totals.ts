import type { MicroCredits } from "../core/amount.ts";

/** The sums over one account's ledger, all of one instant. */
export interface LedgerTotals {
  /** The first and the newest sequence number of each epoch. */
  readonly epochs: readonly { readonly epoch: number; readonly first: number; readonly newest: number }[];
  /** The sum of all balance updates. */
  readonly delta: MicroCredits;
  readonly entries: number;
  /** Entries that name a usage event, and those that name a monetization event. */
  readonly namedUsage: number;
  readonly namedMonetization: number;
  readonly usageEvents: number;
  readonly monetizationEvents: number;
  /** The account's row of balances; zeros when there is none. */
  readonly row: { readonly balance: MicroCredits; readonly entries: number };
}

interface EpochRow {
  epoch: number;
  first: number;
  newest: number;
  delta: number;
  entries: number;
  namedUsage: number;
  namedMonetization: number;
}

const EPOCHS = `SELECT epoch, min(seq) AS first, max(seq) AS newest, sum(delta) AS delta, count(DISTINCT seq) AS entries,
  count(DISTINCT usage_id) AS namedUsage, count(DISTINCT monetization_id) AS namedMonetization
  FROM balance_updates WHERE account_id = ?1 GROUP BY epoch ORDER BY epoch`;
const COUNT_USAGE = "SELECT count(*) AS count FROM usage_events WHERE account_id = ?1";
const COUNT_MONETIZATION = "SELECT count(*) AS count FROM monetization_events WHERE account_id = ?1";
const BALANCE = "SELECT balance, entries FROM balances WHERE account_id = ?1";

/** Adds up one account's ledger. One transaction: entries that arrive meanwhile are in all of the sums or in none. */
export async function readTotals(db: D1Database, accountId: string): Promise<LedgerTotals> {
  const [epochs, usage, monetization, balance] = await db.batch(
    [EPOCHS, COUNT_USAGE, COUNT_MONETIZATION, BALANCE].map((sql) => db.prepare(sql).bind(accountId)),
  );
  const rows = (epochs?.results ?? []) as EpochRow[];
  const [row] = (balance?.results ?? []) as LedgerTotals["row"][];
  const total = (pick: (row: EpochRow) => number): number => rows.reduce((sum, epoch) => sum + pick(epoch), 0);
  return {
    epochs: rows,
    delta: total((epoch) => epoch.delta),
    entries: total((epoch) => epoch.entries),
    namedUsage: total((epoch) => epoch.namedUsage),
    namedMonetization: total((epoch) => epoch.namedMonetization),
    usageEvents: countOf(usage),
    monetizationEvents: countOf(monetization),
    row: row ?? { balance: 0, entries: 0 },
  };
}

function countOf(result: D1Result | undefined): number {
  const [row] = (result?.results ?? []) as { count: number }[];
  return row?.count ?? 0;
}
