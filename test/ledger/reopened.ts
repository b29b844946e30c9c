import { Carrying, openingEntry } from "../../src/core/carry-over.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { sha256 } from "../support/core-fixtures.ts";
import { History, rateOf } from "./history.ts";

/** The entry with which the epoch after `history` begins, and the history that goes on from there. */
export function reopened(history: History): { readonly opening: ChainedEntry; readonly next: History } {
  const { row } = history.state;
  const carrying = new Carrying(row.id, row.plan, sha256, rateOf, history.now);
  for (const entry of history.entries) carrying.take(entry);
  const opening = openingEntry(sha256, { ...row, accountId: row.id }, "the object was lost", history.now);
  const { epoch, seq, hash: head } = opening;
  const carried = carrying.until({ accountId: row.id, epoch, seq, head, balance: row.balance }, "lost");
  const next = History.from({ ...carried.row, status: "active" }, carried.grants, history.now + 1_000);
  return { opening, next };
}
