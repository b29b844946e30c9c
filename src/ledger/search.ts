import { and, desc, eq, type SQL, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { MicroCredits } from "../core/amount.ts";
import type { UsageEvent, UsageOutcome } from "../core/event.ts";
import { encodeCursor, type Page, type Place, pageOf } from "./cursor.ts";
import { monetizationOfEntry, usageOf, usageOfEntry } from "./entry-rows.ts";
import { balanceUpdates, monetizationEvents, usageEvents } from "./schema.ts";

/** Which of an account's requests are looked for; `null` takes any. */
export interface RequestSearch {
  /** How the request's id begins. */
  readonly id: string | null;
  /** A part of the model's name. */
  readonly model: string | null;
  readonly outcome: UsageOutcome | null;
  readonly after: Place | null;
  readonly limit: number;
}

/** What happened, and what is charged for it. */
export interface FoundRequest {
  readonly event: UsageEvent;
  readonly place: Place;
  /** Epoch ms. */
  readonly at: number;
  /** `null` where nothing is charged. */
  readonly charge: MicroCredits | null;
}

/** An account's usage events, newest first, as far as they match. */
export async function searchRequests(
  db: D1Database,
  accountId: string,
  search: RequestSearch,
): Promise<Page<FoundRequest>> {
  const rows = await drizzle(db)
    .select({ event: usageEvents, charge: monetizationEvents.amount })
    // The primary key of the updates is the order that is asked for, so reading ends where the page is full.
    .from(balanceUpdates)
    .innerJoin(usageEvents, usageOfEntry)
    .leftJoin(monetizationEvents, monetizationOfEntry)
    .where(and(eq(balanceUpdates.accountId, accountId), eq(balanceUpdates.draw, 0), ...conditions(search)))
    .orderBy(desc(balanceUpdates.epoch), desc(balanceUpdates.seq))
    .limit(search.limit + 1);
  const found = rows.map(({ event, charge }) => {
    const { epoch, seq, at } = event;
    return { event: usageOf(event), place: { epoch, seq, draw: 0 }, at, charge };
  });
  return pageOf(found, search.limit, ({ place }) => encodeCursor(place));
}

function conditions({ id, model, outcome, after }: RequestSearch): SQL[] {
  const all: SQL[] = [];
  // Not LIKE, for which D1 takes short patterns only.
  if (id !== null) all.push(sql`substr(${usageEvents.requestId}, 1, length(${id})) = ${id}`);
  if (model !== null) all.push(sql`instr(${usageEvents.model}, ${model}) > 0`);
  if (outcome !== null) all.push(eq(usageEvents.outcome, outcome));
  if (after !== null) all.push(sql`(${balanceUpdates.epoch}, ${balanceUpdates.seq}) < (${after.epoch}, ${after.seq})`);
  return all;
}
