import type { ChainedEntry, UsageEvent } from "../../src/core/event.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import type { CameTo } from "./correction-book.ts";
import type { World } from "./world.ts";

/** Notes which rare states a new entry shows. */
export function noteEntry(world: World, entry: ChainedEntry): void {
  const { usage, monetization, updates } = entry;
  const kinds = new Set(updates.map(({ kind }) => kind));
  if (kinds.has("overshoot")) world.reach("overshoot");
  if (kinds.has("debit") && kinds.has("allowance")) world.reach("charge from allowance and grant together");
  if (updates.filter(({ kind }) => kind === "debit").length > 1) world.reach("charge from two grants");
  if (kinds.has("expiry")) world.reach("grant expired with something left");
  if (usage === null && kinds.has("refund")) world.reach("refund");
  if (usage === null && updates.some(({ kind, cause }) => kind === "grant" && cause.startsWith("mon_"))) {
    world.reach("refund into a new grant");
  }
  for (const { kind, detail } of updates) {
    if (kind !== "grant" || !detail) continue;
    if (detail.reason.endsWith(": renewed")) world.reach("entitlement renewed");
    if (detail.reason.endsWith(": rolled over")) world.reach("rollover");
  }
  if (usage && usage.outcome !== "corrected") noteUsage(world, usage, monetization?.amount ?? 0);
}

function noteUsage(world: World, usage: UsageEvent, charge: number): void {
  if (usage.estimated) world.reach("estimated charge");
  if (usage.outcome === "expired") world.reach(charge > 0 ? "expiry with a checkpoint" : "expiry without a charge");
  if (usage.outcome === "late") world.reach("settlement after the expiry");
  if ((usage.decision.denial?.count ?? 0) > 1) world.reach("denials folded into one event");
}

/** Notes which rare states a new reservation shows. */
export function noteReservation(world: World, { attempt, clampedTo, bound, reserved }: Reservation): void {
  if (attempt > 1) world.reach("second attempt after a release");
  if (clampedTo !== null && clampedTo <= bound.outputTokens && reserved > 0) {
    world.reach("bound lowered to what can be paid");
  }
}

/** Notes what became of a request before the rest of its usage came late. */
export function noteLate(world: World, { end, version, corrections }: CameTo): void {
  if (version === end.decision.rateCard.version && corrections === 0) return;
  world.reach(corrections > 0 ? "settlement after a correction" : "settlement after a correction of nothing");
}

/** Notes which rare states a correction shows, by what its request had come to before. */
export function noteCorrection(world: World, before: CameTo, { monetization, updates }: ChainedEntry): void {
  world.reach(monetization ? "price corrected upwards" : "price corrected downwards");
  if (before.late) world.reach("correction of a request that was settled late");
  if (before.late?.decision.correction) {
    world.reach("correction of a request that was settled late at a corrected price");
  }
  if (before.corrections > 0) world.reach("correction after another one");
  if (before.refunds > 0) world.reach("correction after a refund");
  if (updates.some(({ kind }) => kind === "overshoot")) world.reach("correction that nobody could pay");
  if (updates.some(({ kind }) => kind === "grant")) world.reach("correction into a new grant");
}
