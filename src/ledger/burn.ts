import type { MicroCredits } from "../core/amount.ts";

/** What grants have paid of late. */
export interface Burn {
  readonly amount: MicroCredits;
  /** The first of those payments (epoch ms); `null` without any. */
  readonly firstAt: number | null;
  /** Whether that is all since the instant that was asked for. Of a busy account only the newest part is read. */
  readonly complete: boolean;
}

/** No more of an account's history is read, however long that is. */
const UPDATES_MOST = 5_000;

const NEWEST = `SELECT count(*) AS count, min(at) AS oldest, sum(amount) FILTER (WHERE kind = 'debit' AND at >= ?2) AS amount,
    min(at) FILTER (WHERE kind = 'debit' AND at >= ?2) AS firstAt
  FROM (SELECT kind, amount, at FROM balance_updates WHERE account_id = ?1
    ORDER BY epoch DESC, seq DESC, draw DESC LIMIT ?3)`;

interface Row {
  readonly count: number;
  readonly oldest: number | null;
  readonly amount: number | null;
  readonly firstAt: number | null;
}

/** What the account's grants have paid since `since` (epoch ms), as far back as its newest history reaches. */
export async function readBurn(db: D1Database, accountId: string, since: number): Promise<Burn> {
  const row = await db.prepare(NEWEST).bind(accountId, since, UPDATES_MOST).first<Row>();
  if (!row) return { amount: 0, firstAt: null, complete: true };
  const { count, oldest, amount, firstAt } = row;
  return { amount: amount ?? 0, firstAt, complete: count < UPDATES_MOST || oldest === null || oldest < since };
}
