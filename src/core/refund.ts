import type { AccountState, Change } from "./account.ts";
import { invariant, type MicroCredits, quantity, sum } from "./amount.ts";
import { monetizationId, type Sha256 } from "./event.ts";
import { giveBack, type Payer } from "./give-back.ts";
import type { Grant } from "./grant.ts";
import { writeEntry } from "./journal.ts";
import type { Refund, Reservation } from "./reservation.ts";

/** The credits that a request's charge took from grants and that were not given back yet. Included use is no credits. */
export function refundable(reservation: Reservation): MicroCredits {
  return sum(payersOf(reservation).map(({ amount }) => amount)) - refundedOf(reservation);
}

/** Gives `amount` of a request's charge back to the grants that paid it. */
export function refund(
  state: AccountState,
  reservation: Reservation,
  wanted: Refund,
  grantOf: (id: string) => Grant | null,
  sha256: Sha256,
): { reservation: Reservation; change: Change } {
  const { id, amount, at, reason } = wanted;
  const { settlement } = reservation;
  invariant(settlement !== null, "a refund follows a settlement");
  invariant(quantity(amount, "a refund") > 0 && amount <= refundable(reservation), "a refund is within its charge");
  const before = refundedOf(reservation);
  const cause = monetizationId(settlement.usageId);
  const act = { id, amount, before, at, cause, reason, seq: state.row.seq + 1 };
  const { grants, updates } = giveBack(payersOf(reservation), act, grantOf, sha256);
  const { row, entry } = writeEntry(state.row, { usage: null, monetization: null, updates }, at, sha256);
  const refunded: Reservation = { ...reservation, refunds: [...reservation.refunds, wanted] };
  return {
    reservation: refunded,
    change: { row, grants, reservations: [refunded], entries: [entry] },
  };
}

function refundedOf({ refunds }: Reservation): MicroCredits {
  return sum(refunds.map(({ amount }) => amount));
}

function payersOf({ settlement, late }: Reservation): Payer[] {
  return [settlement, late].flatMap((ended) => ended?.posted ?? []).filter(({ kind }) => kind === "grant");
}
