import { readRateLookup } from "../catalog/rate-lookup.ts";
import { exportLedger } from "../ledger/export.ts";
import { type LedgerProof, MOST_PROVEN, proveLedger } from "../ledger/proof.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

/** An account's ledger as a file that anyone can verify with `scripts/verify.mjs`; it is read as it is taken. */
export async function ledgerFile(c: HttpContext, accountId: string): Promise<Response> {
  const db = c.env.DB;
  const head = await c.var.services.accounts.head(accountId);
  if (!head) throw incomplete();
  const deps = { db, rateOf: await readRateLookup(db) };
  const headers = {
    "content-type": "application/x-ndjson; charset=utf-8",
    "content-disposition": 'attachment; filename="spillway-ledger.ndjson"',
  };
  return c.body(await exportLedger(deps, accountId, head, Date.now()), { headers });
}

/** Checks an account's ledger, entry by entry. Throws {@link HttpFault} where it is too long for one answer. */
export async function provenLedger(c: HttpContext, accountId: string): Promise<LedgerProof> {
  const { accounts } = c.var.services;
  const deps = {
    db: c.env.DB,
    rateOf: await readRateLookup(c.env.DB),
    headOf: (id: string) => accounts.head(id),
  };
  const proven = await proveLedger(deps, accountId);
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
