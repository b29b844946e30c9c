import fc from "fast-check";
import { describe, test } from "vitest";
import { TARGETS } from "./targets.ts";

// A second of each; `npm run fuzz` takes its time.
describe("whatever is read", () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))(
    "%s",
    (_, { property, runs }) => fc.assert(property, { numRuns: runs }),
    30_000,
  );
});
