import { Hono } from "hono";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { wordIn } from "../http/query.ts";
import type { AccountApi } from "./account-api.ts";
import { CreditsFigure } from "./amounts.tsx";
import { AutoTopUpSection, type AutoTopUpWire, settingsIn } from "./auto-top-up.tsx";
import { autoTopUpTermsOf } from "./auto-top-up-form.tsx";
import { type CheckoutWire, CreditPacks, leavingPage, type PackWire } from "./credit-packs.tsx";
import { textOf } from "./fields.tsx";
import { readForm } from "./form.ts";
import type { RefusalStatus } from "./gateway-api.ts";
import type { Notice } from "./layout.tsx";
import { page } from "./page.tsx";
import { Paging } from "./paging.tsx";
import { PaymentTable, type PaymentWire } from "./payment-table.tsx";
import { frameOf, type Visit, visitOf } from "./visit.ts";

const PATH = "/dashboard/credits";
const AUTO_PATH = `${PATH}/auto-top-up`;
const PAYMENTS_SHOWN = "20";

/** Buying credits, by hand and automatically, and what was paid. */
export function creditsPages(api: AccountApi): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => {
    const notice = wordIn(c, "done", DONE);
    return creditsPage(c, api, await visitOf(c), { notice });
  });
  routes.post("/checkout", (c) => buy(c, api));
  routes.post("/auto-top-up", (c) => setAutoTopUp(c, api));
  routes.post("/auto-top-up/resume", (c) => resume(c, api));
  return routes;
}

const DONE: Readonly<Record<string, Notice>> = {
  saved: { tone: "done", text: "The automatic top-ups are saved." },
  resumed: { tone: "done", text: "Automatic top-ups go on." },
};

async function buy(c: HttpContext, api: AccountApi): Promise<Response> {
  const visit = await visitOf(c);
  const form = await readForm(c, visit.session);
  const order = textOf(form, "order");
  const outcome = await api.act<CheckoutWire>(c, visit, {
    method: "POST",
    path: "/checkout",
    body: { pack: textOf(form, "pack"), save_payment_method: form.has("save_payment_method") },
    ...(order === undefined ? {} : { idempotencyKey: order }),
  });
  if (outcome.done) return leavingPage(c, visit, PATH, outcome.body);
  return creditsPage(c, api, visit, { notice: { tone: "wrong", text: outcome.text }, status: outcome.status });
}

async function setAutoTopUp(c: HttpContext, api: AccountApi): Promise<Response> {
  const visit = await visitOf(c);
  const form = await readForm(c, visit.session);
  const packs = (await readPacks(c, api)) ?? [];
  const body = autoTopUpTermsOf(form, packs, settingsIn(await api.get<AutoTopUpWire>(c, "/auto-topup")));
  const outcome =
    typeof body === "string"
      ? ({ done: false, status: 400, text: body } as const)
      : await api.act(c, visit, { method: "PUT", path: "/auto-topup", body });
  if (outcome.done) return c.redirect(`${PATH}?done=saved`, 303);
  const notice: Notice = { tone: "wrong", text: outcome.text };
  return creditsPage(c, api, visit, { notice, status: outcome.status, typed: form });
}

/** Saving the same settings anew makes a clean start. */
async function resume(c: HttpContext, api: AccountApi): Promise<Response> {
  const visit = await visitOf(c);
  await readForm(c, visit.session);
  const set = settingsIn(await api.get<AutoTopUpWire>(c, "/auto-topup"));
  if (!set) throw new HttpFault(409, "not_set", "Automatic top-ups were never set.");
  const { enabled, threshold, pack, monthly_cap, cooldown } = set;
  const body = { enabled, threshold, pack, monthly_cap, cooldown };
  const outcome = await api.act(c, visit, { method: "PUT", path: "/auto-topup", body });
  if (outcome.done) return c.redirect(`${PATH}?done=resumed`, 303);
  return creditsPage(c, api, visit, { notice: { tone: "wrong", text: outcome.text }, status: outcome.status });
}

/** What is on offer; `null` where no payments are taken. */
async function readPacks(c: HttpContext, api: AccountApi): Promise<readonly PackWire[] | null> {
  if (!c.var.services.config.stripe) return null;
  return (await api.get<{ data: readonly PackWire[] }>(c, "/credit-packs")).data;
}

interface Told {
  readonly notice: Notice | null;
  readonly status?: 200 | RefusalStatus;
  /** Settings that were refused. */
  readonly typed?: URLSearchParams;
}

interface PaymentsPage {
  readonly data: readonly PaymentWire[];
  readonly next_cursor: string | null;
}

async function creditsPage(
  c: HttpContext,
  api: AccountApi,
  visit: Visit,
  { notice, status = 200, typed }: Told,
): Promise<Response> {
  const cursor = c.req.method === "GET" ? (c.req.query("cursor") ?? null) : null;
  const packs = await readPacks(c, api);
  const autoTopUp = packs === null ? null : await api.get<AutoTopUpWire>(c, "/auto-topup");
  const payments = await api.get<PaymentsPage>(c, "/payments", {
    limit: PAYMENTS_SHOWN,
    ...(cursor === null ? {} : { cursor }),
  });
  const children = (
    <>
      <h1>Credits</h1>
      <dl class="figures">
        <div class="main">
          <dt>credits available</dt>
          <dd>
            <CreditsFigure amount={visit.account.limits.credits.available} />
          </dd>
        </div>
      </dl>
      {packs === null || autoTopUp === null ? (
        <p class="nothing">This gateway takes no payments: its operator gives credits.</p>
      ) : (
        <>
          <section aria-labelledby="buy">
            <h2 id="buy">Buy credits</h2>
            <CreditPacks packs={packs} visit={visit} action={`${PATH}/checkout`} />
          </section>
          <section aria-labelledby="automatic">
            <h2 id="automatic">Automatic top-ups</h2>
            <AutoTopUpSection
              autoTopUp={autoTopUp}
              packs={packs}
              visit={visit}
              action={AUTO_PATH}
              typed={typed ?? null}
            />
          </section>
        </>
      )}
      {packs === null && payments.data.length === 0 ? null : (
        <section aria-labelledby="payments">
          <h2 id="payments">Payments</h2>
          <PaymentTable payments={payments.data} nothing="Nothing was paid yet." />
          <Paging path={PATH} query={{}} cursor={cursor} next={payments.next_cursor} />
        </section>
      )}
    </>
  );
  return page(c, { ...frameOf(visit, "Credits", PATH), notice, children }, status);
}
