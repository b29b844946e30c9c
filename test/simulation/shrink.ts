import { type Run, simulate, type Without } from "./simulation.ts";

/** The shortest way to the same broken promise that was found. */
export interface Shrunk {
  readonly run: Run;
  readonly without: Without;
  readonly tried: number;
}

/** Leaves out faults and requests of a failing seed for as long as the same promise stays broken. */
export async function shrink(failing: Run, mostTries = 250): Promise<Shrunk> {
  const search = new Search(failing, mostTries);
  for (const fault of failing.enabled) await search.try({ faults: [fault], actions: [] });
  for (let size = failing.actions.length >> 1; size >= 1; size >>= 1) {
    for (let from = 0; from < failing.actions.length; from += size) {
      await search.try({ faults: [], actions: failing.actions.slice(from, from + size) });
    }
  }
  for (const fault of failing.enabled) await search.try({ faults: [fault], actions: [] });
  return search;
}

class Search implements Shrunk {
  run: Run;
  without: Without = { actions: new Set(), faults: new Set() };
  tried = 0;
  readonly #most: number;

  constructor(failing: Run, most: number) {
    this.run = failing;
    this.#most = most;
  }

  async try(more: { faults: Run["enabled"]; actions: readonly number[] }): Promise<void> {
    const { faults, actions } = this.without;
    const isNews = more.faults.some((fault) => !faults.has(fault)) || more.actions.some((n) => !actions.has(n));
    if (!isNews || this.tried >= this.#most) return;
    this.tried += 1;
    const without = { faults: new Set([...faults, ...more.faults]), actions: new Set([...actions, ...more.actions]) };
    const run = await simulate(this.run.seed, without);
    if (run.violation?.rule !== this.run.violation?.rule) return;
    this.run = run;
    this.without = without;
  }
}
