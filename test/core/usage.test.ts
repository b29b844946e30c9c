import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { incoherence, NO_USAGE, totalTokens } from "../../src/core/usage.ts";
import { usageOf } from "../support/core-fixtures.ts";

describe("usage that adds up can be charged", () => {
  it.each([
    ["none", NO_USAGE],
    ["all input was cached", usageOf({ inputTokens: 10, cachedInputTokens: 10 })],
    ["all input was cached or written", usageOf({ inputTokens: 10, cachedInputTokens: 4, cacheWriteTokens: 6 })],
    ["all output was reasoning", usageOf({ outputTokens: 7, reasoningTokens: 7 })],
    ["the most that is believed", usageOf({ inputTokens: 1e9, outputTokens: 1e9, seconds: 1e9 })],
    ["video and tools", usageOf({ seconds: 8, size: "720x1280", calls: { web_search: 2 } })],
  ])("%s", (_, usage) => expect(incoherence(usage)).toBeNull());
});

describe("usage that cannot be true is told apart", () => {
  const NO_COUNT = "a count is not a whole number";
  const TOO_MUCH = "a count is larger than any request can use";
  it.each([
    ["negative input", usageOf({ inputTokens: -1 }), NO_COUNT],
    ["half a token", usageOf({ outputTokens: 1.5 }), NO_COUNT],
    ["no number", usageOf({ outputTokens: Number.NaN }), NO_COUNT],
    ["without end", usageOf({ inputTokens: Number.POSITIVE_INFINITY }), NO_COUNT],
    ["larger than any exact number", usageOf({ inputTokens: 1e18 }), NO_COUNT],
    ["negative cached input", usageOf({ cachedInputTokens: -1 }), NO_COUNT],
    ["negative cache write", usageOf({ inputTokens: 5, cacheWriteTokens: -1 }), NO_COUNT],
    ["negative reasoning", usageOf({ reasoningTokens: -1 }), NO_COUNT],
    ["fraction of a second", usageOf({ seconds: 0.1 }), NO_COUNT],
    ["negative calls", usageOf({ calls: { web_search: -1 } }), NO_COUNT],
    ["one input token too many", usageOf({ inputTokens: 1e9 + 1 }), TOO_MUCH],
    ["one output token too many", usageOf({ outputTokens: 1e9 + 1 }), TOO_MUCH],
    ["one second too many", usageOf({ seconds: 1e9 + 1 }), TOO_MUCH],
    ["one call too many", usageOf({ calls: { web_search: 1e9 + 1 } }), TOO_MUCH],
    ["as many tokens as can be counted", usageOf({ outputTokens: Number.MAX_SAFE_INTEGER }), TOO_MUCH],
    ["more cached than input", usageOf({ inputTokens: 5, cachedInputTokens: 6 }), "more cached input than input"],
    [
      "cached and written exceed input together",
      usageOf({ inputTokens: 9, cachedInputTokens: 5, cacheWriteTokens: 5 }),
      "more cached input than input",
    ],
    ["more reasoning than output", usageOf({ outputTokens: 5, reasoningTokens: 6 }), "more reasoning than output"],
  ])("%s", (_, usage, why) => expect(incoherence(usage)).toBe(why));
});

describe("token gates count input and output once", () => {
  it("adds neither cached nor reasoning tokens again", () => {
    const usage = usageOf({ inputTokens: 100, cachedInputTokens: 90, outputTokens: 30, reasoningTokens: 30 });
    expect(totalTokens(usage)).toBe(130);
  });

  it("refuses a total that is no exact number", () => {
    const usage = usageOf({ inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 1 });
    expect(() => totalTokens(usage)).toThrow(BrokenInvariant);
  });
});
