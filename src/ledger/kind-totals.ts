import { and, asc, count, eq, gte, lt, sql, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { BalanceUpdateKind } from "../core/event.ts";
import { balanceUpdates } from "./schema.ts";

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

/** The sum of each kind of balance update: what was granted, charged, given back, written off. */
export async function kindTotals(db: D1Database, query: KindQuery): Promise<KindTotal[]> {
  const { kind, amount } = balanceUpdates;
  const rows = await drizzle(db)
    .select({ kind, count: count(), amount: sum(amount) })
    .from(balanceUpdates)
    .where(within(query))
    .groupBy(kind)
    .orderBy(asc(kind));
  return rows.map((row) => ({ ...row, amount: Number(row.amount ?? 0) }));
}

/** What was moved on one day. */
export interface DayTotal {
  /** The day in UTC, as `2026-11-22`. */
  readonly day: string;
  readonly totals: readonly KindTotal[];
}

/** The same for every day on which anything moved, oldest first. */
export async function dailyTotals(db: D1Database, query: KindQuery): Promise<DayTotal[]> {
  const { kind, amount, at } = balanceUpdates;
  const day = sql<string>`date(${at} / 1000, 'unixepoch')`;
  const rows = await drizzle(db)
    .select({ day, kind, count: count(), amount: sum(amount) })
    .from(balanceUpdates)
    .where(within(query))
    .groupBy(day, kind)
    .orderBy(day, asc(kind));
  const days = new Map<string, KindTotal[]>();
  for (const row of rows) {
    const totals = days.get(row.day) ?? [];
    days.set(row.day, totals);
    totals.push({ kind: row.kind, count: row.count, amount: Number(row.amount ?? 0) });
  }
  return [...days].map(([name, totals]) => ({ day: name, totals }));
}

function within({ accountId, from, to }: KindQuery) {
  const { at } = balanceUpdates;
  const account = accountId === null ? movedSince(from) : eq(balanceUpdates.accountId, accountId);
  return and(account, gte(at, from), lt(at, to));
}

/** The histories of accounts that have not moved since need not be read. */
function movedSince(from: number) {
  return sql`${balanceUpdates.accountId} in (select account_id from balances where updated_at >= ${from})`;
}
