import { and, desc, eq, lte, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { canonicalJson } from "./document.ts";
import { type DocumentChange, diffDocuments } from "./document-diff.ts";
import type { PlanDocument } from "./plan-document.ts";
import type { RateCardDocument } from "./rate-card-document.ts";
import { plans, rateCards, upstreams } from "./schema.ts";
import type { UpstreamDocument } from "./upstream-document.ts";

/** What a PUT would come to. */
export interface Preview {
  /** The version that the document would have; the present one where nothing changes. `null`: it has no versions. */
  readonly version: number | null;
  /** The version it is compared with, which is running; `null` when none is. */
  readonly running: number | null;
  readonly changes: readonly DocumentChange[];
}

/**
 * What putting `document` would change, without doing it. What is stored is taken as it stands there: a document that an
 * earlier release let in must not keep its better version out.
 */
export async function previewPlan(database: D1Database, id: string, document: PlanDocument): Promise<Preview> {
  const [newest] = await drizzle(database)
    .select()
    .from(plans)
    .where(eq(plans.id, id))
    .orderBy(desc(plans.version))
    .limit(1);
  if (!newest) return { version: 1, running: null, changes: diffDocuments({}, document) };
  const same = newest.document === canonicalJson(document);
  return {
    version: newest.version + (same ? 0 : 1),
    running: newest.version,
    changes: diffDocuments(JSON.parse(newest.document), document),
  };
}

/**
 * The same for a rate card. It is compared with the version in force at `now`; another one may have been announced since,
 * and that has the number before.
 */
export async function previewRateCard(
  database: D1Database,
  id: string,
  document: RateCardDocument,
  now: number,
): Promise<Preview> {
  const newestOf = (condition: SQL | undefined) =>
    drizzle(database)
      .select()
      .from(rateCards)
      .where(and(eq(rateCards.id, id), condition))
      .orderBy(desc(rateCards.version))
      .limit(1);
  const [newest] = await newestOf(undefined);
  const [inForce] = await newestOf(lte(rateCards.effectiveAt, now));
  const { models, effective_at } = document;
  const same = newest?.document === canonicalJson({ models }) && keepsInstant(newest.effectiveAt, effective_at, now);
  const running: unknown = inForce ? JSON.parse(inForce.document) : {};
  return {
    version: (newest?.version ?? 0) + (same ? 0 : 1),
    running: inForce?.version ?? null,
    changes: diffDocuments(running, { models }),
  };
}

/** Whether a version in force from `known` is the one that a document with `asked` means. */
function keepsInstant(known: number, asked: string | null, now: number): boolean {
  return asked === null ? known <= now : known === Date.parse(asked);
}

/** The same for an upstream, which has no versions. */
export async function previewUpstream(database: D1Database, id: string, document: UpstreamDocument): Promise<Preview> {
  const [row] = await drizzle(database).select().from(upstreams).where(eq(upstreams.id, id));
  return { version: null, running: null, changes: diffDocuments(row ? JSON.parse(row.document) : {}, document) };
}
