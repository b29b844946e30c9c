import type { ChainedEntry } from "../core/event.ts";
import { tellAct, tellNoAct } from "../http/admin-act.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { readEntry } from "../ledger/message.ts";
import { restoreEntries } from "../ledger/restore.ts";
import { existing } from "./existing-account.ts";
import { ledgerRestore } from "./schemas.ts";

/**
 * Puts entries of an export back into a ledger that has lost them: the database was restored to an earlier minute, and
 * the account's object has forgotten what it saw confirmed. All of them are written or none.
 */
export async function restoreLedger(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const body = await readAs(c, ledgerRestore);
  const outcome = await restoreEntries(c.env.DB, id, readEntries(id, body.entries));
  switch (outcome.kind) {
    case "restored": {
      const { present, restored } = outcome;
      tellRestored(c, id, body.reason, restored);
      return c.json({ account: id, present, restored: restored.length });
    }
    case "conflict":
      throw new HttpFault(409, "ledger_conflict", `${outcome.reason}. Nothing was written.`);
    case "unavailable": {
      const message = "The ledger cannot be written right now. Send the same again: nothing is written twice.";
      throw new HttpFault(503, "ledger_unavailable", message, { "retry-after": "2" });
    }
  }
}

/** In the order of their places, as an export has them. Throws {@link HttpFault} for the first that is not as it should be. */
function readEntries(accountId: string, given: readonly unknown[]): ChainedEntry[] {
  const entries: ChainedEntry[] = [];
  for (const [index, one] of given.entries()) {
    const entry = readEntry(accountId, one);
    if (typeof entry === "string") throw refused(index, entry);
    if (!follows(entry, entries.at(-1))) throw refused(index, "must come behind the one before it in the ledger");
    entries.push(entry);
  }
  return entries;
}

function refused(index: number, why: string): HttpFault {
  return new HttpFault(400, "invalid_request", `entries.${index}: ${why}`);
}

function follows({ epoch, seq }: ChainedEntry, before: ChainedEntry | undefined): boolean {
  return !before || (epoch >= before.epoch && seq > before.seq);
}

/** Entries that were all there change nothing, and are not logged. */
function tellRestored(c: HttpContext, account: string, reason: string, restored: readonly ChainedEntry[]): void {
  const [first, last] = [restored[0], restored.at(-1)];
  if (!first || !last) {
    tellNoAct(c);
    return;
  }
  const place = ({ epoch, seq }: ChainedEntry) => `${epoch}.${seq}`;
  const after = { entries: restored.length, from: place(first), to: place(last) };
  tellAct(c, { action: "ledger.restore", account, reason, after });
}
