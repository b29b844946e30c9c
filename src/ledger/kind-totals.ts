import { and, asc, count, eq, gte, lt, sum } from "drizzle-orm";
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
export async function kindTotals(db: D1Database, { accountId, from, to }: KindQuery): Promise<KindTotal[]> {
  const { kind, amount, at } = balanceUpdates;
  const rows = await drizzle(db)
    .select({ kind, count: count(), amount: sum(amount) })
    .from(balanceUpdates)
    .where(and(accountId === null ? undefined : eq(balanceUpdates.accountId, accountId), gte(at, from), lt(at, to)))
    .groupBy(kind)
    .orderBy(asc(kind));
  return rows.map((row) => ({ ...row, amount: Number(row.amount ?? 0) }));
}
