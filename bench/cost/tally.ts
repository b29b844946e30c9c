import type { Workbench } from "../workbench.ts";

/** What was done for some accounts so far. */
export interface Tally {
  readonly objectRequests: number;
  readonly objectRowsWritten: number;
  readonly objectRowsRead: number;
  readonly alarmsSet: number;
  /** That the objects put on the queue themselves. */
  readonly messages: number;
  /** Entries that the gateway put there for them. */
  readonly handedOver: number;
  /** What the gateway put there in all. */
  readonly flushedEntries: number;
  readonly flushedMessages: number;
  /** How often an object was told what the ledger holds: as often its balance there has moved. */
  readonly confirmations: number;
  readonly polls: number;
  /** Rows of the three datasets. */
  readonly ledgerRows: number;
  /** Entries: what travels through the queue. */
  readonly entries: number;
}

/** Counts for `ids`. Asking keeps their objects in memory, so that their counters are not begun anew. */
export async function tallyOf({ admin, gateway }: Workbench, ids: readonly string[]): Promise<Tally> {
  const work = await Promise.all(ids.map((id) => admin.accounts.work(id)));
  const sum = (of: (one: (typeof work)[number]) => number | undefined) =>
    work.reduce((total, one) => total + (of(one) ?? 0), 0);
  const d1 = await gateway.getD1();
  const { results } = await d1.prepare(COUNT).bind(JSON.stringify(ids)).all<Counts>();
  const [counts] = results;
  if (!counts) throw new Error("the ledger did not count its rows");
  return {
    objectRequests: sum(({ requests }) => requests),
    objectRowsWritten: sum(({ rows_written }) => rows_written),
    objectRowsRead: sum(({ rows_read }) => rows_read),
    alarmsSet: sum(({ alarms_set }) => alarms_set),
    messages: sum(({ messages }) => messages),
    handedOver: sum(({ handed_over }) => handed_over),
    flushedEntries: work[0]?.flushed?.entries ?? 0,
    flushedMessages: work[0]?.flushed?.messages ?? 0,
    confirmations: sum(({ confirmations }) => confirmations),
    polls: sum(({ polls }) => polls),
    ledgerRows: counts.usage + counts.monetization + counts.updates,
    entries: counts.entries,
  };
}

interface Counts {
  readonly usage: number;
  readonly monetization: number;
  readonly updates: number;
  readonly entries: number;
}

const OF_THESE = "account_id IN (SELECT value FROM json_each(?1))";
const COUNT = `SELECT
  (SELECT count(*) FROM usage_events WHERE ${OF_THESE}) AS usage,
  (SELECT count(*) FROM monetization_events WHERE ${OF_THESE}) AS monetization,
  (SELECT count(*) FROM balance_updates WHERE ${OF_THESE}) AS updates,
  (SELECT count(*) FROM balance_updates WHERE ${OF_THESE} AND draw = 0) AS entries`;

/** What was done between two counts. */
export function between(before: Tally, after: Tally): Tally {
  return {
    objectRequests: after.objectRequests - before.objectRequests,
    objectRowsWritten: after.objectRowsWritten - before.objectRowsWritten,
    objectRowsRead: after.objectRowsRead - before.objectRowsRead,
    alarmsSet: after.alarmsSet - before.alarmsSet,
    messages: after.messages - before.messages,
    handedOver: after.handedOver - before.handedOver,
    flushedEntries: after.flushedEntries - before.flushedEntries,
    flushedMessages: after.flushedMessages - before.flushedMessages,
    confirmations: after.confirmations - before.confirmations,
    polls: after.polls - before.polls,
    ledgerRows: after.ledgerRows - before.ledgerRows,
    entries: after.entries - before.entries,
  };
}
