import type { HeadReply } from "../../durable-objects/commands.ts";
import { followRates, readRateLookup } from "../catalog/rate-lookup.ts";
import { exportLedger } from "../ledger/export.ts";
import { type LedgerExtent, readExtent } from "../ledger/extent.ts";
import { type LedgerProof, MOST_PROVEN, proveLedger, type TooLong } from "../ledger/proof.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

/** An account's ledger as a file that anyone can verify with `scripts/verify.mjs`; it is read as it is taken. */
export async function ledgerFile(c: HttpContext, accountId: string): Promise<Response> {
  const db = c.env.DB;
  const head = await knownHead(c, accountId);
  const deps = { db, rateOf: await readRateLookup(db) };
  const headers = {
    "content-type": "application/x-ndjson; charset=utf-8",
    "content-disposition": 'attachment; filename="spillway-ledger.ndjson"',
  };
  return c.body(await exportLedger(deps, accountId, head, Date.now()), { headers });
}

/** How far an account's ledger reaches without an entry that is still on its way. */
export async function ledgerExtent(c: HttpContext, accountId: string): Promise<LedgerExtent> {
  return readExtent(c.env.DB, accountId, await knownHead(c, accountId));
}

async function knownHead(c: HttpContext, accountId: string): Promise<HeadReply> {
  const head = await c.var.services.accounts.head(accountId);
  if (!head) throw incomplete();
  return head;
}

/** Checks an account's ledger, entry by entry; `null` for one that was not created to its end. */
export async function checkLedger(c: HttpContext, accountId: string): Promise<LedgerProof | TooLong | null> {
  const { accounts } = c.var.services;
  const db = c.env.DB;
  const rates = followRates(db);
  const headOf = async (id: string) => {
    const head = await accounts.head(id);
    // In this order: what the object has charged by then was priced by a version that is there.
    await rates.follow();
    return head;
  };
  return proveLedger({ db, rateOf: rates.rateOf, headOf }, accountId);
}

/** The same. Throws {@link HttpFault} where there is no proof, or the ledger is too long for one answer. */
export async function provenLedger(c: HttpContext, accountId: string): Promise<LedgerProof> {
  const proven = await checkLedger(c, accountId);
  if (!proven) throw incomplete();
  if ("tooLong" in proven) {
    const message = `The ledger has more than ${MOST_PROVEN} entries. Export it and verify it yourself.`;
    throw new HttpFault(422, "ledger_too_long", message);
  }
  return proven;
}

function incomplete(): HttpFault {
  return new HttpFault(409, "account_incomplete", "The account was not created to its end; create it again.");
}
