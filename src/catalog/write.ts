import { eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { canonicalJson } from "./document.ts";
import type { PlanDocument } from "./plan-document.ts";
import type { RateCardDocument } from "./rate-card-document.ts";
import { accounts, plans, rateCards, upstreams } from "./schema.ts";
import type { UpstreamDocument } from "./upstream-document.ts";

/*
 * A PUT of a plan or a rate card is one statement: it looks at the newest version and either inserts the next one or, when nothing changed,
 * meets the row that is there and returns it. Two PUTs at once therefore never share a version or lose one.
 */

/** Stores a plan: the same document keeps its version, a changed one becomes the next. */
export async function putPlan(
  database: D1Database,
  id: string,
  document: PlanDocument,
  now: number,
): Promise<{ version: number; createdAt: number }> {
  const json = canonicalJson(document);
  const newest = sql`(select version, document from plans where id = ${id} order by version desc limit 1)`;
  const version = sql`case when newest.document = ${json} then newest.version else coalesce(newest.version, 0) + 1 end`;
  const [row] = await drizzle(database)
    .insert(plans)
    .select(sql`select ${id}, ${version}, ${json}, ${now} from (select 1) left join ${newest} as newest where true`)
    .onConflictDoUpdate({ target: [plans.id, plans.version], set: { createdAt: sql`plans.created_at` } })
    .returning({ version: plans.version, createdAt: plans.createdAt });
  return stored(row, `plan ${id}`);
}

/**
 * Stores a rate card, in force from `effective_at` or, without it, from now on. The same prices from the same instant
 * keep their version; so do the same prices without an instant when they are in force already.
 */
export async function putRateCard(
  database: D1Database,
  id: string,
  document: RateCardDocument,
  now: number,
): Promise<{ version: number; effectiveAt: number; createdAt: number }> {
  const json = canonicalJson({ models: document.models });
  const effectiveAt = document.effective_at === null ? now : Date.parse(document.effective_at);
  const newest = sql`(select version, document, effective_at from rate_cards where id = ${id} order by version desc limit 1)`;
  const sameInstant =
    document.effective_at === null
      ? sql`newest.effective_at <= ${effectiveAt}`
      : sql`newest.effective_at = ${effectiveAt}`;
  const version = sql`case when newest.document = ${json} and ${sameInstant} then newest.version else coalesce(newest.version, 0) + 1 end`;
  const [row] = await drizzle(database)
    .insert(rateCards)
    .select(
      sql`select ${id}, ${version}, ${effectiveAt}, ${json}, ${now} from (select 1) left join ${newest} as newest where true`,
    )
    .onConflictDoUpdate({
      target: [rateCards.id, rateCards.version],
      set: { createdAt: sql`rate_cards.created_at` },
    })
    .returning({
      version: rateCards.version,
      effectiveAt: rateCards.effectiveAt,
      createdAt: rateCards.createdAt,
    });
  return stored(row, `rate card ${id}`);
}

/** Stores an upstream in place of what was there under its id. */
export async function putUpstream(
  database: D1Database,
  id: string,
  document: UpstreamDocument,
  now: number,
): Promise<{ createdAt: number; updatedAt: number }> {
  const json = canonicalJson(document);
  const updatedAt = sql`case when upstreams.document = ${json} then upstreams.updated_at else ${now} end`;
  const [row] = await drizzle(database)
    .insert(upstreams)
    .values({ id, document: json, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({ target: upstreams.id, set: { document: json, updatedAt } })
    .returning({ createdAt: upstreams.createdAt, updatedAt: upstreams.updatedAt });
  return stored(row, `upstream ${id}`);
}

/** Removes an upstream; `false` when there is none of that id. */
export async function deleteUpstream(database: D1Database, id: string): Promise<boolean> {
  const deleted = await drizzle(database).delete(upstreams).where(eq(upstreams.id, id)).returning({ id: upstreams.id });
  return deleted.length === 1;
}

/** Registers an account; `false` when the id is taken. What it may do and what it has is its object's business. */
export async function createAccount(
  database: D1Database,
  account: { readonly id: string; readonly name: string | null },
  now: number,
): Promise<boolean> {
  const created = await drizzle(database)
    .insert(accounts)
    .values({ ...account, createdAt: now })
    .onConflictDoNothing()
    .returning({ id: accounts.id });
  return created.length === 1;
}

function stored<Row>(row: Row | undefined, what: string): Row {
  if (row === undefined) throw new Error(`${what} was not stored`);
  return row;
}
