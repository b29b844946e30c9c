import { and, asc, desc, gt, or, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { isNewestPlan, versionInForce } from "./read.ts";
import { plans, rateCards, upstreams } from "./schema.ts";
import { planDocumentOf, rateCardDocumentOf, upstreamDocumentOf } from "./stored.ts";

/** A list as it goes over the wire. */
interface CatalogPage<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  readonly next_cursor: string | null;
}

/** `limit` is between 1 and 500; `cursor` is a `next_cursor` of the same list, or `null` for its beginning. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | null;
}

/**
 * How the cursors of each list look: where its page ended, and which list it is. A name holds no `@`, and no version is a
 * word, so the cursor of one list is none of another.
 */
export const PLAN_CURSOR = /^[\w.-]{1,64}@plan$/;
export const RATE_CARD_CURSOR = /^[\w.-]{1,64}@\d{1,15}$/;
export const UPSTREAM_CURSOR = /^[\w.-]{1,64}@upstream$/;

/** Plans as `GET /admin/plans` shows them: the newest version of each, by id. */
export async function listPlans(database: D1Database, { limit, cursor }: PageRequest) {
  const rows = await drizzle(database)
    .select()
    .from(plans)
    .where(and(isNewestPlan, cursor === null ? undefined : gt(plans.id, nameIn(cursor))))
    .orderBy(asc(plans.id))
    .limit(limit + 1);
  return toPage(
    rows,
    limit,
    (row) => ({ id: row.id, version: row.version, created_at: toInstant(row.createdAt), ...planDocumentOf(row) }),
    (row) => `${row.id}@plan`,
  );
}

/** Rate cards as `GET /admin/rate-cards` shows them: every version, newest first within a card. */
export async function listRateCards(database: D1Database, now: number, { limit, cursor }: PageRequest) {
  const rows = await drizzle(database)
    .select({
      row: rateCards,
      inForce: sql<number>`coalesce(rate_cards.version = ${versionInForce(now)}, 0)`,
    })
    .from(rateCards)
    .where(afterCard(cursor))
    .orderBy(asc(rateCards.id), desc(rateCards.version))
    .limit(limit + 1);
  return toPage(
    rows,
    limit,
    ({ row, inForce }) => ({
      id: row.id,
      version: row.version,
      created_at: toInstant(row.createdAt),
      effective_at: toInstant(row.effectiveAt),
      in_force: inForce === 1,
      models: rateCardDocumentOf(row).models,
    }),
    ({ row }) => `${row.id}@${row.version}`,
  );
}

/** Upstreams that were put, by id. */
export async function listUpstreams(database: D1Database, { limit, cursor }: PageRequest) {
  const rows = await drizzle(database)
    .select()
    .from(upstreams)
    .where(cursor === null ? undefined : gt(upstreams.id, nameIn(cursor)))
    .orderBy(asc(upstreams.id))
    .limit(limit + 1);
  return toPage(
    rows,
    limit,
    (row) => ({
      id: row.id,
      created_at: toInstant(row.createdAt),
      updated_at: toInstant(row.updatedAt),
      ...upstreamDocumentOf(row),
    }),
    (row) => `${row.id}@upstream`,
  );
}

function afterCard(cursor: string | null): SQL | undefined {
  if (cursor === null) return undefined;
  const id = nameIn(cursor);
  const version = Number(cursor.slice(id.length + 1));
  return or(gt(rateCards.id, id), sql`${rateCards.id} = ${id} and ${rateCards.version} < ${version}`);
}

function nameIn(cursor: string): string {
  return cursor.slice(0, cursor.indexOf("@"));
}

/** Makes a page of `limit` items of what was read with one row to spare. */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  toItem: (row: Row) => Item,
  toCursor: (row: Row) => string,
): CatalogPage<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const hasMore = rows.length > limit;
  return {
    data: shown.map(toItem),
    has_more: hasMore,
    next_cursor: hasMore && last !== undefined ? toCursor(last) : null,
  };
}

function toInstant(at: number): string {
  return new Date(at).toISOString();
}
