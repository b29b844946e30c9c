import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { SavedMethod } from "../payment-event.ts";
import { paymentMethods } from "../schema.ts";

/** The payment method that an account has left for later; the newest one counts. */
export async function readMethod(db: D1Database, accountId: string): Promise<SavedMethod | null> {
  const [row] = await drizzle(db).select().from(paymentMethods).where(eq(paymentMethods.accountId, accountId));
  return row ?? null;
}

export async function saveMethod(db: D1Database, accountId: string, method: SavedMethod, now: number): Promise<void> {
  const row = { customerId: method.customerId, methodId: method.methodId, savedAt: now };
  await drizzle(db)
    .insert(paymentMethods)
    .values({ accountId, ...row })
    .onConflictDoUpdate({ target: paymentMethods.accountId, set: row });
}
