import { and, asc, desc, eq, gt, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { decodeText, encodeText, type Page, pageOf } from "../ledger/cursor.ts";
import type { PaymentEvent } from "./payment-event.ts";
import { parkedPayments } from "./schema.ts";

export interface ParkedPayment {
  /** The provider's id of the event. */
  readonly id: string;
  readonly paymentId: string;
  readonly accountId: string | null;
  readonly reason: string;
  readonly event: PaymentEvent;
  readonly receivedAt: number;
  readonly resolvedAt: number | null;
  readonly resolution: string | null;
}

/** Puts an event aside until a person has looked. Told again, it stays as it is, but for the reason. */
export async function park(db: D1Database, parked: Omit<ParkedPayment, "resolvedAt" | "resolution">): Promise<void> {
  const row = { ...parked, event: JSON.stringify(parked.event) };
  await drizzle(db)
    .insert(parkedPayments)
    .values(row)
    .onConflictDoUpdate({
      target: parkedPayments.id,
      set: { reason: parked.reason },
      setWhere: isNull(parkedPayments.resolvedAt),
    });
}

/** Whether something about a payment waits for a person. */
export async function isParked(db: D1Database, paymentId: string): Promise<boolean> {
  const rows = await drizzle(db).select({ id: parkedPayments.id }).from(parkedPayments).where(openOf(paymentId));
  return rows.length > 0;
}

/** What waits about a payment, oldest first. */
export async function parkedOf(db: D1Database, paymentId: string): Promise<ParkedPayment[]> {
  const rows = await drizzle(db)
    .select()
    .from(parkedPayments)
    .where(openOf(paymentId))
    .orderBy(asc(parkedPayments.receivedAt), asc(parkedPayments.id));
  return rows.map(parkedPayment);
}

export async function readParked(db: D1Database, id: string): Promise<ParkedPayment | null> {
  const [row] = await drizzle(db).select().from(parkedPayments).where(eq(parkedPayments.id, id));
  return row ? parkedPayment(row) : null;
}

/** 0 for what waits, 1 for what somebody has decided about. */
const DECIDED = sql<number>`(${parkedPayments.resolvedAt} is not null)`;

/** What was parked, newest first, what waits before the rest; `null` for a cursor that is none of ours. */
export async function listParked(
  db: D1Database,
  { limit, cursor }: { readonly limit: number; readonly cursor: string | null },
): Promise<Page<ParkedPayment> | null> {
  const after = cursor === null ? undefined : beyond(cursor);
  if (after === null) return null;
  const { receivedAt, id } = parkedPayments;
  const rows = await drizzle(db)
    .select()
    .from(parkedPayments)
    .where(after)
    .orderBy(DECIDED, desc(receivedAt), desc(id))
    .limit(limit + 1);
  return pageOf(rows.map(parkedPayment), limit, (last) =>
    encodeText(`${Number(last.resolvedAt !== null)}.${last.receivedAt}.${last.id}`),
  );
}

function beyond(cursor: string): SQL | undefined | null {
  const match = /^([01])\.(\d{1,15})\.(.+)$/.exec(decodeText(cursor) ?? "");
  if (!match) return null;
  const [, decided, at, last = ""] = match;
  const { receivedAt, id } = parkedPayments;
  const older = or(lt(receivedAt, Number(at)), and(eq(receivedAt, Number(at)), lt(id, last)));
  return or(gt(DECIDED, Number(decided)), and(eq(DECIDED, Number(decided)), older));
}

/** Says what became of it. */
export async function resolveParked(db: D1Database, id: string, resolution: string, now: number): Promise<void> {
  await drizzle(db)
    .update(parkedPayments)
    .set({ resolvedAt: now, resolution })
    .where(and(eq(parkedPayments.id, id), isNull(parkedPayments.resolvedAt)));
}

function openOf(paymentId: string) {
  return and(eq(parkedPayments.paymentId, paymentId), isNull(parkedPayments.resolvedAt));
}

function parkedPayment(row: typeof parkedPayments.$inferSelect): ParkedPayment {
  return { ...row, event: JSON.parse(row.event) as PaymentEvent };
}
