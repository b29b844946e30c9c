import { and, asc, eq, gt, gte, inArray, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { ChainedEntry } from "../core/event.ts";
import { type Charged, chargedOf } from "../core/rerate.ts";
import { readRequest } from "./entry-rows.ts";
import { monetizationEvents } from "./schema.ts";

/** Which charges are priced again: those made in a span of time at certain versions of a rate card. */
export interface RerateQuery {
  readonly cardId: string;
  readonly versions: readonly number[];
  /** From this instant (epoch ms) on … */
  readonly from: number;
  /** … up to and without this one. */
  readonly to: number;
}

/** A charge as the ledger has it, with everything that was posted for its request. */
export interface ChargedRequest {
  readonly monetizationId: string;
  readonly entries: readonly ChainedEntry[];
}

/**
 * What is priced again for a charge that `query` has found: its whole request. `null` for charges that go with their
 * request: corrections, and what came late where the end of the request is found as well.
 */
export function toBePricedAgain({ monetizationId, entries }: ChargedRequest, query: RerateQuery): Charged | null {
  const event = entries.find(({ monetization }) => monetization?.id === monetizationId)?.usage;
  const charged = event ? chargedOf(entries, event.attempt) : null;
  if (!event || !charged || charged.usage.id === event.id) return charged;
  const end = entries.find(({ usage }) => usage?.id === charged.usage.id);
  return event.id === charged.late?.id && !(end && isAskedFor(end, query)) ? charged : null;
}

function isAskedFor({ at, monetization }: ChainedEntry, { cardId, versions, from, to }: RerateQuery): boolean {
  if (monetization?.cardId !== cardId || !versions.includes(monetization.cardVersion)) return false;
  return from <= at && at < to;
}

/** The charges of one account that `query` is about, by id after `after`, with the entries of their requests. */
export async function readCharges(
  db: D1Database,
  accountId: string,
  query: RerateQuery,
  after: string,
  limit: number,
): Promise<ChargedRequest[]> {
  const rows = await drizzle(db)
    .select({ id: monetizationEvents.id })
    .from(monetizationEvents)
    .where(
      and(
        eq(monetizationEvents.accountId, accountId),
        gt(monetizationEvents.id, after),
        eq(monetizationEvents.cardId, query.cardId),
        inArray(monetizationEvents.cardVersion, [...query.versions]),
        gte(monetizationEvents.at, query.from),
        lt(monetizationEvents.at, query.to),
      ),
    )
    .orderBy(asc(monetizationEvents.id))
    .limit(limit);
  return Promise.all(
    rows.map(async ({ id }) => ({ monetizationId: id, entries: await readRequest(db, accountId, requestOf(id)) })),
  );
}

/** Ids of monetization events are `mon_<tail of the request>.<attempt>…`. */
function requestOf(monetizationId: string): string {
  return `req_${monetizationId.slice("mon_".length).replace(/\..*$/, "")}`;
}
