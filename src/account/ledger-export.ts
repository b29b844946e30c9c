import { readRateLookup } from "../catalog/rate-lookup.ts";
import { openAccount } from "../http/account-access.ts";
import type { HttpContext } from "../http/context.ts";
import { exportLedger } from "../ledger/export.ts";

/** The caller's own ledger as a file that anyone can verify with `scripts/verify.mjs`. */
export async function ledgerExport(c: HttpContext): Promise<Response> {
  const { account } = await openAccount(c);
  const db = c.env.DB;
  const head = await c.var.services.accounts.head(account.id);
  if (!head) throw new Error("an account that was opened has an object");
  const deps = { db, rateOf: await readRateLookup(db) };
  const headers = {
    "content-type": "application/x-ndjson; charset=utf-8",
    "content-disposition": 'attachment; filename="spillway-ledger.ndjson"',
  };
  return c.body(await exportLedger(deps, account.id, head, Date.now()), { headers });
}
