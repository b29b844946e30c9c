import { nanoid } from "nanoid";
import type Stripe from "stripe";
import { formatCredits } from "../core/amount.ts";
import { HttpFault } from "../http/fault.ts";
import { sha256Hex } from "../sha256.ts";
import { instant } from "../wire/time.ts";
import { readMethod } from "./auto-top-up/methods.ts";
import type { PaymentDeps } from "./deps.ts";
import { sealOrder } from "./order.ts";
import type { Pack } from "./pack.ts";
import { readPack } from "./packs.ts";
import { stripeClient } from "./stripe.ts";

export interface Wanted {
  readonly accountId: string;
  readonly packId: string;
  readonly saveMethod: boolean;
  /** The buyer's `Idempotency-Key`: the same one leads to the same checkout. */
  readonly idempotencyKey: string | null;
  /** Where the buyer comes back to: the gateway's own origin. */
  readonly origin: string;
}

/** Where a buyer comes back to; the pages tell what became of it. */
const RETURN_PATH = "/dashboard";

/** Begins a purchase at Stripe's own page. Nothing is granted before the money has arrived. */
export async function beginCheckout(deps: PaymentDeps, wanted: Wanted) {
  const { services, stripe } = deps;
  const { env, config } = services;
  const pack = (await readPack(env.DB, wanted.packId))?.pack;
  if (!pack?.active) throw new HttpFault(404, "pack_not_found", "There is no such credit pack on offer.");
  const { accountId } = wanted;
  const { credits, amount, currency } = pack;
  const order = { accountId, packId: pack.id, credits, amount, currency, topUpId: null };
  const customer = (await readMethod(env.DB, accountId))?.customerId ?? null;
  const client = await stripeClient(stripe);
  const params = sessionParams(pack, sealOrder(order, config.keySecret), wanted, customer);
  const session = await calling(() =>
    client.checkout.sessions.create(params, { idempotencyKey: checkoutKey(wanted, params) }),
  );
  if (session.url === null) throw new HttpFault(503, "payments_unavailable", "Stripe gave no page for this purchase.");
  return {
    id: session.id,
    url: session.url,
    pack: pack.id,
    credits: formatCredits(credits),
    amount,
    currency,
    expires_at: instant(session.expires_at * 1_000),
  };
}

function sessionParams(
  { name, amount, currency }: Pack,
  metadata: Record<string, string>,
  { accountId, origin, saveMethod }: Wanted,
  customer: string | null,
): Stripe.Checkout.SessionCreateParams {
  return {
    mode: "payment",
    line_items: [
      { quantity: 1, price_data: { currency, unit_amount: amount, product_data: { name: name.slice(0, 100) } } },
    ],
    client_reference_id: accountId,
    metadata,
    payment_intent_data: { metadata, ...(saveMethod ? { setup_future_usage: "off_session" } : {}) },
    ...(customer === null ? { customer_creation: saveMethod ? "always" : "if_required" } : { customer }),
    // What is asked for is what has to arrive, in the currency of the pack.
    adaptive_pricing: { enabled: false },
    success_url: `${origin}${RETURN_PATH}?checkout=success`,
    cancel_url: `${origin}${RETURN_PATH}?checkout=cancelled`,
  };
}

/** Stripe refuses a key that comes with other terms; a pack that has changed since is another purchase. */
function checkoutKey({ accountId, idempotencyKey }: Wanted, params: Stripe.Checkout.SessionCreateParams): string {
  const terms = idempotencyKey === null ? nanoid() : `${idempotencyKey}|${JSON.stringify(params)}`;
  return `checkout-${sha256Hex(`${accountId}|${terms}`).slice(0, 40)}`;
}

/** Tells a failure of Stripe's without its words, which may name what is none of the caller's business. */
async function calling<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    console.error(JSON.stringify({ event: "stripe_failed", message: toldOf(error) }));
    throw new HttpFault(503, "payments_unavailable", "The payment provider could not be asked. Please try again.", {
      "retry-after": "5",
    });
  }
}

/** Stripe's own words, for the operator's log, without any key that they quote. */
function toldOf(error: unknown): string {
  return String(error)
    .replace(/\b([a-z]{2})_(live|test)_\w+/g, "$1_$2_…")
    .slice(0, 500);
}
