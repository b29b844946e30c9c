import type { AccountState, Change } from "./account.ts";
import { invariant, type MicroCredits, quantity, sum } from "./amount.ts";
import { type ChargePart, totalsOf } from "./charge-part.ts";
import { monetizationId, type Sha256 } from "./event.ts";
import { giveBack } from "./give-back.ts";
import type { Grant } from "./grant.ts";
import { writeEntry } from "./journal.ts";
import type { Refund, Reservation, Settlement } from "./reservation.ts";

/** The credits that a request's charge took from grants and that were not given back yet. Included use is no credits. */
export function refundable(reservation: Reservation): MicroCredits {
  const { payers } = totalsOf(partsOf(reservation));
  return sum(payers.map(({ amount }) => amount)) - refundedOf(reservation);
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
  const { grants, updates } = giveBack(totalsOf(partsOf(reservation)).payers, act, grantOf, sha256);
  const { row, entry } = writeEntry(state.row, { usage: null, monetization: null, updates }, at, sha256);
  const refunded: Reservation = { ...reservation, refunds: [...reservation.refunds, { ...wanted, seq: entry.seq }] };
  return {
    reservation: refunded,
    change: { row, grants, reservations: [refunded], entries: [entry] },
  };
}

function refundedOf({ refunds }: Reservation): MicroCredits {
  return sum(refunds.map(({ amount }) => amount));
}

/** The parts of a request's charge, as far as its object knows them. */
export function partsOf({ settlement, late, refunds, corrections = [] }: Reservation): ChargePart[] {
  const ended = [settlement, late].flatMap((end) => (end ? [partOfEnd(end)] : []));
  const refunded = refunds.flatMap(({ seq, amount }) =>
    seq === undefined ? [] : [{ seq, price: 0, included: 0, payers: [], givenBack: amount }],
  );
  return [...ended, ...refunded, ...corrections];
}

function partOfEnd({ seq, charge, posted }: Settlement): ChargePart {
  const included = posted.filter(({ kind }) => kind === "allowance").map(({ amount }) => amount);
  const payers = posted.filter(({ kind }) => kind === "grant").map(({ source, amount }) => ({ source, amount }));
  return { seq, price: charge, included: sum(included), payers, givenBack: 0 };
}
