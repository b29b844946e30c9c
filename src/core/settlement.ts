import type { AccountState, Change } from "./account.ts";
import { invariant, type MicroCredits } from "./amount.ts";
import { chargeFor, type UsageReport } from "./charge.ts";
import { totalsOf } from "./charge-part.ts";
import { chargeUpdates, cover, coverAsReserved, coverLate } from "./cover.ts";
import {
  type MonetizationEvent,
  monetizationId,
  type Sha256,
  type UsageEvent,
  type UsageOutcome,
  usageId,
} from "./event.ts";
import { writeEntry } from "./journal.ts";
import { type Learned, learn } from "./learning.ts";
import { postDraws } from "./posting.ts";
import { price } from "./rate-card.ts";
import { partsOf } from "./refund.ts";
import {
  type CorrectedPrice,
  mayComeLate,
  type Reservation,
  type ReservationState,
  type Settlement,
} from "./reservation.ts";
import { NO_USAGE, type Usage } from "./usage.ts";

/** After an expiry, a settlement may still charge the difference for this long. */
export const LATE_MS = 72 * 3_600_000;

export interface Ended {
  readonly reservation: Reservation;
  readonly settlement: Settlement;
  readonly change: Change;
}

/** Posts the final charge of a pending reservation and returns what was held too much. */
export function settle(
  state: AccountState,
  reservation: Reservation,
  report: UsageReport,
  now: number,
  sha256: Sha256,
): Ended {
  return end(state, reservation, "settled", report, now, sha256);
}

/** Ends a pending reservation without a charge: upstream refused it or never produced anything. */
export function release(
  state: AccountState,
  reservation: Reservation,
  outcome: UsageOutcome,
  now: number,
  sha256: Sha256,
): Ended {
  return end(state, reservation, "released", { usage: NO_USAGE, outcome, estimated: false }, now, sha256);
}

/** Ends a pending reservation whose time is over. It charges the last checkpoint, never what was reserved. */
export function expire(state: AccountState, reservation: Reservation, now: number, sha256: Sha256): Ended {
  const report: UsageReport = {
    usage: reservation.checkpoint ?? NO_USAGE,
    outcome: "expired",
    estimated: reservation.checkpoint !== null,
  };
  return end(state, reservation, "expired", report, now, sha256);
}

function end(
  state: AccountState,
  reservation: Reservation,
  ending: Exclude<ReservationState, "pending">,
  report: UsageReport,
  now: number,
  sha256: Sha256,
): Ended {
  const live = state.pending.get(reservation.requestId);
  invariant(live !== undefined && live.attempt === reservation.attempt, "only a pending reservation ends");
  const { usage, charge } = chargeFor(reservation, report);
  const covered = report.estimated
    ? coverAsReserved(reservation, charge)
    : cover(state, reservation, usage, charge, now);
  const posted = postDraws(state, covered.posted, reservation.gates, { usage, charge }, now);
  const usageEvent = usageEventOf(reservation, usageId(reservation.requestId, reservation.attempt), usage, report);
  const monetization = ending === "released" ? null : monetizationOf(reservation, usageEvent.id, charge);
  const written = writeEntry(
    { ...state.row, meters: posted.meters, learned: learnFrom(state, reservation, report) },
    { usage: usageEvent, monetization, updates: chargeUpdates(covered, monetization?.id ?? usageEvent.id) },
    now,
    sha256,
  );
  const settlement: Settlement = {
    usageId: usageEvent.id,
    seq: written.entry.seq,
    outcome: report.outcome,
    usage,
    estimated: report.estimated,
    charge,
    posted: covered.posted,
    returned: covered.returned,
    overshoot: covered.overshoot,
    balanceUpdates: written.entry.updates.map((update) => update.id),
  };
  // What only says where the holds were booked is not needed any more, and rows are written with every request.
  const ended: Reservation = { ...reservation, state: ending, gates: [], endedAt: now, settlement };
  return {
    reservation: ended,
    settlement,
    change: { row: written.row, grants: posted.grants, reservations: [ended], entries: [written.entry] },
  };
}

/** Whether a settlement that comes after the expiry still counts: once, and for a limited time. */
export function acceptsLate(reservation: Reservation, now: number): boolean {
  const { endedAt } = reservation;
  return mayComeLate(reservation) && endedAt !== null && now - endedAt <= LATE_MS;
}

