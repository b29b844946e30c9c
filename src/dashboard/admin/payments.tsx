import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { type AlertsPage, AlertTable } from "../alert-list.tsx";
import { countText } from "../amounts.tsx";
import { textOf } from "../fields.tsx";
import type { RefusalStatus } from "../gateway-api.ts";
import type { Notice } from "../layout.tsx";
import { Paging } from "../paging.tsx";
import { type Column, ShortId, Table } from "../tables.tsx";
import { creditsOfWire } from "../wire-text.tsx";
import { AccountFilter } from "./account-filter.tsx";
import { accountPath } from "./accounts.tsx";
import type { AdminApi } from "./api.ts";
import { reasonOf } from "./fields.tsx";
import { BASE, consolePage } from "./frame.tsx";
import { type Operator, operatorOf, readOperatorForm } from "./operator.ts";
import { ParkedTable, type ParkedWire } from "./parked-payments.tsx";
import { type OperatorPaymentsPage, OperatorPaymentTable } from "./payment-table.tsx";

const PATH = `${BASE}/payments`;
const PAYMENTS_SHOWN = "20";
const ALERTS_SHOWN = "10";
/** What waits is little, or something is badly wrong. */
const PARKED_SHOWN = "200";

/** Money in: whether it fits the ledger, what waits for a person, and every payment. */
export function paymentsPages(api: AdminApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/payments", async (c) => paymentsPage(c, api, await operatorOf(c)));
  routes.post("/payments/parked/:id/:verb{redrive|dismiss}", async (c) => {
    const operator = await operatorOf(c);
    const reason = reasonOf(await readOperatorForm(c, operator));
    const { id, verb } = c.req.param();
    const path = `/parked-payments/${encodeURIComponent(id)}/${verb}`;
    const body = verb === "dismiss" ? { reason } : undefined;
    const outcome = await api.act(c, operator, { method: "POST", path, body, reason });
    if (outcome.done) return c.redirect(`${PATH}?done=${verb === "dismiss" ? "dismissed" : "followed"}`, 303);
    return paymentsPage(c, api, operator, { tone: "wrong", text: outcome.text }, outcome.status);
  });
  return routes;
}

interface CheckWire {
  readonly checked: {
    readonly payments: number;
    readonly credits: string;
    readonly reclaimed: string;
    readonly shortfall: string;
  };
  readonly differences: readonly DifferenceWire[];
}

interface DifferenceWire {
  readonly account: string;
  readonly payment: string | null;
  readonly grant: string;
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
}

async function paymentsPage(
  c: HttpContext,
  api: AdminApi,
  operator: Operator,
  notice: Notice | null = null,
  status: 200 | RefusalStatus = 200,
): Promise<Response> {
  const isAsked = c.req.method === "GET";
  const cursor = (isAsked && c.req.query("cursor")) || null;
  const account = (isAsked && textOf(new URL(c.req.url).searchParams, "account")) || null;
  const asked = { ...(account === null ? {} : { account }) };
  const [check, parked, payments, alerts] = await Promise.all([
    api.get<CheckWire>(c, operator, "/payments/check"),
    api.get<{ data: readonly ParkedWire[]; has_more: boolean }>(c, operator, "/parked-payments", {
      limit: PARKED_SHOWN,
    }),
    api.get<OperatorPaymentsPage>(c, operator, "/payments", {
      ...asked,
      limit: PAYMENTS_SHOWN,
      ...(cursor === null ? {} : { cursor }),
    }),
    api.get<AlertsPage>(c, operator, "/alerts", { limit: ALERTS_SHOWN }),
  ]);
  const children = (
    <>
      <h1>Payments</h1>
      {c.var.services.config.stripe ? null : (
        <p class="nothing">No payment provider is configured: nothing can be bought.</p>
      )}
      <Check check={check} />
      <section aria-labelledby="parked">
        <h2 id="parked">What waits for a person</h2>
        <ParkedTable
          operator={operator}
          parked={parked.data}
          action={`${PATH}/parked`}
          canRedrive={c.var.services.config.stripe !== null}
        />
        {parked.has_more ? (
          <p class="nothing">
            These are the first {PARKED_SHOWN}; <code>GET /admin/parked-payments</code> lists all.
          </p>
        ) : null}
      </section>
      <section aria-labelledby="payments">
        <h2 id="payments">Payments, newest first</h2>
        <AccountFilter path={PATH} account={account} />
        <OperatorPaymentTable payments={payments.data} withAccount />
        <Paging path={PATH} query={asked} cursor={cursor} next={payments.next_cursor} />
      </section>
      <section aria-labelledby="alerts">
        <h2 id="alerts">What operators were told</h2>
        <AlertTable alerts={alerts.data} nothing="Nothing was to be told yet." />
      </section>
    </>
  );
  return consolePage(c, operator, { title: "Payments", current: PATH, notice, status, children });
}

/** Payments and the ledger's grants, held against one another both ways, now. */
function Check({ check: { checked, differences } }: { check: CheckWire }) {
  return (
    <>
      <p>
        {differences.length === 0 ? (
          <>
            <span class="tag good">fits</span> Every payment has its grant in the ledger, and every paid grant its
            payment; checked just now.
          </>
        ) : (
          <>
            <span class="tag wrong">does not fit</span> Payments and the ledger’s grants differ. Nothing is corrected by
            itself.
          </>
        )}
      </p>
      <dl class="facts">
        <dt>Payments that have arrived</dt>
        <dd>{countText(checked.payments)}</dd>
        <dt>Credits for them</dt>
        <dd>{creditsOfWire(checked.credits)}</dd>
        <dt>Taken back</dt>
        <dd>
          {creditsOfWire(checked.reclaimed)}, of which {creditsOfWire(checked.shortfall)} were used already
        </dd>
      </dl>
      {differences.length === 0 ? null : (
        <section aria-labelledby="differences">
          <h2 id="differences">What does not fit</h2>
          <Table columns={DIFFERENCE_COLUMNS} rows={differences} nothing="" />
        </section>
      )}
    </>
  );
}

const DIFFERENCE_COLUMNS: readonly Column<DifferenceWire>[] = [
  { label: "Account", show: ({ account }) => <ShortId id={account} href={accountPath(account)} /> },
  { label: "Payment", show: ({ payment }) => (payment === null ? "—" : <ShortId id={payment} />) },
  { label: "Grant", show: ({ grant }) => <ShortId id={grant} /> },
  { label: "What", show: ({ subject }) => subject },
  { label: "Expected", number: true, show: ({ expected }) => creditsOfWire(expected) },
  { label: "Found", number: true, show: ({ found }) => creditsOfWire(found) },
];
