import { and, desc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { PlanDocument } from "./plan-document.ts";
import type { RateCardDocument } from "./rate-card-document.ts";
import { isNewestPlan, versionInForce } from "./read.ts";
import { plans, rateCards, upstreams } from "./schema.ts";
import { planDocumentOf, rateCardDocumentOf, upstreamDocumentOf } from "./stored.ts";
import type { UpstreamDocument } from "./upstream-document.ts";

/** The document of a plan's version; of the newest where none is asked for (`null`). */
export async function findPlan(database: D1Database, id: string, version: number | null): Promise<PlanDocument | null> {
  const [row] = await drizzle(database)
    .select()
    .from(plans)
    .where(and(eq(plans.id, id), version === null ? isNewestPlan : eq(plans.version, version)));
  return row ? planDocumentOf(row) : null;
}

/**
 * The document of a rate card's version; where none is asked for (`null`), of the one in force at `now`, or of the newest
 * where none is in force yet.
 */
export async function findRateCard(
  database: D1Database,
  id: string,
  version: number | null,
  now: number,
): Promise<RateCardDocument | null> {
  const ofCard = drizzle(database).select().from(rateCards);
  const wanted = version ?? (await inForce(database, id, now));
  const [row] = await ofCard
    .where(and(eq(rateCards.id, id), wanted === null ? undefined : eq(rateCards.version, wanted)))
    .orderBy(desc(rateCards.version))
    .limit(1);
  return row ? rateCardDocumentOf(row) : null;
}

async function inForce(database: D1Database, id: string, now: number): Promise<number | null> {
  const [row] = await drizzle(database)
    .select({ version: rateCards.version })
    .from(rateCards)
    .where(and(eq(rateCards.id, id), eq(rateCards.version, versionInForce(now))));
  return row?.version ?? null;
}

export async function findUpstream(database: D1Database, id: string): Promise<UpstreamDocument | null> {
  const [row] = await drizzle(database).select().from(upstreams).where(eq(upstreams.id, id));
  return row ? upstreamDocumentOf(row) : null;
}
