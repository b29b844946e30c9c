import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { price, type Rate } from "../../src/core/rate-card.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import { CODEX_RATE, credits, PLAIN_RATE, usageOf, VIDEO_RATE, worth } from "../support/core-fixtures.ts";

interface Golden {
  readonly what: string;
  readonly usage: Partial<Usage>;
  readonly micro: number;
}

// C18: cached and cache-written tokens are parts of input, reasoning is a part of output.
describe("every token is charged once, at its own rate", () => {
  const cases: Golden[] = [
    { what: "nothing used", usage: {}, micro: 0 },
    { what: "plain input", usage: { inputTokens: 1_000 }, micro: 62_500 },
    { what: "plain output", usage: { outputTokens: 1_000 }, micro: 375_000 },
    { what: "half of the input cached", usage: { inputTokens: 1_000, cachedInputTokens: 500 }, micro: 34_375 },
    { what: "all input cached", usage: { inputTokens: 1_000, cachedInputTokens: 1_000 }, micro: 6_250 },
    { what: "all input written to the cache", usage: { inputTokens: 1_000, cacheWriteTokens: 1_000 }, micro: 78_125 },
    {
      what: "plain, cached and written input",
      usage: { inputTokens: 1_000, cachedInputTokens: 100, cacheWriteTokens: 400 },
      micro: 63_125,
    },
    { what: "all output was reasoning", usage: { outputTokens: 300, reasoningTokens: 300 }, micro: 112_500 },
    {
      what: "a whole answer",
      usage: { inputTokens: 2_000, cachedInputTokens: 1_000, outputTokens: 300, reasoningTokens: 100 },
      micro: 181_250,
    },
  ];
  it.each(cases)("$what", ({ usage, micro }) => expect(price(CODEX_RATE, usageOf(usage))).toBe(micro));
});

// X15: the tiers are known to reservation and settlement alike, since there is one pricer.
describe("tiers multiply what they say they multiply", () => {
  const whole = { inputTokens: 2_000, cachedInputTokens: 1_000, outputTokens: 300, reasoningTokens: 100 };
  const cases: Golden[] = [
    { what: "the last token of the short context", usage: { inputTokens: 272_000 }, micro: 17_000_000 },
    { what: "one token more makes the whole input long", usage: { inputTokens: 272_001 }, micro: 34_000_125 },
    {
      what: "long context multiplies output by its own factor",
      usage: { inputTokens: 272_001, outputTokens: 100 },
      micro: 34_000_125 + 56_250,
    },
    {
      what: "long context is reached by cached input too",
      usage: { inputTokens: 300_000, cachedInputTokens: 300_000 },
      micro: 3_750_000,
    },
    { what: "output alone is never a long context", usage: { outputTokens: 300_000 }, micro: 112_500_000 },
    { what: "the default tier", usage: { ...whole, serviceTier: "default" }, micro: 181_250 },
    { what: "auto is the default tier", usage: { ...whole, serviceTier: "auto" }, micro: 181_250 },
    { what: "priority", usage: { ...whole, serviceTier: "priority" }, micro: 362_500 },
    { what: "flex", usage: { ...whole, serviceTier: "flex" }, micro: 90_625 },
    { what: "long context and flex", usage: { inputTokens: 272_001, serviceTier: "flex" }, micro: 17_000_062 },
    { what: "a fee per call stands beside tokens", usage: { ...whole, calls: { web_search: 3 } }, micro: 931_250 },
    {
      what: "a service tier does not multiply a fee per call",
      usage: { calls: { web_search: 1 }, serviceTier: "priority" },
      micro: 250_000,
    },
    { what: "a tool that is priced at zero is free", usage: { calls: { code_interpreter: 9 } }, micro: 0 },
  ];
  it.each(cases)("$what", ({ usage, micro }) => expect(price(CODEX_RATE, usageOf(usage))).toBe(micro));

  const videos: Golden[] = [
    { what: "8 seconds of the small size", usage: { seconds: 8, size: "720x1280" }, micro: credits(20) },
    { what: "8 seconds of the large size", usage: { seconds: 8, size: "1024x1792" }, micro: credits(100) },
    {
      what: "a service tier multiplies seconds",
      usage: { seconds: 8, size: "720x1280", serviceTier: "batch" },
      micro: credits(10),
    },
    { what: "no seconds", usage: { seconds: 0, size: "720x1280" }, micro: 0 },
  ];
  it.each(videos)("video: $what", ({ usage, micro }) => expect(price(VIDEO_RATE, usageOf(usage))).toBe(micro));

  it("media without a size is charged at the default size, if that has a price", () => {
    const rate: Rate = { ...VIDEO_RATE, perSecond: { default: credits(1) } };
    expect(price(rate, usageOf({ seconds: 4 }))).toBe(credits(4));
  });
});

