import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { ALL_FAULTS } from "./faults.ts";
import { simulate } from "./simulation.ts";

const RUN = join(import.meta.dirname, "run.ts");

/** In a process of its own, so that two processors share the work. Rejects with the story of the first failure. */
async function simulateMany(from: number, seeds: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    RUN,
    "--from",
    String(from),
    "--seeds",
    String(seeds),
  ]);
  return stdout;
}

describe("whatever fails, no money is lost, doubled or made", () => {
  test("2,000 seeds keep every promise and reach every rare state", { timeout: 1_800_000 }, async () => {
    for (const summary of await Promise.all([simulateMany(1, 1_000), simulateMany(1_001, 1_000)])) {
      expect(summary).toContain("1000 seeds");
      expect(summary).toContain("every promise kept");
    }
  });

  test("without any fault nothing is sent again, and nothing crashes", async () => {
    const run = await simulate(7, { actions: new Set(), faults: new Set(ALL_FAULTS) });
    expect(run.violation).toBeNull();
    expect([...run.struck.keys()]).toEqual([]);
    expect(run.reached.has("entry sent again by its object")).toBe(false);
  });
});

describe("a seed tells the same story every time", () => {
  test("byte for byte", { timeout: 180_000 }, async () => {
    for (const seed of [3, 26, 44]) {
      const [once, again] = [await simulate(seed), await simulate(seed)];
      expect(again.story).toEqual(once.story);
      expect(again.trace).toBe(once.trace);
    }
  });
});
