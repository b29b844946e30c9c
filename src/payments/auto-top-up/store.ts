import { and, desc, eq, gte, inArray, sql, sum } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Order } from "../order.ts";
import { autoTopUps, topUps } from "../schema.ts";
import type { AutoTopUp } from "./settings.ts";

export type TopUp = typeof topUps.$inferSelect;

export async function readAutoTopUp(db: D1Database, accountId: string): Promise<AutoTopUp | null> {
  const [row] = await drizzle(db).select().from(autoTopUps).where(eq(autoTopUps.accountId, accountId));
  return row ?? null;
}

export async function saveAutoTopUp(db: D1Database, { accountId, ...settings }: AutoTopUp): Promise<void> {
  await drizzle(db)
    .insert(autoTopUps)
    .values({ accountId, ...settings })
    .onConflictDoUpdate({ target: autoTopUps.accountId, set: settings });
}

/**
 * Accounts whose posted balance is below their threshold and that may buy now; among `accountIds`, unless that is `null`.
 * More than `limit` are drawn by lot: those that can never buy, such as suspended ones, would hold the front of any order.
 */
export async function accountsBelow(
  db: D1Database,
  accountIds: readonly string[] | null,
  now: number,
  limit: number,
): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT a.account_id AS id FROM auto_top_ups a JOIN balances b ON b.account_id = a.account_id
      WHERE a.enabled = 1 AND a.suspended_why IS NULL AND a.not_before <= ?1 AND b.balance < a.threshold
        AND (?2 IS NULL OR a.account_id IN (SELECT value FROM json_each(?2)))
      ORDER BY random() LIMIT ?3`,
    )
    .bind(now, accountIds === null ? null : JSON.stringify(accountIds), limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Makes a purchase one's own: of several who saw the same settings, one. No other begins before `until`. */
export async function claim(db: D1Database, settings: AutoTopUp, until: number): Promise<boolean> {
  const { accountId, notBefore, updatedAt } = settings;
  const same = and(eq(autoTopUps.notBefore, notBefore), eq(autoTopUps.updatedAt, updatedAt));
  const claimed = await drizzle(db)
    .update(autoTopUps)
    .set({ notBefore: until, notBeforeWhy: "cooldown" })
    .where(and(eq(autoTopUps.accountId, accountId), same))
    .returning({ id: autoTopUps.accountId });
  return claimed.length === 1;
}

/** Lets nothing be bought before an instant. */
export async function waitUntil(db: D1Database, accountId: string, notBefore: number, why: string): Promise<void> {
  await drizzle(db).update(autoTopUps).set({ notBefore, notBeforeWhy: why }).where(eq(autoTopUps.accountId, accountId));
}

export async function suspend(db: D1Database, accountId: string, why: string): Promise<void> {
  await drizzle(db).update(autoTopUps).set({ suspendedWhy: why }).where(eq(autoTopUps.accountId, accountId));
}

/** The purchase of an account that has no end yet. */
export async function readBegun(db: D1Database, accountId: string): Promise<TopUp | null> {
  const [row] = await drizzle(db)
    .select()
    .from(topUps)
    .where(and(eq(topUps.accountId, accountId), eq(topUps.state, "begun")));
  return row ?? null;
}

/** Begins a purchase; `false` when another one has not ended. */
export async function begin(db: D1Database, id: string, order: Order, now: number): Promise<boolean> {
  const { accountId, packId, credits, amount, currency } = order;
  const begun = await drizzle(db)
    .insert(topUps)
    .values({ id, accountId, packId, credits, amount, currency, state: "begun", createdAt: now })
    .onConflictDoNothing()
    .returning({ id: topUps.id });
  return begun.length === 1;
}

export async function saveProviderId(db: D1Database, id: string, providerId: string): Promise<void> {
  await drizzle(db).update(topUps).set({ providerId }).where(eq(topUps.id, id));
}

/** What was spent, or is being spent, since an instant. */
export async function spentSince(db: D1Database, accountId: string, currency: string, since: number): Promise<number> {
  const [row] = await drizzle(db)
    .select({ spent: sum(topUps.amount) })
    .from(topUps)
    .where(
      and(
        eq(topUps.accountId, accountId),
        eq(topUps.currency, currency),
        gte(topUps.createdAt, since),
        inArray(topUps.state, ["begun", "succeeded"]),
      ),
    );
  return Number(row?.spent ?? 0);
}

/** The newest purchases of an account. */
export async function latestTopUps(db: D1Database, accountId: string, limit: number): Promise<TopUp[]> {
  return drizzle(db)
    .select()
    .from(topUps)
    .where(eq(topUps.accountId, accountId))
    .orderBy(desc(topUps.createdAt))
    .limit(limit);
}

export async function endSucceeded(db: D1Database, id: string, now: number): Promise<void> {
  const orm = drizzle(db);
  const account = orm.select({ id: topUps.accountId }).from(topUps).where(eq(topUps.id, id));
  await orm.batch([
    orm.update(topUps).set({ state: "succeeded", reason: null, endedAt: now }).where(eq(topUps.id, id)),
    orm.update(autoTopUps).set({ failures: 0 }).where(inArray(autoTopUps.accountId, account)),
  ]);
}

export interface Failure {
  readonly reason: string;
  readonly at: number;
  /** So many failures in a row suspend it. */
  readonly most: number;
  /** The pause after the first failure (ms); it doubles with each. */
  readonly pauseMs: number;
}

/** Ends a purchase that failed and counts it, once. Returns it as it stands; one that has succeeded stays so. */
export async function endFailed(db: D1Database, id: string, failure: Failure): Promise<TopUp | null> {
  const { reason, at, most, pauseMs } = failure;
  const orm = drizzle(db);
  const begun = and(eq(topUps.id, id), eq(topUps.state, "begun"));
  const account = orm.select({ id: topUps.accountId }).from(topUps).where(begun);
  const suspendedWhy = sql`case when auto_top_ups.failures + 1 >= ${most} then ${`failed ${most} times in a row: ${reason}`} end`;
  const notBefore = sql`max(auto_top_ups.not_before, ${at} + ${pauseMs} * (1 << min(auto_top_ups.failures, 10)))`;
  const [, , rows] = await orm.batch([
    orm
      .update(autoTopUps)
      .set({ failures: sql`auto_top_ups.failures + 1`, suspendedWhy, notBefore, notBeforeWhy: "failed" })
      .where(inArray(autoTopUps.accountId, account)),
    orm.update(topUps).set({ state: "failed", reason, endedAt: at }).where(begun),
    orm.select().from(topUps).where(eq(topUps.id, id)),
  ]);
  return rows[0] ?? null;
}
