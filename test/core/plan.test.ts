import { describe, expect, it } from "vitest";
import { covers, isAbout, isEntitledFeature, isEntitledModel } from "../../src/core/plan.ts";
import { planOf } from "../support/core-fixtures.ts";

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

describe("a gate or allowance is about what it names", () => {
  it.each<[string[] | null, string[] | null, boolean]>([
    [null, null, true],
    [["codex"], null, true],
    [["sora"], null, false],
    [null, ["gpt-5.4"], true],
    [null, ["gpt-5*"], true],
    [null, ["*"], true],
    [null, ["gpt-5"], false],
    [null, ["o3", "gpt-5.4"], true],
    [null, [], false],
    [["codex"], ["gpt-5*"], true],
    [["codex"], ["o3"], false],
    [["sora"], ["gpt-5*"], false],
  ])("features %j and models %j", (features, models, about) => {
    expect(isAbout({ features, models }, "codex", "gpt-5.4")).toBe(about);
  });
});
