import { type MicroCredits, sum } from "./amount.ts";
import type { SourceAmount } from "./draw.ts";
import type { BalanceUpdate, ChainedEntry } from "./event.ts";
import type { Receipt, ReceiptCharge } from "./receipt.ts";
import type { ReservationState } from "./reservation.ts";

/**
 * The receipt of a request from its ledger entries: its last attempt, and what came late or was corrected. `unread` are
 * those that its object has and the ledger, as it was read, may lack.
 */
export function receiptFromLedger(read: readonly ChainedEntry[], unread: readonly ChainedEntry[] = []): Receipt | null {
  const entries = together(read, unread);
  const decided = lastAttempt(entries);
  const ofAttempt = entries.filter((entry) => entry.usage?.attempt === decided);
  const last = ofAttempt.at(-1);
  if (!last?.usage) return null;
  const corrections = ofAttempt.filter(isCorrection);
  // A correction changes the price only: what was used, and how it ended, stands in the events that it corrects.
  const ends = ofAttempt.filter((entry) => !isCorrection(entry));
  const usage = ends.at(-1)?.usage ?? last.usage;
  const { decision } = usage;
  return {
    requestId: usage.requestId,
    attempt: last.usage.attempt,
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

/**
 * The attempt that was decided last; 0 stands for refusals. These are written up to a minute after they were told, behind
 * what came next, so that their place says nothing: one that was charged is the last, and otherwise the clock decides.
 */
function lastAttempt(entries: readonly ChainedEntry[]): number {
  const attempt = Math.max(0, ...entries.map(({ usage }) => usage?.attempt ?? 0));
  const isCharged = entries.some(({ usage, monetization }) => usage?.attempt === attempt && monetization !== null);
  return isCharged || decidedAt(entries, attempt) >= decidedAt(entries, 0) ? attempt : 0;
}

function decidedAt(entries: readonly ChainedEntry[], attempt: number): number {
  const events = entries.flatMap(({ usage }) => (usage?.attempt === attempt ? [usage] : []));
  return Math.max(0, ...events.map(({ decision }) => decision.reservedAt));
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
