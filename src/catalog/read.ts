import { and, asc, eq, gt, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Rate } from "../core/rate-card.ts";
import { buildCatalog, type Catalog } from "./catalog.ts";
import { toRate } from "./rate-card-document.ts";
import { accounts, plans, rateCards, upstreams } from "./schema.ts";
import { planOf, rateCardDocumentOf, rateCardOf, upstreamsOf } from "./stored.ts";
import type { Upstream } from "./upstream.ts";

export type Account = typeof accounts.$inferSelect;

/*
 * Outer columns are written by name: in a selected field drizzle prints `${table.column}` without its table, and inside
 * a subquery that would mean the subquery's own column.
 */

/** Holds for the newest version of each plan. */
export const isNewestPlan: SQL = sql`plans.version = (select max(n.version) from plans n where n.id = plans.id)`;

/** The version of a card that is in force at `now`: the newest one that has come into effect. */
export function versionInForce(now: number): SQL {
  return sql`(select max(n.version) from rate_cards n where n.id = rate_cards.id and n.effective_at <= ${now})`;
}

/**
 * Reads the snapshot: newest plans, of each rate card the version in force and those that can follow it, and the
 * upstreams, to which the environment's is added.
 */
export async function readCatalog(
  database: D1Database,
  now: number,
  environment: Upstream | null = null,
): Promise<Catalog> {
  const db = drizzle(database);
  const [planRows, cardRows, upstreamRows] = await db.batch([
    db.select().from(plans).where(isNewestPlan),
    db
      .select()
      .from(rateCards)
      .where(sql`${rateCards.version} >= coalesce(${versionInForce(now)}, 0)`),
    db.select().from(upstreams).orderBy(asc(upstreams.id)),
  ]);
  return buildCatalog(planRows.map(planOf), cardRows.map(rateCardOf), upstreamsOf(upstreamRows, environment));
}

/** The rate at which something was charged, however old; `null` when there is no such line. */
export async function readRate(
  database: D1Database,
  cardId: string,
  cardVersion: number,
  model: string,
): Promise<Rate | null> {
  const [row] = await drizzle(database)
    .select()
    .from(rateCards)
    .where(and(eq(rateCards.id, cardId), eq(rateCards.version, cardVersion)));
  if (!row) return null;
  const { models } = rateCardDocumentOf(row);
  const rate = Object.hasOwn(models, model) ? models[model] : undefined;
  return rate ? toRate(rate) : null;
}

export async function readAccount(database: D1Database, id: string): Promise<Account | null> {
  const [row] = await drizzle(database).select().from(accounts).where(eq(accounts.id, id));
  return row ?? null;
}

/** Up to `limit` account ids after `cursor` in the order of ids; `null` begins at the first. */
export async function readAccountIds(database: D1Database, cursor: string | null, limit: number): Promise<string[]> {
  const rows = await drizzle(database)
    .select({ id: accounts.id })
    .from(accounts)
    .where(cursor === null ? undefined : gt(accounts.id, cursor))
    .orderBy(asc(accounts.id))
    .limit(limit);
  return rows.map(({ id }) => id);
}
