import { Hono } from "hono";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { findReceipt, rateOf } from "../http/find-receipt.ts";
import { listQueryOf } from "../http/query.ts";
import { usageQueryOf } from "../http/usage-query.ts";
import { ledgerFile, provenLedger } from "../http/whole-ledger.ts";
import { listBalanceUpdates, listMonetizationEvents, listUsageEvents } from "../ledger/read.ts";
import { usageTotals } from "../ledger/usage-report.ts";
import { balanceUpdateWire, monetizationEventWire, pageWire, usageEventWire } from "../wire/ledger.ts";
import { proofWire } from "../wire/proof.ts";
import { receiptWire } from "../wire/receipt.ts";
import { usageTotalWire } from "../wire/usage-totals.ts";
import { existing } from "./existing-account.ts";

/** What an account did and what came of it: its datasets and their proof, the receipts of its requests, its use in sums. */
export function accountHistoryRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/:id/usage-events", async (c) => {
    const { id } = await existing(c);
    return c.json(pageWire(await listUsageEvents(c.env.DB, id, listQueryOf(c)), usageEventWire));
  });
  routes.get("/:id/monetization-events", async (c) => {
    const { id } = await existing(c);
    return c.json(pageWire(await listMonetizationEvents(c.env.DB, id, listQueryOf(c)), monetizationEventWire));
  });
  routes.get("/:id/balance-updates", async (c) => {
    const { id } = await existing(c);
    return c.json(pageWire(await listBalanceUpdates(c.env.DB, id, listQueryOf(c)), balanceUpdateWire));
  });
  routes.get("/:id/ledger/proof", async (c) => {
    const { id } = await existing(c);
    return c.json(proofWire(id, await provenLedger(c, id), Date.now()));
  });
  routes.get("/:id/ledger/export", async (c) => ledgerFile(c, (await existing(c)).id));
  routes.get("/:id/requests/:request", async (c) => {
    const { id } = await existing(c);
    const receipt = await findReceipt(c, id, c.req.param("request"));
    if (!receipt) throw new HttpFault(404, "request_not_found", "There is no such request in this account.");
    return c.json(receiptWire(receipt, await rateOf(c, receipt)));
  });
  routes.get("/:id/usage", async (c) => {
    const { id } = await existing(c);
    const totals = await usageTotals(c.env.DB, id, usageQueryOf(c));
    return c.json({ data: totals.map(usageTotalWire), has_more: false, next_cursor: null });
  });
  return routes;
}
