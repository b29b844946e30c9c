import { and, desc, eq, lt, or, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { decodeText, encodeText, type Page, pageOf } from "../ledger/cursor.ts";
import { sha256Hex } from "../sha256.ts";
import type { Order } from "./order.ts";
import { payments } from "./schema.ts";

export type Payment = typeof payments.$inferSelect;

/** The same payment of the provider is always the same payment, and the same grant, whichever event tells of it. */
export function paymentIdOf(providerId: string): string {
  return `pay_${digestOf(providerId)}`;
}

export function grantIdOf(providerId: string): string {
  return `grt_${digestOf(providerId)}`;
}

function digestOf(providerId: string): string {
  return sha256Hex(`stripe|${providerId}`).slice(0, 32);
}

export async function readPayment(db: D1Database, id: string): Promise<Payment | null> {
  const [row] = await drizzle(db).select().from(payments).where(eq(payments.id, id));
  return row ?? null;
}

/** Remembers a payment whose money is on its way. One that has arrived stays so. */
export async function savePending(db: D1Database, providerId: string, order: Order, now: number): Promise<void> {
  await drizzle(db)
    .insert(payments)
    .values({ ...rowOf(providerId, order), state: "pending", createdAt: now })
    .onConflictDoNothing();
}

/** Remembers a payment that has arrived and was granted. */
export async function savePaid(db: D1Database, providerId: string, order: Order, now: number): Promise<void> {
  await drizzle(db)
    .insert(payments)
    .values({ ...rowOf(providerId, order), state: "paid", createdAt: now, paidAt: now })
    .onConflictDoUpdate({
      target: payments.id,
      set: { state: "paid", paidAt: sql`coalesce(payments.paid_at, ${now})` },
    });
}

/** Remembers that the money of a pending payment will not come. */
export async function saveFailed(db: D1Database, providerId: string): Promise<void> {
  await drizzle(db)
    .update(payments)
    .set({ state: "failed" })
    .where(and(eq(payments.id, paymentIdOf(providerId)), eq(payments.state, "pending")));
}

function rowOf(providerId: string, { accountId, packId, credits, amount, currency, topUpId }: Order) {
  const kind: Payment["kind"] = topUpId === null ? "checkout" : "top_up";
  const ids = { id: paymentIdOf(providerId), providerId, grantId: grantIdOf(providerId) };
  return { ...ids, accountId, packId, credits, amount, currency, kind };
}

/** Remembers how much was paid back in all; `null` when the payment is not known to have arrived. */
export async function saveRefunded(db: D1Database, id: string, refunded: number): Promise<Payment | null> {
  const [row] = await drizzle(db)
    .update(payments)
    .set({ refunded: sql`max(payments.refunded, ${refunded})` })
    .where(and(eq(payments.id, id), eq(payments.state, "paid")))
    .returning();
  return row ?? null;
}

/** Remembers what was taken back for it. Of two at once the larger stays. */
export async function saveReclaimed(db: D1Database, id: string, reclaimed: number, shortfall: number): Promise<void> {
  await drizzle(db)
    .update(payments)
    .set({ reclaimed, shortfall })
    .where(and(eq(payments.id, id), sql`${payments.reclaimed} <= ${reclaimed}`));
}

export interface PaymentQuery {
  /** `null` lists all accounts. */
  readonly accountId: string | null;
  readonly limit: number;
  readonly cursor: string | null;
}

/** Payments, newest first; `null` for a cursor that is none of ours. */
export async function listPayments(db: D1Database, query: PaymentQuery): Promise<Page<Payment> | null> {
  const after = query.cursor === null ? undefined : beyond(query.cursor);
  if (after === null) return null;
  const ofAccount = query.accountId === null ? undefined : eq(payments.accountId, query.accountId);
  const rows = await drizzle(db)
    .select()
    .from(payments)
    .where(and(ofAccount, after))
    .orderBy(desc(payments.createdAt), desc(payments.id))
    .limit(query.limit + 1);
  return pageOf(rows, query.limit, ({ createdAt, id }) => encodeText(`${createdAt}.${id}`));
}

function beyond(cursor: string): SQL | undefined | null {
  const match = /^(\d{1,15})\.(pay_[0-9a-f]{32})$/.exec(decodeText(cursor) ?? "");
  if (!match) return null;
  const [, createdAt = "", id = ""] = match;
  const at = Number(createdAt);
  return or(lt(payments.createdAt, at), and(eq(payments.createdAt, at), lt(payments.id, id)));
}
