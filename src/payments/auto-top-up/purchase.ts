import { nanoid } from "nanoid";
import type Stripe from "stripe";
import * as z from "zod";
import type { PaymentDeps } from "../deps.ts";
import { fulfil } from "../fulfil.ts";
import { type Order, sealOrder } from "../order.ts";
import type { Pack } from "../pack.ts";
import { readPack } from "../packs.ts";
import { readIntent, type SavedMethod } from "../payment-event.ts";
import { stripeClient } from "../stripe.ts";
import { readMethod } from "./methods.ts";
import { topUpFailed } from "./outcome.ts";
import type { AutoTopUp } from "./settings.ts";
import * as store from "./store.ts";

/**
 * Buys credits for an account whose credits are below its threshold, with the payment method that was saved for it. Asked
 * twice, it buys once: a purchase is claimed before it begins and carries one key to Stripe however often it is tried.
 * Throws what may succeed later.
 */
export async function topUpIfDue(deps: PaymentDeps, accountId: string): Promise<void> {
  const { services, now } = deps;
  const { DB: db } = services.env;
  const settings = await store.readAutoTopUp(db, accountId);
  if (!settings?.enabled || settings.suspendedWhy !== null) return;
  const begun = await store.readBegun(db, accountId);
  if (begun) return goOn(deps, begun);
  if (settings.notBefore > now()) return;
  if (!(await isBelow(deps, settings))) return;
  const means = await meansOf(db, settings);
  if (typeof means === "string") return stop(deps, settings, means);
  const { pack, method } = means;
  if (await isOverCap(deps, settings, pack)) return;
  if (!(await store.claim(db, settings, now() + settings.cooldownMs))) return;
  const topUpId = `top_${nanoid()}`;
  const { id: packId, credits, amount, currency } = pack;
  const order: Order = { accountId, packId, credits, amount, currency, topUpId };
  if (await store.begin(db, topUpId, order, now())) await pay(deps, order, topUpId, method);
}

/** What the next request would find, not what the books say. */
async function isBelow({ services }: PaymentDeps, { accountId, threshold }: AutoTopUp): Promise<boolean> {
  const account = await services.accounts.describe(accountId);
  return account?.status === "active" && account.limits.credits.available < threshold;
}

async function meansOf(
  db: D1Database,
  { accountId, packId }: AutoTopUp,
): Promise<{ pack: Pack; method: SavedMethod } | string> {
  const stored = await readPack(db, packId);
  if (!stored?.pack.active) return "pack_not_offered";
  const method = await readMethod(db, accountId);
  return method ? { pack: stored.pack, method } : "no_payment_method";
}

async function stop(deps: PaymentDeps, { accountId, updatedAt }: AutoTopUp, reason: string): Promise<void> {
  await store.suspend(deps.services.env.DB, accountId, reason);
  await tellWhyNot(deps, accountId, `${reason}|${updatedAt}`, reason);
}

async function isOverCap(deps: PaymentDeps, settings: AutoTopUp, { amount, currency }: Pack): Promise<boolean> {
  const { accountId, monthlyCap } = settings;
  const { DB: db } = deps.services.env;
  const day = new Date(deps.now());
  const month = Date.UTC(day.getUTCFullYear(), day.getUTCMonth());
  const spent = await store.spentSince(db, accountId, currency, month);
  if (spent + amount <= monthlyCap) return false;
  await store.waitUntil(db, accountId, Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1), "monthly_cap");
  await tellWhyNot(deps, accountId, `monthly_cap|${month}`, "monthly_cap");
  return true;
}

async function tellWhyNot(deps: PaymentDeps, accountId: string, instance: string, reason: string): Promise<void> {
  await deps.hooks.tell(deps.services, {
    rule: "top_up_failed",
    accountId,
    instance: `${accountId}|${instance}`,
    message: `Credits were not bought automatically: ${reason.replaceAll("_", " ")}.`,
    data: { top_up: null, reason },
  });
}

/**
 * Stripe forgets the key of a request after a day at the earliest, and would then pay the same once more. If the first one
 * was paid after all, its webhook still grants it.
 */
const KEY_KEPT_MS = 23 * 3_600_000;

/** A purchase whose beginning is not known to have reached Stripe, or of whose end no webhook has told. */
async function goOn(deps: PaymentDeps, topUp: store.TopUp): Promise<void> {
  const { id, accountId, packId, credits, amount, currency, providerId } = topUp;
  if (providerId !== null) {
    const client = await stripeClient(deps.stripe);
    return conclude(deps, id, await client.paymentIntents.retrieve(providerId));
  }
  if (deps.now() - topUp.createdAt > KEY_KEPT_MS) return topUpFailed(deps, id, "outcome_unknown");
  const method = await readMethod(deps.services.env.DB, accountId);
  if (!method) return topUpFailed(deps, id, "no_payment_method");
  return pay(deps, { accountId, packId, credits, amount, currency, topUpId: id }, id, method);
}

async function pay(deps: PaymentDeps, order: Order, topUpId: string, method: SavedMethod): Promise<void> {
  const { services, stripe } = deps;
  const client = await stripeClient(stripe);
  const params: Stripe.PaymentIntentCreateParams = {
    amount: order.amount,
    currency: order.currency,
    customer: method.customerId,
    payment_method: method.methodId,
    off_session: true,
    confirm: true,
    metadata: sealOrder(order, services.config.keySecret),
  };
  const idempotencyKey = `top-up-${topUpId}`;
  let intent: Stripe.PaymentIntent;
  try {
    intent = await client.paymentIntents.create(params, { idempotencyKey });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    return topUpFailed(deps, topUpId, refusal);
  }
  await store.saveProviderId(services.env.DB, topUpId, intent.id);
  return conclude(deps, topUpId, intent);
}

/** The webhook tells the same; whichever comes first counts. */
async function conclude(deps: PaymentDeps, topUpId: string, intent: Stripe.PaymentIntent): Promise<void> {
  if (intent.status === "succeeded") {
    const paid = readIntent(intent);
    const followed = paid && (await fulfil(deps, paid));
    // What is wrong with it is parked when the webhook tells of it.
    if (followed?.kind === "parked") console.error(JSON.stringify({ event: "top_up_unfulfilled", id: topUpId }));
  } else if (intent.status !== "processing") {
    const { decline_code, code } = intent.last_payment_error ?? {};
    await topUpFailed(deps, topUpId, decline_code ?? code ?? intent.status);
  }
}

/** Errors of Stripe's that say no: to the card, to the request, or to a changed card under the key of the one before. */
const REFUSALS = new Set(["StripeCardError", "StripeInvalidRequestError", "StripeIdempotencyError"]);

const stripeError = z.object({
  type: z.string(),
  code: z.string().optional().catch(undefined),
  decline_code: z.string().optional().catch(undefined),
});

/** Why Stripe will never take this payment; `null` for what may succeed when it is tried again. */
function refusalOf(error: unknown): string | null {
  const told = stripeError.safeParse(error);
  if (!told.success) return null;
  const { type, code, decline_code } = told.data;
  if (!REFUSALS.has(type) || code === "idempotency_key_in_use") return null;
  return decline_code ?? code ?? "refused";
}
