import type { AccountState, Change } from "./account.ts";
import { invariant, type MicroCredits } from "./amount.ts";
import type { Draw } from "./draw.ts";
import {
  type MonetizationEvent,
  monetizationId,
  type Sha256,
  type UsageEvent,
  type UsageOutcome,
  usageId,
} from "./event.ts";
import { type UpdateDraft, writeEntry } from "./journal.ts";
import { type Learned, learn } from "./learning.ts";
import { postDraws } from "./posting.ts";
import { price } from "./rate-card.ts";
import type { Reservation, ReservationState, Settlement } from "./reservation.ts";
import { sourcesOf, takeFrom } from "./sources.ts";
import { coverBy, unitsOf } from "./unit.ts";
import { incoherence, NO_USAGE, type Usage } from "./usage.ts";

/** What is known of a request when it ends. */
export interface UsageReport {
  readonly usage: Usage;
  readonly outcome: UsageOutcome;
  /** Whether the gateway counted it itself, because upstream reported nothing that can be trusted. */
  readonly estimated: boolean;
}

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
  const { usage, charge, capped } = chargeFor(reservation, report);
  const covered = capped ? asReserved(reservation) : cover(state, reservation, usage, charge, now);
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
  const ended: Reservation = { ...reservation, state: ending, endedAt: now, settlement };
  return {
    reservation: ended,
    settlement,
    change: { row: written.row, grants: posted.grants, reservations: [ended], entries: [written.entry] },
  };
}

/** Whether a settlement that comes after the expiry still counts: once, and for a limited time. */
export function acceptsLate(reservation: Reservation, now: number): boolean {
  const { state, late, endedAt } = reservation;
  return state === "expired" && late === null && endedAt !== null && now - endedAt <= LATE_MS;
}

