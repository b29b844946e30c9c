import { type AccountState, type Change, NO_CHANGE } from "./account.ts";
import { invariant, type MicroCredits, quantity, sum } from "./amount.ts";
import type { Draw } from "./draw.ts";
import { monetizationId, type Sha256 } from "./event.ts";
import type { Grant } from "./grant.ts";
import { type UpdateDraft, writeEntry } from "./journal.ts";
import type { Reservation, Settlement } from "./reservation.ts";

/** Credits of a charge given back by an operator. */
export interface Refund {
  readonly id: string;
  readonly amount: MicroCredits;
  readonly at: number;
  readonly reason: string;
}

/** The credits that a request's charge took from grants and that were not refunded yet. Included use is no credits. */
export function refundable(reservation: Reservation): MicroCredits {
  const paid = sum(paidByGrants(reservation).map(({ amount }) => amount));
  return paid - sum(reservation.refunds.map(({ amount }) => amount));
}

/**
 * Gives back `amount` of a request's charge to the grants that paid it, last payer first. It undoes use and grants
 * nothing new, so what was granted stays what it was; only for what a grant paid that has ended since, an adjustment
 * grant takes its place. `grantOf` finds a paying grant, also one that is used up.
 */
export function refund(
  state: AccountState,
  reservation: Reservation,
  wanted: Refund,
  grantOf: (id: string) => Grant | null,
  sha256: Sha256,
): { reservation: Reservation; change: Change } {
  const { amount, at, reason } = wanted;
  invariant(quantity(amount, "a refund") > 0 && amount <= refundable(reservation), "a refund is within its charge");
  // A grant may have paid at the settlement and again late.
  const changed = new Map<string, Grant>();
  const updates: UpdateDraft[] = [];
  const cause = monetizationId(lastSettlement(reservation).usageId);
  let left = amount;
  let lost = 0;
  for (const { id, room } of roomOf(reservation)) {
    const part = Math.min(left, room);
    if (part === 0) continue;
    const grant = changed.get(id) ?? grantOf(id);
    invariant(grant !== null && grant.used >= part, `grant ${id} did not pay what is refunded`);
    left -= part;
    if (hasEnded(grant, at)) lost += part;
    else {
      changed.set(id, { ...grant, used: grant.used - part });
      updates.push({ kind: "refund", source: id, amount: part, delta: part, cause, detail: { reason } });
    }
  }
  invariant(left === 0, "a refund finds the grants that paid");
  if (lost > 0) {
    const replacement = replacementOf(wanted, lost, state.row.seq + 1, sha256);
    const { kind, priority, effectiveAt, expiresAt, features } = replacement;
    const detail = { kind, priority, effectiveAt, expiresAt, features, reason };
    changed.set(replacement.id, replacement);
    updates.push({ kind: "grant", source: replacement.id, amount: lost, delta: lost, cause, detail });
  }
  const { row, entry } = writeEntry(state.row, { usage: null, monetization: null, updates }, at, sha256);
  const refunded: Reservation = { ...reservation, refunds: [...reservation.refunds, wanted] };
  return {
    reservation: refunded,
    change: { ...NO_CHANGE, row, grants: [...changed.values()], reservations: [refunded], entries: [entry] },
  };
}

function hasEnded({ voidedAt, expiresAt }: Grant, at: number): boolean {
  return voidedAt !== null || (expiresAt !== null && expiresAt <= at);
}

const REPLACEMENT_PRIORITY = 50;

function replacementOf({ id, at, reason }: Refund, amount: MicroCredits, createdSeq: number, sha256: Sha256): Grant {
  return {
    id: `grt_${sha256(`refund|${id}`).slice(0, 32)}`,
    kind: "adjustment",
    amount,
    priority: REPLACEMENT_PRIORITY,
    effectiveAt: at,
    expiresAt: null,
    features: null,
    reason,
    createdAt: at,
    createdSeq,
    used: 0,
    lapsed: 0,
    voidedAt: null,
  };
}

/** What each paying grant can still take back, last payer first, after the refunds that were made before. */
function roomOf(reservation: Reservation): { id: string; room: MicroCredits }[] {
  let before = sum(reservation.refunds.map(({ amount }) => amount));
  return paidByGrants(reservation)
    .reverse()
    .map(({ source, amount }) => {
      const back = Math.min(before, amount);
      before -= back;
      return { id: source, room: amount - back };
    });
}

function paidByGrants({ settlement, late }: Reservation): Draw[] {
  return [settlement, late].flatMap((ended) => ended?.posted ?? []).filter(({ kind }) => kind === "grant");
}

function lastSettlement({ settlement }: Reservation): Settlement {
  invariant(settlement !== null, "a refund follows a settlement");
  return settlement;
}
