import { expect, test } from "vitest";
import { simulate } from "./simulation.ts";
import { Totals } from "./totals.ts";

const PER_CASE = 100;
const CASE_MS = 60_000;

/** Simulates `count` seeds from `first` on, some at a time, and asks at the end whether every rare state was reached. */
export function testSeeds(first: number, count: number): void {
  const totals = new Totals();
  for (let from = first; from < first + count; from += PER_CASE) {
    test(`seeds ${from} to ${from + PER_CASE - 1}`, { timeout: CASE_MS }, async () => {
      for (let seed = from; seed < from + PER_CASE; seed += 1) {
        const run = await simulate(seed);
        totals.add(run);
        expect(run.violation, `npm run simulate -- --seed ${seed}`).toBeNull();
      }
    });
  }

  test("every rare state was reached on the way", () => {
    expect(totals.missing()).toEqual([]);
  });
}