/** Charges what an expired request turns out to have used beyond what the expiry charged. */
export function settleLate(
  state: AccountState,
  reservation: Reservation,
  report: UsageReport,
  now: number,
  sha256: Sha256,
): Ended {
  invariant(acceptsLate(reservation, now) && reservation.settlement !== null, "a late settlement follows an expiry");
  const { usage, charge } = chargeFor(reservation, report);
  const difference = Math.max(0, charge - reservation.settlement.charge);
  const covered = coverLate(state, reservation, reservation.settlement, usage, difference, now);
  const posted = postDraws(state, covered.posted, [], { usage: NO_USAGE, charge: 0 }, now);
  const lateReport: UsageReport = { ...report, outcome: "late" };
  const usageEvent = usageEventOf(reservation, `${reservation.settlement.usageId}~late`, usage, lateReport);
  const monetization = monetizationOf(reservation, usageEvent.id, difference);
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

interface Charged {
  readonly usage: Usage;
  readonly charge: MicroCredits;
  /** Whether the charge was lowered to what was reserved. */
  readonly capped: boolean;
}

/** Usage as it can be charged, and its charge. What was counted by the gateway never costs more than was reserved. */
function chargeFor(reservation: Reservation, report: UsageReport): Charged {
  invariant(incoherence(report.usage) === null, "usage is checked before it is settled");
  const usage = asQuoted(report.usage, reservation);
  const charge = price(reservation.quote.rate, usage);
  invariant(typeof charge === "number", "usage of a reserved request has a price");
  const capped = report.estimated && charge > reservation.reserved;
  return { usage, charge: capped ? reservation.reserved : charge, capped };
}

/**
 * Usage with every dimension that has no price replaced by what was quoted: upstream may answer with another tier, size
 * or tool than was asked for, and nothing may be charged that was not quoted. What has a price stays as it is.
 */
function asQuoted(usage: Usage, { quote, bound }: Reservation): Usage {
  const { rate } = quote;
  const priced = (part: Partial<Usage>): boolean => typeof price(rate, { ...NO_USAGE, ...part }) === "number";
  const calls = Object.entries(usage.calls).filter(([tool]) => Object.hasOwn(rate.perCall, tool));
  return {
    ...(rate.tokens ? usage : { ...NO_USAGE, seconds: usage.seconds }),
    size: priced({ seconds: 1, size: usage.size }) ? usage.size : bound.size,
    serviceTier: priced({ serviceTier: usage.serviceTier }) ? usage.serviceTier : bound.serviceTier,
    seconds: priced({ seconds: 1, size: bound.size }) || priced({ seconds: 1, size: usage.size }) ? usage.seconds : 0,
    calls: Object.fromEntries(calls),
  };
}

interface Covered {
  readonly posted: readonly Draw[];
  readonly returned: MicroCredits;
  readonly overshoot: MicroCredits;
}

/**
 * Who pays `charge`: the reserved draws in the order in which they were reserved (what is too much returns from the
 * tail), then whatever the sources can give now. What nobody covers is overshoot.
 */
function cover(
  state: AccountState,
  reservation: Reservation,
  usage: Usage,
  charge: MicroCredits,
  now: number,
): Covered {
  const posted: Draw[] = [];
  let left = charge;
  for (const draw of reservation.draws) {
    const paid = postedPart(draw, usage, charge, left);
    if (paid.amount > 0) posted.push(paid);
    left -= paid.amount;
  }
  // The reserved draws still count as held here, so what the sources show is beyond them.
  const sources = left > 0 ? sourcesOf(state, reservation, now) : [];
  const more = takeFrom(sources, usage, charge, left);
  const paid = charge - more.missing;
  return {
    posted: mergeDraws([...posted, ...more.draws]),
    returned: Math.max(0, reservation.reserved - paid),
    overshoot: more.missing,
  };
}

/** Every draw pays all that it holds. */
function asReserved({ draws }: Reservation): Covered {
  return { posted: draws, returned: 0, overshoot: 0 };
}

/**
 * Who pays what an expired request used beyond what its expiry charged: sources that count units count only those
 * beyond, and an allowance that has let the request in as one of its requests pays for all of it.
 */
function coverLate(
  state: AccountState,
  reservation: Reservation,
  before: Settlement,
  usage: Usage,
  difference: MicroCredits,
  now: number,
): Covered {
  const byRequest = before.posted.find((draw) => draw.kind === "allowance" && draw.unit === "requests");
  if (byRequest?.kind === "allowance" && difference > 0) {
    return { posted: [{ ...byRequest, amount: difference, units: 0 }], returned: 0, overshoot: 0 };
  }
  return cover(state, { ...reservation, draws: [], reserved: 0 }, beyond(usage, before.usage), difference, now);
}

function beyond(usage: Usage, before: Usage): Usage {
  return {
    ...usage,
    inputTokens: Math.max(0, usage.inputTokens - before.inputTokens),
    outputTokens: Math.max(0, usage.outputTokens - before.outputTokens),
    seconds: Math.max(0, usage.seconds - before.seconds),
  };
}

/** What a reserved draw pays of what is `left` of the final charge. */
function postedPart(draw: Draw, usage: Usage, charge: MicroCredits, left: MicroCredits): Draw {
  if (draw.kind === "grant") return { ...draw, amount: Math.min(left, draw.amount) };
  return { ...draw, ...coverBy(draw.unit, draw.units, unitsOf(draw.unit, usage, charge), charge, left) };
}

/** Remembers how much a request produced, where upstream reported its end. */
function learnFrom({ row }: AccountState, { model }: Reservation, { outcome, estimated, usage }: UsageReport): Learned {
  const tells = (outcome === "completed" || outcome === "incomplete") && !estimated && usage.outputTokens > 0;
  return tells && row.plan.estimate === "learned" ? learn(row.learned, model, usage.outputTokens) : row.learned;
}

/** One draw per source and place of booking: a settlement may take from a source again that the reservation drew on. */
function mergeDraws(draws: readonly Draw[]): Draw[] {
  const merged: Draw[] = [];
  for (const draw of draws) {
    const same = merged.findIndex((other) => samePlace(other, draw));
    const other = merged[same];
    if (other) merged[same] = addDraws(other, draw);
    else merged.push(draw);
  }
  return merged;
}

function addDraws(a: Draw, b: Draw): Draw {
  const amount = a.amount + b.amount;
  return a.kind === "allowance" && b.kind === "allowance"
    ? { ...a, amount, units: a.units + b.units }
    : { ...a, amount };
}

function samePlace(a: Draw, b: Draw): boolean {
  if (a.source !== b.source) return false;
  if (a.kind !== "allowance" || b.kind !== "allowance") return a.kind === b.kind;
  return (
    a.bookings.length === b.bookings.length &&
    a.bookings.every(({ meter, mark }, index) => {
      const other = b.bookings[index];
      return other?.meter === meter && other.mark === mark;
    })
  );
}

function chargeUpdates(covered: Covered, cause: string): UpdateDraft[] {
  const updates: UpdateDraft[] = covered.posted.map((draw) =>
    draw.kind === "allowance"
      ? { kind: "allowance", source: draw.source, amount: draw.amount, delta: 0, cause }
      : { kind: "debit", source: draw.source, amount: draw.amount, delta: -draw.amount, cause },
  );
  if (covered.overshoot > 0) {
    // The refund comes first, so that the running balance is at no moment below zero.
    const amount = covered.overshoot;
    updates.push({ kind: "overshoot_refund", source: null, amount, delta: amount, cause });
    updates.push({ kind: "overshoot", source: null, amount, delta: -amount, cause });
  }
  if (updates.length === 0) updates.push({ kind: "none", source: null, amount: 0, delta: 0, cause });
  return updates;
}

function usageEventOf(reservation: Reservation, id: string, usage: Usage, report: UsageReport): UsageEvent {
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
    },
  };
}

function monetizationOf(reservation: Reservation, usage: string, amount: MicroCredits): MonetizationEvent {
  const { cardId, cardVersion, model } = reservation.quote;
  return { id: monetizationId(usage), usageId: usage, cardId, cardVersion, model, amount };
}
