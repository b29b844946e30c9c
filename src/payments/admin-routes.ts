import { Hono } from "hono";
import { describeFaults } from "../catalog/document.ts";
import { tellAct } from "../http/admin-act.ts";
import { requireOperator } from "../http/authentication.ts";
import { readAs, readBody } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { pageWire } from "../wire/ledger.ts";
import { dismissal } from "./body-schemas.ts";
import { checkPayments } from "./check.ts";
import { type PaymentHooks, paymentDeps } from "./deps.ts";
import { disputesOf } from "./disputes.ts";
import { redrive } from "./follow.ts";
import { readPackDocument } from "./pack.ts";
import { listPacks, putPack, readPack } from "./packs.ts";
import { listParked, type ParkedPayment, readParked, resolveParked } from "./parked.ts";
import { listPayments, type Payment, readPayment } from "./store.ts";
import { requireStripe } from "./stripe.ts";
import { packAdminWire, parkedWire, paymentAdminWire, paymentWire } from "./wire.ts";

/** What an operator offers, sees of payments, and decides about those that wait. */
export function paymentAdminRoutes(hooks: PaymentHooks): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  for (const path of ["/credit-packs", "/payments", "/parked-payments"]) {
    routes.use(`${path}/*`, async (c, next) => {
      requireOperator(c);
      await next();
    });
  }
  routes.get("/credit-packs", async (c) => {
    const packs = await listPacks(c.env.DB);
    return c.json({ data: packs.map(packAdminWire), has_more: false, next_cursor: null });
  });
  routes.get("/credit-packs/:id", async (c) => {
    const pack = await readPack(c.env.DB, c.req.param("id"));
    if (!pack) throw new HttpFault(404, "pack_not_found", "There is no such credit pack.");
    return c.json(packAdminWire(pack));
  });
  routes.put("/credit-packs/:id", putCreditPack);
  routes.get("/payments", async (c) => {
    const page = await listPayments(c.env.DB, { ...pageOf(c), accountId: c.req.query("account") ?? null });
    if (!page) throw invalidCursor();
    const disputes = await disputesOf(c.env.DB, page.data);
    return c.json(pageWire(page, (payment) => paymentAdminWire(payment, disputes)));
  });
  routes.get("/payments/check", async (c) => c.json(await checkPayments(c.env.DB, Date.now())));
  routes.get("/payments/:id", async (c) => {
    const payment = await readPayment(c.env.DB, c.req.param("id"));
    if (!payment) throw new HttpFault(404, "payment_not_found", "There is no such payment.");
    return c.json(paymentAdminWire(payment, await disputesOf(c.env.DB, [payment])));
  });
  routes.get("/parked-payments", async (c) => {
    const page = await listParked(c.env.DB, pageOf(c));
    if (!page) throw invalidCursor();
    return c.json(pageWire(page, parkedWire));
  });
  routes.post("/parked-payments/:id/redrive", (c) => redriveParked(c, hooks));
  routes.post("/parked-payments/:id/dismiss", dismissParked);
  return routes;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

async function putCreditPack(c: HttpContext): Promise<Response> {
  const id = c.req.param("id") ?? "";
  if (!NAME.test(id)) throw new HttpFault(400, "invalid_id", "An id is 1 to 64 letters, digits, '.', '_' or '-'.");
  const parsed = readPackDocument(await readBody(c));
  if (!parsed.ok) throw new HttpFault(400, "invalid_credit_pack", describeFaults(parsed.faults));
  const before = await readPack(c.env.DB, id);
  if (before && before.document.currency !== parsed.document.currency) throw currencyFixed(before.document.currency);
  const stored = await putPack(c.env.DB, id, parsed.document, Date.now());
  tellAct(c, {
    action: "credit_pack.put",
    target: id,
    before: before?.document ?? null,
    after: stored.document,
  });
  return c.json(packAdminWire(stored));
}

/** Accounts have set how much of it their automatic purchases may spend. */
function currencyFixed(currency: string): HttpFault {
  const message = `This pack is sold in ${currency}, which stays so: put another pack, and withdraw this one.`;
  return new HttpFault(409, "pack_currency_fixed", message);
}

/** Tries again what could not be followed, for instance after an account was made active again. */
async function redriveParked(c: HttpContext, hooks: PaymentHooks): Promise<Response> {
  const stripe = requireStripe(c);
  const parked = await waiting(c);
  const followed = await redrive(paymentDeps(c, stripe, hooks), parked);
  if (followed.kind === "parked") {
    throw new HttpFault(409, "still_parked", `It still cannot be followed: ${followed.reason.replaceAll("_", " ")}.`);
  }
  const payment = await readPayment(c.env.DB, parked.paymentId);
  tellAct(c, {
    action: "parked_payment.redrive",
    account: payment?.accountId ?? parked.accountId,
    target: parked.id,
    before: { waited_for: parked.reason },
    after: payment ? movedBy(payment) : { payment: parked.paymentId },
  });
  return c.json({ id: parked.id, redriven: true });
}

/** What a payment has come to, as the log keeps it. */
function movedBy(payment: Payment) {
  const { id, grant, state, credits, amount, currency, refunded, reclaimed } = paymentWire(payment, new Map());
  return { payment: id, grant, state, credits, amount, currency, refunded, reclaimed };
}

/** Says that nothing is to be done any more: the money was given back, or the credits granted by hand. */
async function dismissParked(c: HttpContext): Promise<Response> {
  const parked = await waiting(c);
  const { reason } = await readAs(c, dismissal);
  await resolveParked(c.env.DB, parked.id, reason, Date.now());
  tellAct(c, {
    action: "parked_payment.dismiss",
    account: parked.accountId,
    target: parked.id,
    reason,
    before: { waited_for: parked.reason },
    after: { payment: parked.paymentId },
  });
  return c.json({ id: parked.id, dismissed: true });
}

async function waiting(c: HttpContext): Promise<ParkedPayment> {
  const parked = await readParked(c.env.DB, c.req.param("id") ?? "");
  if (!parked) throw new HttpFault(404, "not_parked", "There is no such event among those that were put aside.");
  if (parked.resolvedAt !== null) throw new HttpFault(409, "already_resolved", "A person has decided about it before.");
  return parked;
}
