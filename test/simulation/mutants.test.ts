import { describe, expect, test } from "vitest";
import { findMisfit, huntMutant } from "./mutant-hunt.ts";
import { MUTANTS } from "./mutant-list.ts";

/** Quick ones; `npm run mutants` takes away all safeguards. */
const QUICK = ["exact numbers are confirmed", "a top-up that comes again", "a decision counts what others hold"];

describe("the simulation notices when a safeguard is missing", () => {
  test("every safeguard still stands where it is taken away", async () => {
    const misfits = await Promise.all(MUTANTS.map(findMisfit));
    expect(misfits.filter((misfit) => misfit !== null)).toEqual([]);
  });

  for (const part of QUICK) {
    test(part, { timeout: 180_000 }, async () => {
      const [mutant, ...others] = MUTANTS.filter(({ safeguard }) => safeguard.startsWith(part));
      if (!mutant || others.length > 0) throw new Error(`${part} names no single safeguard`);
      expect(await huntMutant(mutant, 40)).not.toBeNull();
    });
  }
});
