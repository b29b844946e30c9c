import { and, asc, eq, lt, lte, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { alertDeliveries, alertEndpoints, alerts } from "./schema.ts";

/** One sender has this long to find out whether a delivery was accepted. */
const CLAIM_MS = 60_000;
const SLACK_MS = 1_000;

export interface DueDelivery {
  readonly id: string;
  /** This one included. */
  readonly attempts: number;
  readonly alert: typeof alerts.$inferSelect;
  readonly endpoint: typeof alertEndpoints.$inferSelect;
}

/** Takes a delivery that is due for oneself; `null` when it is not due, has ended, or somebody else is at it. */
export async function claimDelivery(db: D1Database, id: string, now: number): Promise<DueDelivery | null> {
  const orm = drizzle(db);
  // The queue's clock may be a little ahead.
  const due = and(lte(alertDeliveries.nextAt, now + SLACK_MS), lte(alertDeliveries.claimedUntil, now));
  const [found] = await orm
    .select({ delivery: alertDeliveries, alert: alerts, endpoint: alertEndpoints })
    .from(alertDeliveries)
    .innerJoin(alerts, eq(alerts.id, alertDeliveries.alertId))
    .innerJoin(alertEndpoints, eq(alertEndpoints.id, alertDeliveries.endpointId))
    .where(and(eq(alertDeliveries.id, id), eq(alertDeliveries.state, "pending"), due));
  if (!found) return null;
  const attempts = found.delivery.attempts + 1;
  const claimed = await orm
    .update(alertDeliveries)
    .set({ attempts, claimedUntil: now + CLAIM_MS })
    .where(and(eq(alertDeliveries.id, id), eq(alertDeliveries.attempts, attempts - 1), due))
    .returning({ id: alertDeliveries.id });
  return claimed.length === 1 ? { id, attempts, alert: found.alert, endpoint: found.endpoint } : null;
}

/** It was accepted, or will not be tried again. */
export async function endDelivery(
  db: D1Database,
  id: string,
  state: "delivered" | "failed",
  outcome: string,
  now: number,
): Promise<void> {
  await drizzle(db).update(alertDeliveries).set({ state, outcome, endedAt: now }).where(eq(alertDeliveries.id, id));
}

/** It is tried again at `nextAt`. */
export async function postpone(db: D1Database, id: string, outcome: string, nextAt: number): Promise<void> {
  await drizzle(db).update(alertDeliveries).set({ outcome, nextAt, claimedUntil: 0 }).where(eq(alertDeliveries.id, id));
}

/** Deliveries that should have been tried before `before`, the oldest first. */
export async function overdueDeliveries(db: D1Database, before: number, limit: number): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: alertDeliveries.id })
    .from(alertDeliveries)
    // Spelt out, as the partial index `alert_deliveries_due` has it: a bound value would not be known to be the same.
    .where(and(sql`${alertDeliveries.state} = 'pending'`, lt(alertDeliveries.nextAt, before)))
    .orderBy(asc(alertDeliveries.nextAt))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** What an endpoint was sent that has no end: an endpoint that is gone gets nothing any more. */
export async function dropDeliveries(db: D1Database, endpointId: string, now: number): Promise<void> {
  await drizzle(db)
    .update(alertDeliveries)
    .set({ state: "failed", outcome: "endpoint removed", endedAt: now })
    .where(and(eq(alertDeliveries.endpointId, endpointId), eq(alertDeliveries.state, "pending")));
}
