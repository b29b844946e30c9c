import type { AccountClient } from "../../durable-objects/client.ts";
import { readAccountIds } from "../catalog/read.ts";
import { readSweep, saveSweep } from "../ledger/sweep.ts";

/** Accounts woken per run: a platform drops an alarm that failed six times, and then only this brings it back. */
const ACCOUNTS_PER_RUN = 100;

/** Wakes the next accounts, in the order of their ids, and starts over at the end. */
export async function sweepAccounts(db: D1Database, accounts: AccountClient): Promise<void> {
  const ids = await readAccountIds(db, await readSweep(db), ACCOUNTS_PER_RUN);
  const woken = await Promise.allSettled(ids.map((id) => accounts.wake(id)));
  const failed = woken.filter(({ status }) => status === "rejected").length;
  if (failed > 0) console.error(JSON.stringify({ event: "sweep_incomplete", failed }));
  await saveSweep(db, ids.length < ACCOUNTS_PER_RUN ? null : (ids.at(-1) ?? null));
}
