import type { Fault } from "./faults.ts";
import { RARE_STATES, type RareState } from "./rare-states.ts";
import type { Run } from "./simulation.ts";

/** A run of so many seeds must have reached every rare state. */
export const SEEDS_FOR_ALL_STATES = 500;

/** What many seeds came to together. */
export class Totals {
  seeds = 0;
  requests = 0;
  entries = 0;
  readonly struck = new Map<Fault, number>();
  readonly reached = new Map<RareState, number>();

  add(run: Run): void {
    this.seeds += 1;
    this.requests += run.requests;
    this.entries += run.entries;
    addAll(this.struck, run.struck);
    addAll(this.reached, run.reached);
  }

  /** Rare states that were never reached, although there were enough seeds. */
  missing(): RareState[] {
    return this.seeds < SEEDS_FOR_ALL_STATES ? [] : RARE_STATES.filter((state) => !this.reached.has(state));
  }
}

function addAll<Name>(to: Map<Name, number>, from: ReadonlyMap<Name, number>): void {
  for (const [name, count] of from) to.set(name, (to.get(name) ?? 0) + count);
}
