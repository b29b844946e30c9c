import { and, asc, desc, eq, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { MicroCredits } from "../core/amount.ts";
import type { BalanceUpdate, MonetizationEvent, UsageEvent } from "../core/event.ts";
import { encodeCursor, type Page, type Place, pageOf } from "./cursor.ts";
import { monetizationOf, monetizationOfEntry, updateOf, usageOf, usageOfEntry } from "./entry-rows.ts";
import { balanceUpdates, monetizationEvents, usageEvents } from "./schema.ts";

/** Which page of an account's history: after `after`, newest first for people, oldest first for audits. */
export interface ListQuery {
  readonly after: Place | null;
  readonly limit: number;
  readonly order: "newest" | "oldest";
}

/** Where a row stands in its account's history, and when it was written there. */
interface Placed {
  readonly place: Place;
  /** Epoch ms. */
  readonly at: number;
}

export interface PlacedUsageEvent extends Placed {
  readonly event: UsageEvent;
  /** What is charged for it; `null` where nothing is. */
  readonly charge: MicroCredits | null;
}

export interface PlacedMonetizationEvent extends Placed {
  readonly event: MonetizationEvent;
}

export interface PlacedBalanceUpdate extends Placed {
  readonly update: BalanceUpdate;
  readonly usageId: string | null;
  readonly monetizationId: string | null;
  /** The hash of the entry it belongs to. */
  readonly hash: string;
}

/** An account's usage events, with what each was charged. */
export async function listUsageEvents(
  db: D1Database,
  accountId: string,
  query: ListQuery,
): Promise<Page<PlacedUsageEvent>> {
  const rows = await drizzle(db)
    .select({ ...placeColumns, event: usageEvents, charge: monetizationEvents.amount })
    .from(balanceUpdates)
    .innerJoin(usageEvents, usageOfEntry)
    .leftJoin(monetizationEvents, monetizationOfEntry)
    .where(and(within(accountId, query), eq(balanceUpdates.draw, 0)))
    .orderBy(...inOrder(query))
    .limit(query.limit + 1);
  const events = rows.map(({ at, event, charge, ...place }) => ({ place, at, event: usageOf(event), charge }));
  return pageOf(events, query.limit, cursorOf);
}

/** An account's monetization events. */
export async function listMonetizationEvents(
  db: D1Database,
  accountId: string,
  query: ListQuery,
): Promise<Page<PlacedMonetizationEvent>> {
  const rows = await drizzle(db)
    .select({ ...placeColumns, event: monetizationEvents })
    .from(balanceUpdates)
    .innerJoin(monetizationEvents, monetizationOfEntry)
    .where(and(within(accountId, query), eq(balanceUpdates.draw, 0)))
    .orderBy(...inOrder(query))
    .limit(query.limit + 1);
  const events = rows.map(({ at, event, ...place }) => ({ place, at, event: monetizationOf(event) }));
  return pageOf(events, query.limit, cursorOf);
}

/** An account's balance updates. */
export async function listBalanceUpdates(
  db: D1Database,
  accountId: string,
  query: ListQuery,
): Promise<Page<PlacedBalanceUpdate>> {
  const rows = await drizzle(db)
    .select()
    .from(balanceUpdates)
    .where(within(accountId, query))
    .orderBy(...inOrder(query))
    .limit(query.limit + 1);
  const updates = rows.map((row) => {
    const { epoch, seq, draw, at, usageId, monetizationId, hash } = row;
    return { place: { epoch, seq, draw }, at, update: updateOf(row), usageId, monetizationId, hash };
  });
  return pageOf(updates, query.limit, cursorOf);
}

const placeColumns = {
  epoch: balanceUpdates.epoch,
  seq: balanceUpdates.seq,
  draw: balanceUpdates.draw,
  at: balanceUpdates.at,
};

function cursorOf({ place }: Placed): string {
  return encodeCursor(place);
}

/** The history of one account beyond the cursor: a range of the primary key. */
function within(accountId: string, { after, order }: ListQuery): SQL | undefined {
  const account = eq(balanceUpdates.accountId, accountId);
  if (after === null) return account;
  const { epoch, seq, draw } = balanceUpdates;
  const beyond = order === "newest" ? sql`<` : sql`>`;
  return and(account, sql`(${epoch}, ${seq}, ${draw}) ${beyond} (${after.epoch}, ${after.seq}, ${after.draw})`);
}

function inOrder({ order }: ListQuery): SQL[] {
  const direction = order === "newest" ? desc : asc;
  return [direction(balanceUpdates.epoch), direction(balanceUpdates.seq), direction(balanceUpdates.draw)];
}
