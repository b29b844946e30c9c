import { type MicroCredits, sum } from "./amount.ts";
import type { DenialFold } from "./denials.ts";
import type { Considered, SourceAmount } from "./draw.ts";
import {
  type BalanceUpdate,
  type ChainedEntry,
  type FoldedDenial,
  monetizationId,
  type UsageOutcome,
} from "./event.ts";
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

/**
 * The receipt of a request from its ledger entries: its last attempt, and what came late or was corrected. `unread` are
 * those that its object has and the ledger, as it was read, may lack.
 */
export function receiptFromLedger(read: readonly ChainedEntry[], unread: readonly ChainedEntry[] = []): Receipt | null {
  const entries = together(read, unread);
  const last = entries.findLast((entry) => entry.usage !== null);
  if (!last?.usage) return null;
  const { attempt } = last.usage;
  const ofAttempt = entries.filter((entry) => entry.usage?.attempt === attempt);
  const corrections = ofAttempt.filter(isCorrection);
  // A correction changes the price only: what was used, and how it ended, stands in the events that it corrects.
  const ends = ofAttempt.filter((entry) => !isCorrection(entry));
  const usage = ends.at(-1)?.usage ?? last.usage;
  const { decision } = usage;
  return {
    requestId: usage.requestId,
    attempt,
    at: decision.reservedAt,
    feature: usage.feature,
    model: usage.model,
    keyId: usage.keyId,
    plan: decision.plan,
    rateCard: (ofAttempt.findLast(isCorrected)?.usage ?? usage).decision.rateCard,
    considered: decision.considered,
    state: stateOf(ofAttempt),
    reserved: decision.reserved,
    draws: decision.draws,
    denial: decision.denial ?? null,
    refunded: sum(entries.filter((entry) => entry.usage === null).flatMap(givenBack)),
    expiresAt: null,
    outcome: usage.outcome,
    estimated: usage.estimated,
    usage: decision.denial ? null : usage.usage,
    charge: decision.denial ? null : ledgerCharge(ends, corrections, decision.reserved),
    rows: {
      seq: last.seq,
      usageEvent: last.usage.id,
      monetizationEvent: last.monetization?.id ?? null,
      balanceUpdates: last.updates.map(({ id }) => id),
      confirmed: unread.length === 0,
    },
  };
}

/** All entries, oldest first, each once. */
function together(read: readonly ChainedEntry[], unread: readonly ChainedEntry[]): ChainedEntry[] {
  const newer = new Set(unread.map(({ seq }) => seq));
  const all = [...read.filter(({ seq }) => !newer.has(seq)), ...unread];
  return all.sort((a, b) => a.epoch - b.epoch || a.seq - b.seq);
}

/** At a corrected price: a correction, or what came late after one. */
function isCorrected({ usage }: ChainedEntry): boolean {
  return usage?.decision.correction !== undefined;
}

function isCorrection({ usage }: ChainedEntry): boolean {
  return usage?.outcome === "corrected";
}

function ledgerCharge(
  ends: readonly ChainedEntry[],
  corrections: readonly ChainedEntry[],
  reserved: MicroCredits,
): ReceiptCharge {
  const all = [...ends, ...corrections];
  const updates = all.flatMap((entry) => entry.updates);
  const back = corrections
    .flatMap((entry) => entry.updates)
    .filter(({ kind }) => kind === "refund" || kind === "grant");
  // What came late was never reserved, so it is no part of what came back.
  const [first] = ends;
  const paidFirst = sum((first?.updates ?? []).filter(isPaid).map(({ amount }) => amount));
  return {
    amount: sum(all.map((entry) => entry.monetization?.amount ?? 0)) - sum(back.map(({ amount }) => amount)),
    posted: without(updates.filter(isPaid).map(paidBy), back),
    returned: Math.max(0, reserved - paidFirst),
    overshoot: sum(updates.filter(({ kind }) => kind === "overshoot").map(({ amount }) => amount)),
  };
}

function paidBy({ kind, source, amount }: BalanceUpdate): SourceAmount {
  return { kind: kind === "allowance" ? "allowance" : "grant", source: source ?? "", amount };
}

/**
 * Who has paid after corrections gave something back: each grant so much less, its last payment first. A grant in place
 * of one that has ended (kind `grant`) stands for whichever paid last.
 */
function without(paid: readonly SourceAmount[], back: readonly BalanceUpdate[]): SourceAmount[] {
  const left = [...paid];
  for (const { kind, source, amount } of [...back].sort(
    (a, b) => Number(a.kind === "grant") - Number(b.kind === "grant"),
  )) {
    let due = amount;
    for (let index = left.length - 1; index >= 0 && due > 0; index -= 1) {
      const one = left[index];
      if (one?.kind !== "grant" || (kind === "refund" && one.source !== source)) continue;
      const part = Math.min(due, one.amount);
      left[index] = { ...one, amount: one.amount - part };
      due -= part;
    }
  }
  return left.filter(({ amount }) => amount > 0);
}

/** What a refund gave back: to the grant that had paid, or as a grant in its place. */
function givenBack({ updates }: ChainedEntry): MicroCredits[] {
  return updates.map(({ delta }) => delta);
}

function isPaid({ kind }: BalanceUpdate): boolean {
  return kind === "allowance" || kind === "debit";
}

function stateOf(entries: readonly ChainedEntry[]): ReservationState {
  if (entries.some((entry) => entry.usage?.outcome === "expired")) return "expired";
  return entries.some((entry) => entry.monetization) ? "settled" : "released";
}

function plain({ kind, source, amount }: SourceAmount): SourceAmount {
  return { kind, source, amount };
}
