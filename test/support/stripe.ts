import Stripe from "stripe";
import { vi } from "vitest";
import { sealOrder } from "../../src/payments/order.ts";
import { call } from "./gateway.ts";

/** The secrets of vitest.config.ts: while one replaces the other, both are good. */
export const NEW_SECRET = "whsec_test_new_secret";
export const OLD_SECRET = "whsec_test_old_secret";
const KEY_SECRET = "test-key-secret-of-at-least-32-bytes";

const stripe = new Stripe("sk_test_signs_only");

/** What a test buys unless it says otherwise. */
export const PACK = { name: "25 credits", credits: "25", amount: 1_000, currency: "eur" };

/** The metadata that the gateway itself writes to a payment. */
export function orderFor(accountId: string, part: Partial<Parameters<typeof sealOrder>[0]> = {}) {
  const terms = { accountId, packId: "small", credits: 25_000_000, amount: 1_000, currency: "eur", topUpId: null };
  return sealOrder({ ...terms, ...part }, KEY_SECRET);
}

let ids = 0;

export function stripeId(prefix: string): string {
  ids += 1;
  return `${prefix}_test_${ids}`;
}

/** A finished Checkout Session in the shape in which Stripe sends it. */
export function sessionOf(metadata: Record<string, string>, part: object = {}) {
  const intent = stripeId("pi");
  return {
    id: stripeId("cs"),
    object: "checkout.session",
    amount_subtotal: 1_000,
    amount_total: 1_000,
    client_reference_id: metadata.spillway_account,
    currency: "eur",
    customer: null,
    customer_details: { email: "buyer@example.com", name: "B. Uyer", address: { country: "DE" } },
    livemode: false,
    metadata,
    mode: "payment",
    payment_intent: intent,
    payment_status: "paid",
    status: "complete",
    url: null,
    ...part,
  };
}

export function intentOf(id: string, metadata: Record<string, string>, part: object = {}) {
  return {
    id,
    object: "payment_intent",
    amount: 1_000,
    amount_received: 1_000,
    currency: "eur",
    customer: null,
    livemode: false,
    metadata,
    payment_method: null,
    setup_future_usage: null,
    status: "succeeded",
    last_payment_error: null,
    ...part,
  };
}

export function chargeOf(intent: string, metadata: Record<string, string>, refunded: number) {
  return {
    id: stripeId("ch"),
    object: "charge",
    amount: 1_000,
    amount_refunded: refunded,
    currency: "eur",
    metadata,
    payment_intent: intent,
    refunded: refunded === 1_000,
  };
}

export function disputeOf(intent: string, id: string, status: string, amount = 1_000) {
  return { id, object: "dispute", amount, charge: stripeId("ch"), currency: "eur", payment_intent: intent, status };
}

export interface Telling {
  readonly id?: string;
  readonly secret?: string;
  /** When it was signed (epoch ms). */
  readonly at?: number;
  /** Sent instead of what was signed. */
  readonly sent?: string;
  readonly header?: string;
  readonly livemode?: boolean;
  readonly gateway?: typeof call;
}

/** A webhook as Stripe sends it, signed by Stripe's own SDK. */
export async function tell(type: string, object: object, telling: Telling = {}): Promise<Response> {
  const { id = stripeId("evt"), secret = NEW_SECRET, at = Date.now(), livemode = false, gateway = call } = telling;
  const event = { id, object: "event", api_version: "2026-10-28.endive", created: Math.floor(at / 1_000), livemode };
  const payload = JSON.stringify({ ...event, pending_webhooks: 1, request: null, type, data: { object } }, null, 2);
  const signed = { payload, secret, timestamp: Math.floor(at / 1_000) };
  const header = telling.header ?? (await stripe.webhooks.generateTestHeaderStringAsync(signed));
  return gateway("/webhooks/stripe", {
    method: "POST",
    headers: { "content-type": "application/json; charset=utf-8", "stripe-signature": header },
    body: telling.sent ?? payload,
  });
}

export interface StripeCall {
  readonly method: string;
  readonly path: string;
  readonly form: URLSearchParams;
  readonly idempotencyKey: string | null;
  readonly authorization: string | null;
}

export interface StripeAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Stands in for Stripe's API: hands every call to `answer` and everything else on. Returns the calls. */
export function fakeStripe(answer: (call: StripeCall) => StripeAnswer): StripeCall[] {
  const calls: StripeCall[] = [];
  const real = globalThis.fetch.bind(globalThis);
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const { hostname, pathname } = new URL(request.url);
    if (hostname !== "stripe.test") return real(request);
    const made = {
      method: request.method,
      path: pathname,
      form: new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer())),
      idempotencyKey: request.headers.get("idempotency-key"),
      authorization: request.headers.get("authorization"),
    };
    calls.push(made);
    const { status, body } = answer(made);
    return Response.json(body, { status, headers: { "request-id": stripeId("req") } });
  });
  return calls;
}

export function stripeError(status: number, error: object): StripeAnswer {
  return { status, body: { error } };
}
