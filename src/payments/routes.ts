import { Hono } from "hono";
import { holderOf, openAccount, openFor } from "../http/account-access.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { invalidCursor, pageOf } from "../http/query.ts";
import { isIdempotencyKey } from "../http/request-id.ts";
import { pageWire } from "../wire/ledger.ts";
import { readMethod } from "./auto-top-up/methods.ts";
import { autoTopUpWire, toAutoTopUp } from "./auto-top-up/settings.ts";
import { latestTopUps, readAutoTopUp, saveAutoTopUp } from "./auto-top-up/store.ts";
import { autoTopUpDocument, newCheckout } from "./body-schemas.ts";
import { beginCheckout } from "./checkout.ts";
import { type PaymentHooks, paymentDeps } from "./deps.ts";
import { disputesOf } from "./disputes.ts";
import { listPacks, readPack } from "./packs.ts";
import { listPayments } from "./store.ts";
import { requireStripe } from "./stripe.ts";
import { packWire, paymentWire, topUpWire } from "./wire.ts";

const TOP_UPS_SHOWN = 20;

/** What the holder of a key may buy, has bought, and lets be bought. */
export function paymentRoutes(hooks: PaymentHooks): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/credit-packs", async (c) => {
    requireStripe(c);
    await openAccount(c);
    const packs = (await listPacks(c.env.DB)).filter(({ pack }) => pack.active);
    return c.json({ data: packs.map(packWire), has_more: false, next_cursor: null });
  });
  routes.post("/checkout", (c) => checkout(c, hooks));
  routes.get("/payments", async (c) => {
    const { account } = await openAccount(c);
    const page = await listPayments(c.env.DB, { ...pageOf(c), accountId: account.id });
    if (!page) throw invalidCursor();
    const disputes = await disputesOf(c.env.DB, page.data);
    return c.json(pageWire(page, (payment) => paymentWire(payment, disputes)));
  });
  routes.get("/auto-topup", async (c) => {
    requireStripe(c);
    const { account } = await openAccount(c);
    return c.json(await shownAutoTopUp(c, account.id));
  });
  routes.put("/auto-topup", putAutoTopUp);
  return routes;
}

async function checkout(c: HttpContext, hooks: PaymentHooks): Promise<Response> {
  const stripe = requireStripe(c);
  const { account } = await openFor(c, await holderOf(c), "manage");
  const body = await readAs(c, newCheckout);
  const idempotencyKey = c.req.header("idempotency-key") ?? null;
  if (idempotencyKey !== null && !isIdempotencyKey(idempotencyKey)) {
    throw new HttpFault(400, "invalid_request", "Idempotency-Key: must be 1 to 255 visible ASCII characters");
  }
  if (account.status === "suspended") {
    throw new HttpFault(403, "account_suspended", "This account is suspended; nothing can be bought for it.");
  }
  const session = await beginCheckout(paymentDeps(c, stripe, hooks), {
    accountId: account.id,
    packId: body.pack,
    saveMethod: body.save_payment_method,
    idempotencyKey,
    origin: new URL(c.req.url).origin,
  });
  return c.json(session, 201);
}

async function putAutoTopUp(c: HttpContext): Promise<Response> {
  requireStripe(c);
  const { account } = await openFor(c, await holderOf(c), "manage");
  const document = await readAs(c, autoTopUpDocument);
  const pack = (await readPack(c.env.DB, document.pack))?.pack;
  // What is turned off may stay with a pack that is not offered any more.
  if (!pack || (document.enabled && !pack.active)) {
    throw new HttpFault(404, "pack_not_found", "There is no such credit pack on offer.");
  }
  if (document.enabled && document.monthly_cap < pack.amount) {
    throw new HttpFault(400, "invalid_request", `monthly_cap: must be at least the price of the pack, ${pack.amount}`);
  }
  if (document.enabled && !(await readMethod(c.env.DB, account.id))) {
    const message = "Save a payment method first: POST /api/checkout with save_payment_method true.";
    throw new HttpFault(409, "payment_method_required", message);
  }
  await saveAutoTopUp(c.env.DB, toAutoTopUp(account.id, document, Date.now()));
  return c.json(await shownAutoTopUp(c, account.id));
}

async function shownAutoTopUp(c: HttpContext, accountId: string) {
  const { DB: db } = c.env;
  const settings = await readAutoTopUp(db, accountId);
  const stored = settings && (await readPack(db, settings.packId));
  return {
    ...(settings ? autoTopUpWire(settings, stored?.pack.currency ?? null, Date.now()) : { enabled: false }),
    payment_method_saved: (await readMethod(db, accountId)) !== null,
    top_ups: (await latestTopUps(db, accountId, TOP_UPS_SHOWN)).map(topUpWire),
  };
}
