import { readRateLookup } from "../catalog/rate-lookup.ts";
import { formatCredits } from "../core/amount.ts";
import { openAccount } from "../http/account-access.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { MOST_PROVEN, proveLedger } from "../ledger/proof.ts";
import { instant } from "../wire/time.ts";

/** Checks the caller's own ledger, entry by entry, and tells what it comes to. */
export async function proof(c: HttpContext) {
  const { account } = await openAccount(c);
  const { accounts } = c.var.services;
  const deps = {
    db: c.env.DB,
    rateOf: await readRateLookup(c.env.DB),
    headOf: (accountId: string) => accounts.head(accountId),
  };
  const proven = await proveLedger(deps, account.id);
  if (!proven) throw new Error("an account that was opened has an object");
  if ("tooLong" in proven) {
    const message = `The ledger has more than ${MOST_PROVEN} entries. Fetch /api/ledger/export and verify it yourself.`;
    throw new HttpFault(422, "ledger_too_long", message);
  }
  return {
    account: account.id,
    epoch: proven.epoch,
    as_of_seq: proven.asOfSeq,
    head: proven.head,
    genesis: proven.genesis,
    entries: proven.entries,
    verified: proven.firstDifference === null,
    balance: formatCredits(proven.balance),
    grants: Object.fromEntries(proven.grants.map(([id, left]) => [id, formatCredits(left)])),
    first_difference: proven.firstDifference,
    pending: proven.pending,
    checked_at: instant(Date.now()),
  };
}
