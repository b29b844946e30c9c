import { Hono } from "hono";
import { receiptFromLedger, receiptOf, receiptOfDenial } from "../core/receipt.ts";
import { isRequestId } from "../core/request-id.ts";
import { openAccount } from "../http/account-access.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { instantOf, listQueryOf } from "../http/query.ts";
import { readRequest } from "../ledger/entry-rows.ts";
import { listBalanceUpdates, listUsageEvents } from "../ledger/read.ts";
import { USAGE_GROUPS, type UsageGroup, usageTotals } from "../ledger/usage-report.ts";
import { accountWire } from "../wire/account.ts";
import { balanceUpdateWire, pageWire, usageEventWire } from "../wire/ledger.ts";
import { receiptWire } from "../wire/receipt.ts";
import { usageTotalWire } from "../wire/usage-totals.ts";
import { ledgerCsv } from "./ledger-csv.ts";
import { ledgerExport } from "./ledger-export.ts";
import { proof } from "./proof.ts";
import { quote } from "./quote.ts";

const USAGE_DAYS_MS = 30 * 24 * 3_600_000;

/** Self-service: what the holder of a key may know of the account. Free, and open at zero balance. */
export function accountRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
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
    return c.body(ledgerCsv(c.env.DB, account.id), { headers });
  });
  routes.get("/ledger/proof", async (c) => c.json(await proof(c)));
  routes.get("/ledger/export", ledgerExport);
  routes.post("/quote", quote);
  routes.get("/usage", async (c) => {
    const { account } = await openAccount(c);
    const now = Date.now();
    const from = instantOf(c, "from", now - USAGE_DAYS_MS);
    const to = instantOf(c, "to", now + 1);
    const totals = await usageTotals(c.env.DB, account.id, { from, to, groupBy: groupsOf(c) });
    return c.json({ data: totals.map(usageTotalWire), has_more: false, next_cursor: null });
  });
  return routes;
}

async function receipt(c: HttpContext) {
  const { account } = await openAccount(c);
  const id = c.req.param("id") ?? "";
  // Another account's request, and one that never was, look the same.
  const unknown = new HttpFault(404, "request_not_found", "There is no such request in this account.");
  if (!isRequestId(id)) throw unknown;
  const known = await c.var.services.accounts.receipt(account.id, id);
  // The ledger also knows what was corrected since; the object is ahead of it only until its entry is confirmed.
  const ahead = known?.kind === "request" && known.confirmed !== true;
  if (ahead) return receiptWire(receiptOf(known.reservation, false));
  if (known?.kind === "denial") return receiptWire(receiptOfDenial(known.fold, known.plan));
  const entered = receiptFromLedger(await readRequest(c.env.DB, account.id, id));
  if (entered) return receiptWire(entered);
  if (known) return receiptWire(receiptOf(known.reservation, true));
  throw unknown;
}

function groupsOf(c: HttpContext): UsageGroup[] {
  const asked = (c.req.query("group_by") ?? "day").split(",").filter((name) => name !== "");
  const groups = USAGE_GROUPS.filter((group) => asked.includes(group));
  if (groups.length !== new Set(asked).size) {
    throw new HttpFault(400, "invalid_group_by", `group_by takes any of ${USAGE_GROUPS.join(", ")}, comma-separated.`);
  }
  return groups;
}
