import { type AccountState, bookingAt, gateOwner, heldOf, meterId, usedOf, viewMeter } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import type { Considered, GateDraw } from "./draw.ts";
import { type Gate, isAbout } from "./plan.ts";
import type { Subject } from "./sources.ts";
import { unitsOf } from "./unit.ts";
import type { Usage } from "./usage.ts";
import { fitsAt } from "./window.ts";

/** A request as gates see it. */
export interface GateSubject extends Subject {
  readonly keyId: string;
}

export type Passage =
  | { readonly passed: true; readonly draws: readonly GateDraw[]; readonly considered: readonly Considered[] }
  | {
      readonly passed: false;
      readonly gate: Gate;
      /** When the request would fit; `null` when it never does. */
      readonly opensAt: number | null;
      readonly considered: readonly Considered[];
    };

/** How long a request that found all slots taken is told to wait. */
const CONCURRENCY_RETRY_MS = 1_000;

/** Asks every gate of the plan that is about the request, in order. Credits never buy a gate off. */
export function passGates(
  state: AccountState,
  subject: GateSubject,
  bound: Usage,
  charge: MicroCredits,
  now: number,
): Passage {
  const draws: GateDraw[] = [];
  const considered: Considered[] = [];
  for (const gate of state.row.plan.gates) {
    if (!isAbout(gate, subject.feature, subject.model)) continue;
    const { id: source, unit } = gate;
    const needed = unitsOf(unit, bound, charge);
    const available = gateRoom(state, gate, subject.keyId, now);
    const passed = available >= needed;
    considered.push({ source, kind: "gate", unit, available, taken: passed ? needed : 0 });
    if (!passed) return { passed, gate, opensAt: opensAt(state, gate, subject.keyId, needed, now), considered };
    if (gate.window) {
      const booking = bookingAt(state, gateOwner(gate, subject.keyId), gate.window, now);
      draws.push({ unit, amount: needed, booking });
    }
  }
  return { passed: true, draws, considered };
}

/** What a gate still lets through for a key, in its unit. */
export function gateRoom(state: AccountState, gate: Gate, keyId: string, now: number): number {
  if (gate.window) return viewMeter(state, gateOwner(gate, keyId), gate.window, now).remaining;
  return gate.unit === "concurrency" ? Math.max(0, gate.limit - inFlight(state, gate, keyId)) : gate.limit;
}

function inFlight(state: AccountState, gate: Gate, keyId: string): number {
  let count = 0;
  for (const reservation of state.pending.values()) {
    const counted = gate.per === "account" || reservation.keyId === keyId;
    if (counted && isAbout(gate, reservation.feature, reservation.model)) count += 1;
  }
  return count;
}

function opensAt(state: AccountState, gate: Gate, keyId: string, needed: number, now: number): number | null {
  if (!gate.window) return gate.unit === "concurrency" ? now + CONCURRENCY_RETRY_MS : null;
  const meter = meterId(gateOwner(gate, keyId), gate.window);
  return fitsAt(gate.window, usedOf(state, meter), heldOf(state, meter), needed, now);
}
