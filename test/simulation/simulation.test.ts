import { describe, expect, test } from "vitest";
import { ALL_FAULTS } from "./faults.ts";
import { testSeeds } from "./seeds.ts";
import { simulate } from "./simulation.ts";

describe("no money is lost, doubled or made, whatever fails", () => {
  testSeeds(1, 1_000);
});

describe("a seed tells the same story every time", () => {
  test("byte for byte", async () => {
    for (const seed of [3, 26, 44]) {
      const [once, again] = [await simulate(seed), await simulate(seed)];
      expect(again.story).toEqual(once.story);
      expect(again.trace).toBe(once.trace);
    }
  });

  test("without any fault nothing crashes, is lost or is late", async () => {
    const run = await simulate(7, { actions: new Set(), faults: new Set(ALL_FAULTS) });
    expect(run.violation).toBeNull();
    expect([...run.struck.keys()]).toEqual([]);
    expect(run.reached.has("entry sent again by its object")).toBe(false);
  });
});
