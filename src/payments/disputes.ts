import { and, asc, count, eq, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Disputed } from "./payment-event.ts";
import { disputes, payments } from "./schema.ts";
import type { Payment } from "./store.ts";

/**
 * Remembers where a dispute stands and returns it. Events come in any order: one that has ended stays so, and what has
 * become more than an inquiry does not go back to one.
 */
export async function saveDispute(
  db: D1Database,
  { id: paymentId, accountId }: Payment,
  { disputeId, amount, state }: Disputed,
  now: number,
): Promise<Disputed["state"]> {
  const closedAt = state === "won" || state === "lost" ? now : null;
  const orm = drizzle(db);
  await orm
    .insert(disputes)
    .values({ id: disputeId, paymentId, accountId, amount, state, createdAt: now, closedAt })
    .onConflictDoUpdate({
      target: disputes.id,
      set: { state, amount, closedAt },
      setWhere: inArray(disputes.state, state === "inquiry" ? ["inquiry"] : ["inquiry", "open"]),
    });
  const row = await orm.select({ state: disputes.state }).from(disputes).where(eq(disputes.id, disputeId)).get();
  return row?.state ?? state;
}

/** Where the disputes of payments stand, by payment: of several, the newest. */
export async function disputesOf(
  db: D1Database,
  of: readonly Pick<Payment, "id">[],
): Promise<ReadonlyMap<string, Disputed["state"]>> {
  const ids = JSON.stringify(of.map(({ id }) => id));
  const rows = await drizzle(db)
    .select({ paymentId: disputes.paymentId, state: disputes.state })
    .from(disputes)
    .where(sql`${disputes.paymentId} in (select value from json_each(${ids}))`)
    .orderBy(asc(disputes.createdAt));
  return new Map(rows.map(({ paymentId, state }) => [paymentId, state]));
}

export async function openDisputes(db: D1Database, accountId: string): Promise<number> {
  const [row] = await drizzle(db)
    .select({ count: count() })
    .from(disputes)
    .where(and(eq(disputes.accountId, accountId), sql`${disputes.state} = 'open'`));
  return row?.count ?? 0;
}

/** A payment with what was lost of it in disputes, all of one instant. */
export async function countLosses(db: D1Database, paymentId: string): Promise<Payment | null> {
  const sum = sql<number>`(select coalesce(sum(amount), 0) from disputes where payment_id = ${paymentId} and state = 'lost')`;
  const [row] = await drizzle(db).update(payments).set({ lost: sum }).where(eq(payments.id, paymentId)).returning();
  return row ?? null;
}
