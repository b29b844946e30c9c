import { Hono } from "hono";
import { openAccount } from "../http/account-access.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { findReceipt, rateOf } from "../http/find-receipt.ts";
import { listQueryOf } from "../http/query.ts";
import { usageQueryOf } from "../http/usage-query.ts";
import { ledgerExtent, ledgerFile, provenLedger } from "../http/whole-ledger.ts";
import { listBalanceUpdates, listUsageEvents } from "../ledger/read.ts";
import { usageTotals } from "../ledger/usage-report.ts";
import { accountWire } from "../wire/account.ts";
import { balanceUpdateWire, pageWire, usageEventWire } from "../wire/ledger.ts";
import { proofWire } from "../wire/proof.ts";
import { receiptWire } from "../wire/receipt.ts";
import { usageTotalWire } from "../wire/usage-totals.ts";
import { keyRoutes } from "./keys.ts";
import { ledgerCsv } from "./ledger-csv.ts";
import { quote } from "./quote.ts";

/** Self-service: what the holder of an account may know of it and do with its keys. Free, and open at zero balance. */
export function accountRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.use(async (c, next) => {
    await next();
    // A browser that is signed in asks here as well.
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "private, no-store");
  });
  routes.get("/account", async (c) => c.json(accountWire((await openAccount(c)).account)));
  routes.get("/requests", async (c) => {
    const { account } = await openAccount(c);
    const page = await listUsageEvents(c.env.DB, account.id, listQueryOf(c));
    return c.json(pageWire(page, usageEventWire));
  });
  routes.get("/requests/:id", async (c) => c.json(await receipt(c)));
  routes.get("/ledger", async (c) => {
    const { account } = await openAccount(c);
    const page = await listBalanceUpdates(c.env.DB, account.id, listQueryOf(c));
    return c.json({ ...pageWire(page, balanceUpdateWire), as_of_seq: page.data[0]?.place.seq ?? null });
  });
  routes.get("/ledger.csv", async (c) => {
    const { account } = await openAccount(c);
    const headers = {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="spillway-ledger.csv"',
    };
    return c.body(ledgerCsv(c.env.DB, account.id, await ledgerExtent(c, account.id)), { headers });
  });
  routes.get("/ledger/proof", async (c) => {
    const { account } = await openAccount(c);
    return c.json(proofWire(account.id, await provenLedger(c, account.id), Date.now()));
  });
  routes.get("/ledger/export", async (c) => ledgerFile(c, (await openAccount(c)).account.id));
  routes.post("/quote", quote);
  routes.route("/keys", keyRoutes());
  routes.get("/usage", async (c) => {
    const { account } = await openAccount(c);
    const totals = await usageTotals(c.env.DB, account.id, usageQueryOf(c));
    return c.json({ data: totals.map(usageTotalWire), has_more: false, next_cursor: null });
  });
  return routes;
}

async function receipt(c: HttpContext) {
  const { account } = await openAccount(c);
  const found = await findReceipt(c, account.id, c.req.param("id") ?? "");
  if (!found) throw new HttpFault(404, "request_not_found", "There is no such request in this account.");
  return receiptWire(found, await rateOf(c, found));
}
