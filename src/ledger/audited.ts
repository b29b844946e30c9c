import { eq, isNull, lt, or, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { AuditState } from "../core/audit.ts";
import { audited, balances } from "./schema.ts";

/** The audit of an account as far as it went without a difference; `null` when there is none. */
export async function readAudited(db: D1Database, accountId: string): Promise<AuditState | null> {
  const row = await drizzle(db).select().from(audited).where(eq(audited.accountId, accountId)).get();
  if (!row) return null;
  const { epoch, seq, head, balance, grants } = row;
  return { accountId, epoch, seq, head, balance, grants: new Map(grants), differences: [] };
}

/** Remembers a clean audit. Grants with nothing left need not be remembered. */
export async function saveAudited(db: D1Database, state: AuditState, at: number): Promise<void> {
  const { accountId, epoch, seq, head, balance } = state;
  const grants = [...state.grants].filter(([, left]) => left !== 0);
  const row = { epoch, seq, head, balance, grants, at };
  await drizzle(db)
    .insert(audited)
    .values({ accountId, ...row })
    .onConflictDoUpdate({ target: audited.accountId, set: row });
}

/** Accounts with entries that no clean audit has seen; by lot, so that those that differ keep no others waiting. */
export async function unaudited(db: D1Database, limit: number): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: balances.accountId })
    .from(balances)
    .leftJoin(audited, eq(audited.accountId, balances.accountId))
    .where(or(isNull(audited.seq), lt(audited.seq, balances.maxSeq)))
    .orderBy(sql`random()`)
    .limit(limit);
  return rows.map(({ id }) => id);
}
