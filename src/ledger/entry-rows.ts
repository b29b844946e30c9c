import { and, asc, eq, gt, lt, lte } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import {
  type BalanceUpdate,
  type ChainedEntry,
  type ENTRY_VERSION,
  type MonetizationEvent,
  monetizationId,
  type UsageEvent,
} from "../core/event.ts";
import { balanceUpdates, monetizationEvents, usageEvents } from "./schema.ts";

/** A balance update with the events of its entry, as the three datasets hold them. */
export interface EntryRow {
  readonly update: typeof balanceUpdates.$inferSelect;
  readonly usage: typeof usageEvents.$inferSelect | null;
  readonly monetization: typeof monetizationEvents.$inferSelect | null;
}

/** A balance update as it stands in its entry. */
export function updateOf(row: typeof balanceUpdates.$inferSelect): BalanceUpdate {
  const { id, draw, kind, source, amount, delta, balanceAfter, cause, detail } = row;
  return { id, draw, kind, source, amount, delta, balanceAfter, cause, detail };
}

/** A usage event as it stands in its entry. */
export function usageOf(row: typeof usageEvents.$inferSelect): UsageEvent {
  const { id, requestId, attempt, keyId, feature, model, outcome, estimated, usage, decision } = row;
  return { id, requestId, attempt, keyId, feature, model, outcome, estimated, usage, decision };
}

/** A monetization event as it stands in its entry. */
export function monetizationOf(row: typeof monetizationEvents.$inferSelect): MonetizationEvent {
  const { id, usageId, cardId, cardVersion, model, amount } = row;
  return { id, usageId, cardId, cardVersion, model, amount };
}

/**
 * Rebuilds an entry exactly as it was hashed, from its rows in the order of their draws. What is missing in the ledger
 * is missing in the entry, so that its hash does not match.
 */
function entryFromRows(rows: readonly [EntryRow, ...EntryRow[]]): ChainedEntry {
  const [{ update: first, usage, monetization }] = rows;
  // Every row repeats what the entry has once; a row that contradicts the first one speaks for the entry.
  const { accountId, epoch, seq, v, at, prev, hash } =
    rows.find(({ update }) => contradicts(update, first))?.update ?? first;
  return {
    v: v as typeof ENTRY_VERSION,
    accountId,
    epoch,
    seq,
    at,
    usage: usage && usageOf(usage),
    monetization: monetization && monetizationOf(monetization),
    updates: rows.map(({ update }) => updateOf(update)),
    prev,
    hash,
  };
}

type UpdateRow = EntryRow["update"];

function contradicts(row: UpdateRow, first: UpdateRow): boolean {
  return row.v !== first.v || row.at !== first.at || row.prev !== first.prev || row.hash !== first.hash;
}

/** Groups rows, in the order of their places, to entries. */
function entriesFromRows(rows: readonly EntryRow[]): ChainedEntry[] {
  const groups: [EntryRow, ...EntryRow[]][] = [];
  for (const row of rows) {
    const group = groups.at(-1);
    const open = group?.[0].update;
    if (group && open?.epoch === row.update.epoch && open.seq === row.update.seq) group.push(row);
    else groups.push([row]);
  }
  return groups.map(entryFromRows);
}

/** An event belongs to an entry by its id, and must agree on the entry's place and instant. */
export const usageOfEntry = and(
  eq(usageEvents.accountId, balanceUpdates.accountId),
  eq(usageEvents.id, balanceUpdates.usageId),
  eq(usageEvents.epoch, balanceUpdates.epoch),
  eq(usageEvents.seq, balanceUpdates.seq),
  eq(usageEvents.at, balanceUpdates.at),
);

export const monetizationOfEntry = and(
  eq(monetizationEvents.accountId, balanceUpdates.accountId),
  eq(monetizationEvents.id, balanceUpdates.monetizationId),
  eq(monetizationEvents.epoch, balanceUpdates.epoch),
  eq(monetizationEvents.seq, balanceUpdates.seq),
  eq(monetizationEvents.at, balanceUpdates.at),
);

/** Entries after `after` up to `to` of one epoch, oldest first: what an audit reads, page by page. */
export async function readEntries(
  db: D1Database,
  accountId: string,
  epoch: number,
  { after, to }: { after: number; to: number },
): Promise<ChainedEntry[]> {
  const rows = await drizzle(db)
    .select({ update: balanceUpdates, usage: usageEvents, monetization: monetizationEvents })
    .from(balanceUpdates)
    .leftJoin(usageEvents, usageOfEntry)
    .leftJoin(monetizationEvents, monetizationOfEntry)
    .where(
      and(
        eq(balanceUpdates.accountId, accountId),
        eq(balanceUpdates.epoch, epoch),
        gt(balanceUpdates.seq, after),
        lte(balanceUpdates.seq, to),
      ),
    )
    .orderBy(asc(balanceUpdates.epoch), asc(balanceUpdates.seq), asc(balanceUpdates.draw));
  return entriesFromRows(rows);
}

/** The entries of one request: its attempts, a late one, its refunds. Oldest first; empty when the ledger has none. */
export async function readRequest(db: D1Database, accountId: string, requestId: string): Promise<ChainedEntry[]> {
  // Ids of usage events are `use_<tail>.<attempt>…`, so those of a request lie together; "/" is the next after ".".
  const tail = `use_${requestId.replace(/^req_/, "")}`;
  const orm = drizzle(db);
  const places = await orm
    .select({ id: usageEvents.id, epoch: usageEvents.epoch, seq: usageEvents.seq })
    .from(usageEvents)
    .where(and(eq(usageEvents.accountId, accountId), gt(usageEvents.id, `${tail}.`), lt(usageEvents.id, `${tail}/`)));
  places.push(
    ...(await refundPlaces(
      db,
      accountId,
      places.map(({ id }) => monetizationId(id)),
    )),
  );
  const entries: ChainedEntry[] = [];
  // A correction that gave something back is found by its usage event and by its refund.
  const once = new Map(places.map((place) => [`${place.epoch}.${place.seq}`, place]));
  for (const { epoch, seq } of once.values()) {
    entries.push(...(await readEntries(db, accountId, epoch, { after: seq - 1, to: seq })));
  }
  return entries.sort((a, b) => a.epoch - b.epoch || a.seq - b.seq);
}

interface CausedPlace {
  /** What caused the entry. */
  readonly id: string;
  readonly epoch: number;
  readonly seq: number;
}

/**
 * The condition on the kind is what the partial index is for. It has to be named: by itself SQLite reads the account's
 * whole history.
 */
const REFUND_PLACES = `SELECT DISTINCT cause AS id, epoch, seq FROM balance_updates INDEXED BY refunds_by_cause
  WHERE account_id = ?1 AND kind IN ('refund', 'grant') AND cause IN (SELECT value FROM json_each(?2))`;

/** Where charges were given back. */
async function refundPlaces(db: D1Database, accountId: string, causes: readonly string[]): Promise<CausedPlace[]> {
  if (causes.length === 0) return [];
  const { results } = await db.prepare(REFUND_PLACES).bind(accountId, JSON.stringify(causes)).all<CausedPlace>();
  return results;
}
