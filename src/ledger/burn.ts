import { and, eq, gte, min, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { MicroCredits } from "../core/amount.ts";
import { balanceUpdates } from "./schema.ts";

/** What grants have paid of late. */
export interface Burn {
  readonly amount: MicroCredits;
  /** The first of those payments (epoch ms); `null` without any. */
  readonly firstAt: number | null;
}

/** What the account's grants have paid since `since` (epoch ms). */
export async function readBurn(db: D1Database, accountId: string, since: number): Promise<Burn> {
  const { kind, amount, at } = balanceUpdates;
  const [row] = await drizzle(db)
    .select({ amount: sum(amount), firstAt: min(at) })
    .from(balanceUpdates)
    .where(and(eq(balanceUpdates.accountId, accountId), eq(kind, "debit"), gte(at, since)));
  return { amount: Number(row?.amount ?? 0), firstAt: row?.firstAt ?? null };
}