describe("a charge is rounded once, and down", () => {
  const cases: Golden[] = [
    { what: "62.5 becomes 62", usage: { inputTokens: 1 }, micro: 62 },
    { what: "437.5 becomes 437", usage: { inputTokens: 1, outputTokens: 1 }, micro: 437 },
    // 62.5 + 2 × 6.25 = 75; rounding each part would give 62 + 12.
    { what: "fractions of the parts add up first", usage: { inputTokens: 3, cachedInputTokens: 2 }, micro: 75 },
    { what: "31.25 becomes 31", usage: { inputTokens: 1, serviceTier: "flex" }, micro: 31 },
    { what: "6.25 becomes 6", usage: { inputTokens: 1, cachedInputTokens: 1 }, micro: 6 },
  ];
  it.each(cases)("$what", ({ usage, micro }) => expect(price(CODEX_RATE, usageOf(usage))).toBe(micro));

  it("keeps exact where doubles would not", () => {
    const rate: Rate = { ...PLAIN_RATE, tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: 1_000_001 } };
    expect(price(rate, usageOf({ outputTokens: 9_007_199_254 }))).toBe(9_007_208_261);
    expect(price(rate, usageOf({ outputTokens: 999_999_999_999_999 }))).toBe(1_000_000_999_999_998);
  });

  it("a charge that is no exact number is refused, not rounded", () => {
    expect(() => price(PLAIN_RATE, worth(9_007_199_255))).toThrow(BrokenInvariant);
  });
});

// C19: a dimension without a price is refused; free must be said explicitly.
describe("nothing is free by omission", () => {
  const cases: [string, Rate, Partial<Usage>, string][] = [
    ["unknown service tier", CODEX_RATE, { inputTokens: 1, serviceTier: "scale" }, "service_tier scale"],
    ["empty service tier", CODEX_RATE, { inputTokens: 1, serviceTier: "" }, "service_tier "],
    ["tier named like a property", CODEX_RATE, { serviceTier: "constructor" }, "service_tier constructor"],
    ["unknown tier on nothing", CODEX_RATE, { serviceTier: "scale" }, "service_tier scale"],
    ["tokens on a video rate", VIDEO_RATE, { inputTokens: 1 }, "tokens"],
    ["output on a video rate", VIDEO_RATE, { outputTokens: 1 }, "tokens"],
    ["seconds on a token rate", CODEX_RATE, { seconds: 1, size: "720x1280" }, "size 720x1280"],
    ["unknown size", VIDEO_RATE, { seconds: 1, size: "1x1" }, "size 1x1"],
    ["no size", VIDEO_RATE, { seconds: 1 }, "size default"],
    ["size named like a property", VIDEO_RATE, { seconds: 1, size: "toString" }, "size toString"],
    ["unknown tool", CODEX_RATE, { calls: { computer: 1 } }, "tool computer"],
    ["unknown tool beside a known one", CODEX_RATE, { calls: { web_search: 1, computer: 1 } }, "tool computer"],
    ["tool named like a property", CODEX_RATE, { calls: { valueOf: 1 } }, "tool valueOf"],
  ];
  it.each(cases)("%s", (_, rate, usage, unpriced) => expect(price(rate, usageOf(usage))).toEqual({ unpriced }));
});

it("no usage costs nothing at any rate", () => {
  for (const rate of [CODEX_RATE, VIDEO_RATE, PLAIN_RATE]) expect(price(rate, NO_USAGE)).toBe(0);
});
