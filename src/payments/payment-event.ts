import type Stripe from "stripe";
import { isOrder } from "./order.ts";

interface OfPayment {
  /** Stripe's id of the payment: the same in every event about it. */
  readonly providerId: string;
}

interface Ordered extends OfPayment {
  readonly metadata: Readonly<Record<string, string>>;
}

/** The money has arrived. */
export interface Paid extends Ordered {
  readonly kind: "paid";
  readonly amount: number;
  readonly currency: string;
  /** A payment method that may be used again without its owner. */
  readonly method: SavedMethod | null;
}

export interface SavedMethod {
  readonly customerId: string;
  readonly methodId: string;
}

/** The money is on its way, or will not come. */
export interface Unpaid extends Ordered {
  readonly kind: "pending" | "failed";
  readonly reason: string;
}

/** `refunded` was paid back so far, all refunds together. */
export interface Refunded extends Ordered {
  readonly kind: "refunded";
  readonly refunded: number;
}

export interface Disputed extends OfPayment {
  readonly kind: "disputed";
  readonly disputeId: string;
  readonly amount: number;
  readonly state: "inquiry" | "open" | "won" | "lost";
}

/** A refund did not reach its receiver after all. */
export interface RefundFailed extends OfPayment {
  readonly kind: "refund_failed";
}

/** What a webhook of Stripe says, without what is not needed: no names, no addresses. */
export type PaymentEvent = Paid | Unpaid | Refunded | Disputed | RefundFailed;

/** Reads an event; `null` for one that is of no concern here. */
export function readPaymentEvent(event: Stripe.Event): PaymentEvent | null {
  switch (event.type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
      return readSession(event.data.object, event.data.object.payment_status === "unpaid" ? "pending" : "paid");
    case "checkout.session.async_payment_failed":
      return readSession(event.data.object, "failed");
    case "payment_intent.succeeded":
      return readIntent(event.data.object);
    case "payment_intent.payment_failed":
      return readFailedIntent(event.data.object);
    case "charge.refunded":
      return readRefund(event.data.object);
    case "charge.dispute.created":
    case "charge.dispute.updated":
    case "charge.dispute.closed":
      return readDispute(event.data.object);
    case "refund.failed": {
      const providerId = idOf(event.data.object.payment_intent);
      return providerId === null ? null : { kind: "refund_failed", providerId };
    }
    default:
      return null;
  }
}

function readSession(session: Stripe.Checkout.Session, kind: "paid" | "pending" | "failed"): PaymentEvent | null {
  const { metadata, amount_total: amount, currency } = session;
  if (!isOrder(metadata)) return null;
  const providerId = idOf(session.payment_intent) ?? session.id;
  if (kind !== "paid") return { kind, providerId, metadata, reason: session.payment_status };
  return { kind, providerId, metadata, amount: amount ?? 0, currency: currency ?? "", method: null };
}

/** Reads a payment that has succeeded, as an event or as the answer to a call. */
export function readIntent(intent: Stripe.PaymentIntent): Paid | null {
  const { id: providerId, metadata, amount_received: amount, currency } = intent;
  if (!isOrder(metadata)) return null;
  return { kind: "paid", providerId, metadata, amount, currency, method: savedMethod(intent) };
}

function readFailedIntent(intent: Stripe.PaymentIntent): Unpaid | null {
  const { id: providerId, metadata, last_payment_error: error } = intent;
  if (!isOrder(metadata)) return null;
  const reason = error?.decline_code ?? error?.code ?? "payment_failed";
  return { kind: "failed", providerId, metadata, reason };
}

function savedMethod({ setup_future_usage, customer, payment_method }: Stripe.PaymentIntent): SavedMethod | null {
  if (setup_future_usage !== "off_session") return null;
  const [customerId, methodId] = [idOf(customer), idOf(payment_method)];
  return customerId === null || methodId === null ? null : { customerId, methodId };
}

function readRefund({ payment_intent, metadata, amount_refunded: refunded }: Stripe.Charge): Refunded | null {
  const providerId = idOf(payment_intent);
  if (providerId === null || !isOrder(metadata)) return null;
  return { kind: "refunded", providerId, metadata, refunded };
}

function readDispute({ id: disputeId, payment_intent, amount, status }: Stripe.Dispute): Disputed | null {
  const providerId = idOf(payment_intent);
  return providerId === null ? null : { kind: "disputed", providerId, disputeId, amount, state: disputeState(status) };
}

/** An inquiry takes no money yet; one that was answered ends like a dispute that was won. */
function disputeState(status: Stripe.Dispute.Status): Disputed["state"] {
  switch (status) {
    case "won":
    case "warning_closed":
    case "prevented":
      return "won";
    case "lost":
      return "lost";
    case "warning_needs_response":
    case "warning_under_review":
      return "inquiry";
    default:
      return "open";
  }
}

function idOf(reference: string | { readonly id: string } | null): string | null {
  return typeof reference === "object" ? (reference?.id ?? null) : reference;
}
