import { describe } from "vitest";
import { testSeeds } from "./seeds.ts";

// A file of its own, so that two processors share the work.
describe("no money is lost, doubled or made, whatever fails", () => {
  testSeeds(1_001, 1_000);
});
