import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { price, type Rate } from "../../src/core/rate-card.ts";
import { settle } from "../../src/core/settlement.ts";
import type { Usage } from "../../src/core/usage.ts";
import {
  accountWith,
  CODEX_RATE,
  commandOf,
  credits,
  demandOf,
  grantOf,
  hold,
  planOf,
  reportOf,
  sha256,
  T0,
  usageOf,
  VIDEO_RATE,
} from "../support/core-fixtures.ts";

/** Settles `reported` against a request that was quoted for `bound` at `rate`; answers its charge and its usage. */
function settled(rate: Rate, bound: Partial<Usage>, reported: Partial<Usage>) {
  const { feature } = rate;
  const plan = planOf({ features: { [feature]: { models: ["*"] } } });
  const state = accountWith({ plan }, [grantOf("paid", 200)]);
  const quote = { cardId: "default", cardVersion: 1, model: "m", rate };
  const demand = demandOf(0, { feature, model: "m", quote, bound: usageOf(bound) });
  const reservation = hold(state, commandOf("req_1", 0, { demand }));
  const { settlement, change } = settle(state, reservation, reportOf(usageOf(reported)), T0, sha256);
  const [entry] = change.entries;
  expect(entry?.usage?.usage).toEqual(settlement.usage);
  expect(entry?.monetization?.amount).toBe(settlement.charge);
  return { charge: settlement.charge, usage: settlement.usage };
}

const TEXT = { inputTokens: 1_000, outputTokens: 1_000 };
const VIDEO = { seconds: 4, size: "720x1280" };

describe("usage that cannot be true stops the command: it must be checked before", () => {
  it.each<[string, Partial<Usage>]>([
    ["negative", { outputTokens: -5 }],
    ["absurd", { inputTokens: 1e18 }],
    ["more than any request can use", { outputTokens: Number.MAX_SAFE_INTEGER }],
    ["more cached than input", { inputTokens: 1, cachedInputTokens: 2 }],
    ["more reasoning than output", { outputTokens: 1, reasoningTokens: 2 }],
  ])("%s", (_, usage) => expect(() => settled(CODEX_RATE, TEXT, usage)).toThrow(BrokenInvariant));
});

// Upstream may answer with another tier, size or tool than was asked for: nothing is charged that was not quoted.
describe("a dimension without a price is charged as quoted, and the others as they were used", () => {
  const output = { outputTokens: 1_000 };
  const priority = { ...TEXT, serviceTier: "priority" };
  const batch = { ...VIDEO, serviceTier: "batch" };
  it.each<[string, Rate, Partial<Usage>, Partial<Usage>, number, Partial<Usage>]>([
    ["a tier", CODEX_RATE, TEXT, { ...output, serviceTier: "scale" }, 375_000, { serviceTier: null }],
    [
      "a tier, where another was quoted",
      CODEX_RATE,
      priority,
      { ...output, serviceTier: "scale" },
      750_000,
      { serviceTier: "priority" },
    ],
    ["a tool", CODEX_RATE, TEXT, { ...output, calls: { computer: 5 } }, 375_000, { calls: {} }],
    [
      "a tool beside one that has a price",
      CODEX_RATE,
      TEXT,
      { ...output, calls: { web_search: 2, computer: 5 } },
      875_000,
      { calls: { web_search: 2 } },
    ],
    [
      "a tool, at a tier that has a price",
      CODEX_RATE,
      TEXT,
      { ...output, serviceTier: "flex", calls: { computer: 1 } },
      187_500,
      { serviceTier: "flex", calls: {} },
    ],
    [
      "a tier, with a tool that has a price",
      CODEX_RATE,
      TEXT,
      { ...output, serviceTier: "scale", calls: { web_search: 1 } },
      625_000,
      { serviceTier: null, calls: { web_search: 1 } },
    ],
    ["seconds of a text", CODEX_RATE, TEXT, { ...output, ...VIDEO }, 375_000, { seconds: 0, size: null }],
    ["a size", VIDEO_RATE, VIDEO, { seconds: 4, size: "480x480" }, credits(10), VIDEO],
    ["no size at all", VIDEO_RATE, VIDEO, { seconds: 3 }, credits(7.5), { seconds: 3, size: "720x1280" }],
    [
      "a size, at a tier that has a price",
      VIDEO_RATE,
      VIDEO,
      { ...batch, size: "480x480" },
      credits(5),
      { ...batch, size: "720x1280" },
    ],
    [
      "tokens of a video",
      VIDEO_RATE,
      VIDEO,
      { ...VIDEO, inputTokens: 20, cachedInputTokens: 5, outputTokens: 9 },
      credits(10),
      { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0 },
    ],
  ])("%s", (_, rate, bound, reported, micro, recorded) => {
    const { charge, usage } = settled(rate, bound, reported);
    expect(charge).toBe(micro);
    expect(usage).toMatchObject(recorded);
    // What is recorded is what was charged, so that an audit comes to the same amount.
    expect(price(rate, usage)).toBe(micro);
  });
});

describe("what was really used counts, if it has a price", () => {
  it.each<[string, Rate, Partial<Usage>, Partial<Usage>, number]>([
    ["a cheaper tier", CODEX_RATE, TEXT, { outputTokens: 1_000, serviceTier: "flex" }, 187_500],
    ["a dearer tier", CODEX_RATE, TEXT, { outputTokens: 1_000, serviceTier: "priority" }, 750_000],
    ["another size", VIDEO_RATE, VIDEO, { seconds: 4, size: "1024x1792" }, credits(50)],
    ["fewer seconds", VIDEO_RATE, VIDEO, { ...VIDEO, seconds: 1 }, credits(2.5)],
    ["a tool that was not asked for", CODEX_RATE, TEXT, { calls: { web_search: 1 } }, credits(0.25)],
  ])("%s", (_, rate, bound, reported, micro) => {
    const { charge, usage } = settled(rate, bound, reported);
    expect(charge).toBe(micro);
    expect(usage).toEqual(usageOf(reported));
  });
});
