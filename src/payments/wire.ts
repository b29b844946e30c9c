import { formatCredits } from "../core/amount.ts";
import { instant } from "../wire/time.ts";
import type { TopUp } from "./auto-top-up/store.ts";
import type { disputesOf } from "./disputes.ts";
import type { StoredPack } from "./packs.ts";
import type { ParkedPayment } from "./parked.ts";
import type { Payment } from "./store.ts";

type DisputeStates = Awaited<ReturnType<typeof disputesOf>>;

/** A payment as its buyer sees it. Money is in the smallest unit of its currency. */
export function paymentWire(payment: Payment, disputes: DisputeStates) {
  const { amount, refunded, lost } = payment;
  return {
    id: payment.id,
    kind: payment.kind,
    state: payment.state === "paid" && refunded + lost >= amount ? "paid_back" : payment.state,
    pack: payment.packId,
    credits: formatCredits(payment.credits),
    amount,
    currency: payment.currency,
    refunded,
    lost,
    dispute: disputes.get(payment.id) ?? null,
    reclaimed: formatCredits(payment.reclaimed),
    grant: payment.state === "paid" ? payment.grantId : null,
    created_at: instant(payment.createdAt),
    paid_at: instant(payment.paidAt),
  };
}

/** The same as an operator sees it. */
export function paymentAdminWire(payment: Payment, disputes: DisputeStates) {
  const { accountId: account, providerId: provider_id, shortfall } = payment;
  return { ...paymentWire(payment, disputes), account, provider_id, shortfall: formatCredits(shortfall) };
}

/** A pack as it is offered. */
export function packWire({ pack }: StoredPack) {
  const { id, name, amount, currency } = pack;
  return { id, name, credits: formatCredits(pack.credits), amount, currency };
}

export function packAdminWire(stored: StoredPack) {
  const { pack, createdAt, updatedAt } = stored;
  const instants = { created_at: instant(createdAt), updated_at: instant(updatedAt) };
  return { ...packWire(stored), active: pack.active, ...instants };
}

export function parkedWire(parked: ParkedPayment) {
  return {
    id: parked.id,
    payment: parked.paymentId,
    account: parked.accountId,
    reason: parked.reason,
    event: parked.event,
    received_at: instant(parked.receivedAt),
    resolved_at: instant(parked.resolvedAt),
    resolution: parked.resolution,
  };
}

export function topUpWire(topUp: TopUp) {
  return {
    id: topUp.id,
    pack: topUp.packId,
    credits: formatCredits(topUp.credits),
    amount: topUp.amount,
    currency: topUp.currency,
    state: topUp.state,
    reason: topUp.reason,
    created_at: instant(topUp.createdAt),
    ended_at: instant(topUp.endedAt),
  };
}
