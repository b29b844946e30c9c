import type { AccountState } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import type { Draw } from "./draw.ts";
import type { UpdateDraft } from "./journal.ts";
import type { Reservation, Settlement } from "./reservation.ts";
import { sourcesOf, takeFrom } from "./sources.ts";
import { coverBy, share, unitsOf } from "./unit.ts";
import type { Usage } from "./usage.ts";

/** Who pays a charge. What they pay and the overshoot are the charge. */
export interface Covered {
  readonly posted: readonly Draw[];
  readonly returned: MicroCredits;
  readonly overshoot: MicroCredits;
}

/**
 * Who pays `charge`: the reserved draws in the order in which they were reserved (what is too much returns from the
 * tail), then whatever the sources can give now. What nobody covers is overshoot.
 */
export function cover(
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
  const sources = left > 0 ? sourcesOf(state, reservation, now, { most: left }) : [];
  const more = takeFrom(sources, usage, charge, left);
  const paid = charge - more.missing;
  return {
    posted: mergeDraws([...posted, ...more.draws]),
    returned: Math.max(0, reservation.reserved - paid),
    overshoot: more.missing,
  };
}

/**
 * Who pays what the gateway counted itself: only what was reserved, in its order, by value. A count of its own is no
 * reason to draw on anything else.
 */
export function coverAsReserved({ draws, reserved }: Reservation, charge: MicroCredits): Covered {
  const posted: Draw[] = [];
  let left = charge;
  for (const draw of draws) {
    const amount = Math.min(left, draw.amount);
    left -= amount;
    if (amount > 0) posted.push(partOf(draw, amount));
  }
  return { posted, returned: reserved - charge, overshoot: 0 };
}

/** A draw of which only `amount` is used, with its units in proportion; a part of a unit is a unit. */
function partOf(draw: Draw, amount: MicroCredits): Draw {
  if (draw.kind === "grant") return { ...draw, amount };
  return { ...draw, amount, units: share(draw.units, amount, draw.amount, "up") };
}

/**
 * Who pays what an expired request used beyond what its expiry charged: sources that count units count only those
 * beyond, and an allowance that has let the request in as one of its requests pays for all of it.
 */
export function coverLate(
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

/** What the journal says of who paid, in the order in which they paid. */
export function chargeUpdates(covered: Covered, cause: string): UpdateDraft[] {
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
