import { type MicroCredits, sum } from "./amount.ts";
import type { DenialFold } from "./denials.ts";
import type { Considered, SourceAmount } from "./draw.ts";
import { type FoldedDenial, monetizationId, type UsageOutcome } from "./event.ts";
import type { Reservation, ReservationState, Settlement } from "./reservation.ts";
import type { Usage } from "./usage.ts";

/** What a request came to, whoever remembers it: the account's object while it does, the ledger after that. */
export interface Receipt {
  readonly requestId: string;
  readonly attempt: number;
  readonly at: number;
  readonly feature: string;
  readonly model: string;
  readonly keyId: string;
  readonly plan: { readonly id: string; readonly version: number };
  readonly rateCard: { readonly id: string; readonly version: number } | null;
  readonly considered: readonly Considered[];
  readonly state: ReservationState;
  readonly reserved: MicroCredits;
  readonly draws: readonly SourceAmount[];
  /** Set when the request was refused: then nothing was reserved, used or charged. */
  readonly denial: FoldedDenial | null;
  readonly refunded: MicroCredits;
  readonly expiresAt: number | null;
  readonly outcome: UsageOutcome | null;
  readonly estimated: boolean;
  readonly usage: Usage | null;
  readonly charge: ReceiptCharge | null;
  readonly rows: ReceiptRows | null;
}

export interface ReceiptCharge {
  readonly amount: MicroCredits;
  readonly posted: readonly SourceAmount[];
  readonly returned: MicroCredits;
  readonly overshoot: MicroCredits;
}

/** The request's rows in the ledger. */
export interface ReceiptRows {
  readonly seq: number;
  readonly usageEvent: string;
  readonly monetizationEvent: string | null;
  readonly balanceUpdates: readonly string[];
  /** Whether the ledger has confirmed them. */
  readonly confirmed: boolean;
}

/** The receipt of a request that the account's object still knows. */
export function receiptOf(reservation: Reservation, confirmed: boolean): Receipt {
  const { settlement, late, quote } = reservation;
  const last = late ?? settlement;
  return {
    requestId: reservation.requestId,
    attempt: reservation.attempt,
    at: reservation.reservedAt,
    feature: reservation.feature,
    model: reservation.model,
    keyId: reservation.keyId,
    plan: reservation.plan,
    rateCard: { id: quote.cardId, version: quote.cardVersion },
    considered: reservation.considered,
    state: reservation.state,
    reserved: reservation.reserved,
    draws: reservation.draws.map(plain),
    denial: null,
    refunded: sum(reservation.refunds.map(({ amount }) => amount)),
    expiresAt: reservation.state === "pending" ? reservation.expiresAt : null,
    outcome: last?.outcome ?? null,
    estimated: last?.estimated ?? false,
    usage: last?.usage ?? null,
    charge: settlement && chargeOf(settlement, late),
    rows: last && rowsOf(last, reservation.state, confirmed),
  };
}

function chargeOf(settlement: Settlement, late: Settlement | null): ReceiptCharge {
  const all = late ? [settlement, late] : [settlement];
  return {
    amount: sum(all.map(({ charge }) => charge)),
    posted: all.flatMap(({ posted }) => posted.map(plain)),
    returned: settlement.returned,
    overshoot: sum(all.map(({ overshoot }) => overshoot)),
  };
}

function rowsOf(last: Settlement, state: ReservationState, confirmed: boolean): ReceiptRows {
  return {
    seq: last.seq,
    usageEvent: last.usageId,
    monetizationEvent: state === "released" ? null : monetizationId(last.usageId),
    balanceUpdates: last.balanceUpdates,
    confirmed,
  };
}

/** The receipt of a refused request whose refusal is not in the ledger yet. */
export function receiptOfDenial({ latest, count }: DenialFold, plan: Receipt["plan"]): Receipt {
  const { requestId, demand, denial, at } = latest;
  const { reason, limit, resetsAt, needed, available, considered } = denial;
  return {
    requestId,
    attempt: 0,
    at,
    feature: demand.feature,
    model: demand.model,
    keyId: demand.keyId,
    plan,
    rateCard: { id: demand.quote.cardId, version: demand.quote.cardVersion },
    considered,
    state: "released",
    reserved: 0,
    draws: [],
    denial: { reason, limit, resetsAt, needed, available, count },
    refunded: 0,
    expiresAt: null,
    outcome: "denied",
    estimated: false,
    usage: null,
    charge: null,
    rows: null,
  };
}

function plain({ kind, source, amount }: SourceAmount): SourceAmount {
  return { kind, source, amount };
}
