import { describe, expect, it } from "vitest";
import { allowanceLimit, covers, isEntitledFeature, isEntitledModel } from "../../src/core/plan.ts";
import { allowanceOf, anchored, DAY, HOUR, planOf } from "../support/core-fixtures.ts";

const PLAN = planOf({
  features: { codex: { models: ["gpt-5*", "o3"] }, sora: { models: ["sora-2"] }, none: { models: [] } },
});

describe("a plan entitles what it names", () => {
  it.each([
    ["codex", "gpt-5.4"],
    ["codex", "gpt-5"],
    ["codex", "o3"],
    ["sora", "sora-2"],
  ])("%s with %s", (feature, model) => expect(isEntitledModel(PLAN, feature, model)).toBe(true));

  it.each([
    ["codex", "gpt-4"],
    ["codex", "o3-mini"],
    ["codex", "xgpt-5"],
    ["codex", "GPT-5"],
    ["codex", "sora-2"],
    ["codex", ""],
    ["sora", "sora-2-pro"],
    ["none", "gpt-5"],
    ["unknown", "gpt-5"],
    ["constructor", "name"],
    ["__proto__", "x"],
  ])("not %s with %s", (feature, model) => expect(isEntitledModel(PLAN, feature, model)).toBe(false));

  it.each(["Codex", "", "unknown", "constructor", "__proto__", "toString"])(
    "the feature %j is not entitled",
    (feature) => expect(isEntitledFeature(PLAN, feature)).toBe(false),
  );
});

it.each([
  [null, "codex", true],
  [["codex", "sora"], "sora", true],
  [["codex"], "sora", false],
  [[], "codex", false],
  [["codex"], "code", false],
])("features %j cover %s: %s", (features, feature, covered) => expect(covers(features, feature)).toBe(covered));

it("an allowance gives at most what its smallest window gives", () => {
  expect(allowanceLimit(allowanceOf("a", [anchored(5 * HOUR, 20), anchored(7 * DAY, 15)]))).toBe(15);
});
