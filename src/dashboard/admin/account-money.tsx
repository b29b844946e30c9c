import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { type AlertsPage, AlertTable } from "../alert-list.tsx";
import { Paging } from "../paging.tsx";
import { accountPage, seenAccount } from "./account-frame.tsx";
import { accountPath } from "./accounts.tsx";
import type { AdminApi } from "./api.ts";
import { type OperatorPaymentsPage, OperatorPaymentTable } from "./payment-table.tsx";

const ROWS = "20";

/** What an account has paid, and what it was told of. */
export function accountMoneyPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/accounts/:id/payments", (c) => paymentsPage(c, api));
  routes.get("/accounts/:id/alerts", (c) => alertsPage(c, api));
  return routes;
}

async function paymentsPage(c: HttpContext, api: AdminApi): Promise<Response> {
  const seen = await seenAccount(c);
  const cursor = c.req.query("cursor") ?? null;
  const list = await api.get<OperatorPaymentsPage>(c, seen.operator, "/payments", queryOf(seen.id, cursor));
  const children = (
    <>
      <h2>Payments</h2>
      <OperatorPaymentTable payments={list.data} withAccount={false} />
      <Paging path={`${accountPath(seen.id)}/payments`} query={{}} cursor={cursor} next={list.next_cursor} />
    </>
  );
  return accountPage(c, seen, { title: "Payments", tab: "/payments", children });
}

async function alertsPage(c: HttpContext, api: AdminApi): Promise<Response> {
  const seen = await seenAccount(c);
  const cursor = c.req.query("cursor") ?? null;
  const list = await api.get<AlertsPage>(c, seen.operator, "/alerts", queryOf(seen.id, cursor));
  const children = (
    <>
      <h2>What the account was told of</h2>
      <AlertTable alerts={list.data} nothing="Nothing was to be told yet." />
      <Paging path={`${accountPath(seen.id)}/alerts`} query={{}} cursor={cursor} next={list.next_cursor} />
    </>
  );
  return accountPage(c, seen, { title: "Alerts", tab: "/alerts", children });
}

function queryOf(account: string, cursor: string | null) {
  return { account, limit: ROWS, ...(cursor === null ? {} : { cursor }) };
}
