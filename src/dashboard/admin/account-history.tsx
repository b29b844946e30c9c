import { Hono } from "hono";
import { ADMIN_LOG_CURSOR, listAdminLog } from "../../catalog/admin-log.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { findReceipt, rateOf } from "../../http/find-receipt.ts";
import { listQueryOf, pageOf } from "../../http/query.ts";
import { checkLedger } from "../../http/whole-ledger.ts";
import { listBalanceUpdates } from "../../ledger/read.ts";
import { searchRequests } from "../../ledger/search.ts";
import { LedgerRows, Proof } from "../ledger.tsx";
import { Paging } from "../paging.tsx";
import { namesIn, ReceiptView } from "../receipt.tsx";
import { askedOf, queryOf, RequestList, RequestSearchForm, searchOf } from "../requests.tsx";
import { sourceNames } from "../source-names.ts";
import { UsageView, usedBy } from "../usage.tsx";
import { RefundForm } from "./account-forms.tsx";
import { accountPage, seenAccount } from "./account-frame.tsx";
import { accountPath } from "./accounts.tsx";
import { LogTable } from "./log-table.tsx";

/** What an account did and what was done to it: the pages that its holder has, and the log. */
export function accountHistoryPages(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/accounts/:id/usage", usagePage);
  routes.get("/accounts/:id/requests", requestsPage);
  routes.get("/accounts/:id/requests/:request", receiptPage);
  routes.get("/accounts/:id/ledger", ledgerPage);
  routes.get("/accounts/:id/log", logPage);
  return routes;
}

async function usagePage(c: HttpContext): Promise<Response> {
  const seen = await seenAccount(c);
  const used = await usedBy(c, seen.id);
  const children = (
    <>
      <h2>Usage</h2>
      <UsageView path={`${accountPath(seen.id)}/usage`} used={used} jsonPath={null} />
    </>
  );
  return accountPage(c, seen, { title: "Usage", tab: "/usage", children });
}

async function requestsPage(c: HttpContext): Promise<Response> {
  const seen = await seenAccount(c);
  const path = `${accountPath(seen.id)}/requests`;
  const asked = askedOf(c);
  const found = await searchRequests(c.env.DB, seen.id, searchOf(asked));
  const children = (
    <>
      <h2>Requests</h2>
      <RequestSearchForm path={path} asked={asked} />
      {found.data.length === 0 ? (
        <p class="nothing">No request matches.</p>
      ) : (
        <RequestList path={path} found={found.data} />
      )}
      <Paging path={path} query={queryOf(asked)} cursor={asked.cursor} next={found.nextCursor} />
    </>
  );
  return accountPage(c, seen, { title: "Requests", tab: "/requests", children });
}

async function receiptPage(c: HttpContext): Promise<Response> {
  const seen = await seenAccount(c);
  const requestId = c.req.param("request") ?? "";
  const receipt = await findReceipt(c, seen.id, requestId);
  if (!receipt) throw new HttpFault(404, "request_not_found", "There is no such request in this account.");
  const children = (
    <>
      <h2>Receipt</h2>
      <ReceiptView receipt={receipt} rate={await rateOf(c, receipt)} names={await namesIn(c, seen.account, receipt)} />
      {receipt.charge === null ? null : (
        <section aria-labelledby="give-back">
          <h2 id="give-back">Give back</h2>
          <RefundForm seen={seen} requestId={receipt.requestId} />
        </section>
      )}
    </>
  );
  return accountPage(c, seen, { title: "Receipt", tab: "/requests", children });
}

async function ledgerPage(c: HttpContext): Promise<Response> {
  const seen = await seenAccount(c);
  const path = `${accountPath(seen.id)}/ledger`;
  const [updates, head] = await Promise.all([
    listBalanceUpdates(c.env.DB, seen.id, listQueryOf(c)),
    c.var.services.accounts.head(seen.id),
  ]);
  const sources = updates.data.flatMap(({ update }) => update.source ?? []);
  const names = await sourceNames(c, seen.account, sources);
  const proof = c.req.query("verify") === undefined ? null : await checkLedger(c, seen.id);
  const children = (
    <>
      <h2>Ledger</h2>
      <Proof path={path} head={head} proof={proof} />
      {updates.data.length === 0 ? (
        <p class="nothing">Nothing yet.</p>
      ) : (
        <LedgerRows updates={updates.data} names={names} />
      )}
      <Paging path={path} query={{}} cursor={c.req.query("cursor") ?? null} next={updates.nextCursor} />
    </>
  );
  return accountPage(c, seen, { title: "Ledger", tab: "/ledger", children });
}

async function logPage(c: HttpContext): Promise<Response> {
  const seen = await seenAccount(c);
  const { limit, cursor } = pageOf(c, ADMIN_LOG_CURSOR);
  const log = await listAdminLog(c.env.DB, { account: seen.id, limit, cursor });
  const children = (
    <>
      <h2>What operators did</h2>
      <LogTable entries={log.data} withAccount={false} />
      <Paging path={`${accountPath(seen.id)}/log`} query={{}} cursor={cursor} next={log.next_cursor} />
    </>
  );
  return accountPage(c, seen, { title: "Log", tab: "/log", children });
}
