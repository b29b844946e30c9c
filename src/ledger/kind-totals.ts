import type { BalanceUpdateKind } from "../core/event.ts";
import { STRETCHES_OF_ACCOUNT, stretchesOf, UPDATES_WITHIN } from "./stretch.ts";

export interface KindQuery {
  /** `null` sums over all accounts. */
  readonly accountId: string | null;
  /** From this instant (epoch ms) on … */
  readonly from: number;
  /** … up to and without this one. */
  readonly to: number;
}

/** How much was moved by one kind of balance update. */
export interface KindTotal {
  readonly kind: BalanceUpdateKind;
  readonly count: number;
  /** Micro-credits. */
  readonly amount: number;
}

const SUMS = "b.kind AS kind, count(*) AS count, sum(b.amount) AS amount";

/** The sum of each kind of balance update: what was granted, charged, given back, written off. */
export async function kindTotals(db: D1Database, query: KindQuery): Promise<KindTotal[]> {
  const sql = `SELECT ${SUMS} FROM ${UPDATES_WITHIN} GROUP BY b.kind ORDER BY b.kind`;
  const { results } = await within(db, query, sql).all<KindTotal>();
  return results;
}

/** What was moved on one day. */
export interface DayTotal {
  /** The day in UTC, as `2026-11-22`. */
  readonly day: string;
  readonly totals: readonly KindTotal[];
}

interface DayRow extends KindTotal {
  readonly day: string;
}

/** The same for every day on which anything moved, oldest first. */
export async function dailyTotals(db: D1Database, query: KindQuery): Promise<DayTotal[]> {
  const sql = `SELECT date(b.at / 1000, 'unixepoch') AS day, ${SUMS} FROM ${UPDATES_WITHIN}
    GROUP BY day, b.kind ORDER BY day, b.kind`;
  const { results } = await within(db, query, sql).all<DayRow>();
  const days = new Map<string, KindTotal[]>();
  for (const { day, ...total } of results) {
    const totals = days.get(day) ?? [];
    days.set(day, totals);
    totals.push(total);
  }
  return [...days].map(([day, totals]) => ({ day, totals }));
}

/** Accounts that have not moved since the span began need not be looked at. `?1` is null. */
const STRETCHES_OF_ALL = stretchesOf("SELECT account_id FROM balances WHERE updated_at >= ?2 AND ?1 IS NULL");

/** A sum over the balance updates of the span, of one account or all. */
function within(db: D1Database, { accountId, from, to }: KindQuery, sum: string): D1PreparedStatement {
  const stretches = accountId === null ? STRETCHES_OF_ALL : STRETCHES_OF_ACCOUNT;
  return db.prepare(`${stretches} ${sum}`).bind(accountId, from, to);
}