/**
 * Charges what an expired request turns out to have used beyond what the expiry charged; after a correction of its price,
 * what all of it costs at the new price beyond what it has come to.
 */
export function settleLate(
  state: AccountState,
  reservation: Reservation,
  report: UsageReport,
  now: number,
  sha256: Sha256,
): Ended {
  invariant(acceptsLate(reservation, now) && reservation.settlement !== null, "a late settlement follows an expiry");
  const { usage, difference, correctedTo } = lateCharge(reservation, reservation.settlement, report);
  const covered = coverLate(state, reservation, reservation.settlement, usage, difference, now);
  const posted = postDraws(state, covered.posted, [], { usage: NO_USAGE, charge: 0 }, now);
  const lateReport: UsageReport = { ...report, outcome: "late" };
  const priced = correctedTo ? { ...reservation, quote: correctedTo.quote } : reservation;
  const of = reservation.settlement.usageId;
  const correction = correctedTo && { of, reason: correctedTo.reason };
  const usageEvent = usageEventOf(priced, `${of}~late`, usage, lateReport, correction);
  const monetization = monetizationOf(priced, usageEvent.id, difference);
  const written = writeEntry(
    { ...state.row, meters: posted.meters },
    { usage: usageEvent, monetization, updates: chargeUpdates(covered, monetization.id) },
    now,
    sha256,
  );
  const late: Settlement = {
    usageId: usageEvent.id,
    seq: written.entry.seq,
    outcome: "late",
    usage,
    estimated: report.estimated,
    charge: difference,
    posted: covered.posted,
    returned: 0,
    overshoot: covered.overshoot,
    balanceUpdates: written.entry.updates.map((update) => update.id),
  };
  const ended: Reservation = { ...reservation, late };
  return {
    reservation: ended,
    settlement: late,
    change: { row: written.row, grants: posted.grants, reservations: [ended], entries: [written.entry] },
  };
}

interface LateCharge {
  readonly usage: Usage;
  readonly difference: MicroCredits;
  /** The correction at whose price it is charged. */
  readonly correctedTo: CorrectedPrice | null;
}

/** What the price that a correction gave the request does not know is charged as it was quoted. */
function lateCharge(reservation: Reservation, before: Settlement, report: UsageReport): LateCharge {
  const { usage, charge } = chargeFor(reservation, report);
  const { correctedTo, reserved } = reservation;
  const whole = correctedTo && price(correctedTo.quote.rate, usage);
  if (!correctedTo || typeof whole !== "number") {
    return { usage, difference: Math.max(0, charge - before.charge), correctedTo: null };
  }
  const right = report.estimated ? Math.min(whole, reserved) : whole;
  const { gross } = totalsOf(partsOf(reservation));
  return { usage, difference: Math.max(0, right - gross), correctedTo };
}

function usageEventOf(
  reservation: Reservation,
  id: string,
  usage: Usage,
  report: UsageReport,
  correction: UsageEvent["decision"]["correction"] | null = null,
): UsageEvent {
  return {
    id,
    requestId: reservation.requestId,
    attempt: reservation.attempt,
    keyId: reservation.keyId,
    feature: reservation.feature,
    model: reservation.model,
    outcome: report.outcome,
    estimated: report.estimated,
    usage,
    decision: {
      plan: reservation.plan,
      rateCard: { id: reservation.quote.cardId, version: reservation.quote.cardVersion },
      considered: reservation.considered,
      draws: reservation.draws.map(({ kind, source, amount }) => ({ kind, source, amount })),
      reservedAt: reservation.reservedAt,
      reserved: reservation.reserved,
      ...(correction ? { correction } : {}),
    },
  };
}

function monetizationOf(reservation: Reservation, usage: string, amount: MicroCredits): MonetizationEvent {
  const { cardId, cardVersion, model } = reservation.quote;
  return { id: monetizationId(usage), usageId: usage, cardId, cardVersion, model, amount };
}

/** Remembers how much a request produced, where upstream reported its end. */
function learnFrom({ row }: AccountState, { model }: Reservation, { outcome, estimated, usage }: UsageReport): Learned {
  const tells = (outcome === "completed" || outcome === "incomplete") && !estimated && usage.outputTokens > 0;
  return tells && row.plan.estimate === "learned" ? learn(row.learned, model, usage.outputTokens) : row.learned;
}
