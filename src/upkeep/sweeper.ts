import type { AccountClient } from "../../durable-objects/client.ts";
import { readAccountIds } from "../catalog/read.ts";
import { earliest } from "../core/window.ts";
import { readSweep, saveSweep } from "../ledger/sweep.ts";

/** Accounts woken per run: a platform drops an alarm that failed six times, and then only this brings it back. */
const ACCOUNTS_PER_RUN = 100;

/** What waits for longer has been sent again in vain: the ledger's queue is not consumed, or D1 does not take it. */
const LATE_MS = 15 * 60_000;

/**
 * Wakes the next accounts, in the order of their ids, and starts over at the end. They tell since when their entries wait
 * for the ledger, which says nothing of itself where it never gets any.
 */
export async function sweepAccounts(db: D1Database, accounts: AccountClient, now: number): Promise<void> {
  const before = await readSweep(db);
  const ids = await readAccountIds(db, before.cursor, ACCOUNTS_PER_RUN);
  const woken = await Promise.allSettled(ids.map((id) => accounts.wake(id)));
  const failed = woken.filter(({ status }) => status === "rejected").length;
  if (failed > 0) console.error(JSON.stringify({ event: "sweep_incomplete", failed }));
  const late = woken.flatMap((one) => (one.status === "fulfilled" && isLate(one.value, now) ? [one.value] : []));
  if (late.length > 0) {
    const since = new Date(Math.min(...late)).toISOString();
    console.error(JSON.stringify({ event: "entries_late", accounts: late.length, since }));
  }
  const lateSince = late.reduce<number | null>(earliest, before.lateSince);
  const last = ids.at(-1);
  await saveSweep(
    db,
    last === undefined || ids.length < ACCOUNTS_PER_RUN
      ? { cursor: null, lateSince: null, lastLateSince: lateSince }
      : { cursor: last, lateSince, lastLateSince: before.lastLateSince },
  );
}

function isLate(since: number | null, now: number): since is number {
  return since !== null && now - since > LATE_MS;
}
