import type { PaymentDeps } from "./deps.ts";
import { DONE, type Followed, fulfil, noteUnpaid } from "./fulfil.ts";
import { type ParkedPayment, park, parkedOf, resolveParked } from "./parked.ts";
import type { PaymentEvent } from "./payment-event.ts";
import { followDispute, followFailedRefund, followRefund } from "./reversal.ts";
import { paymentIdOf } from "./store.ts";

/**
 * Does what an event of the provider calls for. Every step may be repeated; whatever fails is thrown, and the event is
 * told again. What cannot be followed is parked: the money is there, and only a person can say what is right.
 *
 * @param eventId the provider's, the same for every repetition
 */
export async function follow(deps: PaymentDeps, eventId: string, event: PaymentEvent): Promise<Followed> {
  const followed = await act(deps, event);
  if (followed.kind !== "parked") return followed;
  const { reason, accountId } = followed;
  const paymentId = paymentIdOf(event.providerId);
  await park(deps.services.env.DB, { id: eventId, paymentId, accountId, reason, event, receivedAt: deps.now() });
  console.error(JSON.stringify({ event: "payment_parked", id: eventId, payment: paymentId, reason }));
  await deps.hooks.tell(deps.services, {
    rule: "payment_parked",
    accountId: null,
    instance: eventId,
    message: `A payment was put aside and waits for you: ${reason.replaceAll("_", " ")}.`,
    data: { event: eventId, payment: paymentId, account: accountId, reason },
  });
  return followed;
}

function act(deps: PaymentDeps, event: PaymentEvent): Promise<Followed> {
  switch (event.kind) {
    case "paid":
      return fulfil(deps, event);
    case "pending":
    case "failed":
      return noteUnpaid(deps, event);
    case "refunded":
      return followRefund(deps, event);
    case "refund_failed":
      return followFailedRefund(deps, event);
    case "disputed":
      return followDispute(deps, event);
  }
}

/**
 * Follows a parked event again, and after it what else was parked about the same payment, in the order in which it came.
 * Returns what became of the event itself.
 */
export async function redrive(deps: PaymentDeps, parked: ParkedPayment): Promise<Followed> {
  let own: Followed = DONE;
  const waiting = await parkedOf(deps.services.env.DB, parked.paymentId);
  // What waits only because this one does comes after it, whichever was told first.
  const inOrder = [parked, ...waiting.filter(({ id }) => id !== parked.id)];
  for (const { id, event } of inOrder) {
    const followed = await act(deps, event);
    if (id === parked.id) own = followed;
    if (followed.kind === "parked") return own;
    await resolveParked(deps.services.env.DB, id, "redriven", deps.now());
  }
  return own;
}
