import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCredits, parseCredits } from "../../../src/core/amount.ts";
import { price, type Rate } from "../../../src/core/rate-card.ts";
import { incoherence, type Usage } from "../../../src/core/usage.ts";
import { decide } from "../../../src/core/waterfall.ts";
import { accountWith, demandOf, grantOf, planOf, T0, usageOf } from "../../support/core-fixtures.ts";

const perMillion = fc.nat(2_000_000_000);
const rate: fc.Arbitrary<Rate> = fc.record({
  feature: fc.constant("codex"),
  tokens: fc.record({ input: perMillion, cachedInput: perMillion, cacheWrite: perMillion, output: perMillion }),
  longContext: fc.option(
    fc.record({
      aboveInputTokens: fc.nat(300_000),
      inputMultiplier: fc.integer({ min: 1_000_000, max: 3_000_000 }),
      outputMultiplier: fc.integer({ min: 1_000_000, max: 3_000_000 }),
    }),
  ),
  serviceTiers: fc.record({ flex: fc.integer({ min: 0, max: 3_000_000 }) }),
  perSecond: fc.record({ default: fc.nat(10_000_000) }),
  perCall: fc.record({ search: fc.nat(1_000_000) }),
  maxOutputTokens: fc.constant(128_000),
});

const usage: fc.Arbitrary<Usage> = fc
  .record({
    plain: fc.nat(300_000),
    cachedInputTokens: fc.nat(300_000),
    cacheWriteTokens: fc.nat(100_000),
    reasoningTokens: fc.nat(50_000),
    answer: fc.nat(128_000),
    seconds: fc.nat(60),
    searches: fc.nat(5),
    serviceTier: fc.constantFrom(null, "flex"),
  })
  .map(({ plain, answer, searches, ...rest }) =>
    usageOf({
      ...rest,
      inputTokens: plain + rest.cachedInputTokens + rest.cacheWriteTokens,
      outputTokens: answer + rest.reasoningTokens,
      calls: { search: searches },
    }),
  );

/** The price by another way: each token with its own fraction, over one common denominator. */
function exactly(at: Rate, used: Usage): { numerator: bigint; denominator: bigint } {
  const million = 1_000_000n;
  const long = at.longContext !== null && used.inputTokens > at.longContext.aboveInputTokens ? at.longContext : null;
  const input = BigInt(long?.inputMultiplier ?? 1_000_000);
  const output = BigInt(long?.outputMultiplier ?? 1_000_000);
  const tier = BigInt(used.serviceTier === null ? 1_000_000 : (at.serviceTiers[used.serviceTier] ?? 0));
  const tokens = at.tokens ?? { input: 0, cachedInput: 0, cacheWrite: 0, output: 0 };
  const fresh = used.inputTokens - used.cachedInputTokens - used.cacheWriteTokens;
  const parts: [count: number, perMillion: number, factor: bigint][] = [
    [fresh, tokens.input, input],
    [used.cachedInputTokens, tokens.cachedInput, input],
    [used.cacheWriteTokens, tokens.cacheWrite, input],
    [used.outputTokens, tokens.output, output],
    [used.seconds * 1_000_000, at.perSecond.default ?? 0, million],
  ];
  let numerator = 0n;
  for (const [count, each, factor] of parts) numerator += BigInt(count) * BigInt(each) * factor * tier;
  numerator += BigInt((used.calls.search ?? 0) * (at.perCall.search ?? 0)) * million ** 3n;
  return { numerator, denominator: million ** 3n };
}

describe("a price", () => {
  it("is less than one micro-credit below the exact sum, and never above it", () => {
    fc.assert(
      fc.property(rate, usage, (at, used) => {
        const { numerator, denominator } = exactly(at, used);
        const charged = BigInt(Number(price(at, used))) * denominator;
        expect(charged <= numerator).toBe(true);
        expect(numerator - charged < denominator).toBe(true);
      }),
    );
  });

  it("never falls when more is used", () => {
    const more = fc.constantFrom("inputTokens", "outputTokens", "seconds");
    fc.assert(
      fc.property(rate, usage, more, fc.nat(10_000), (at, used, dimension, extra) => {
        const raised = { ...used, [dimension]: used[dimension] + extra };
        expect(Number(price(at, raised))).toBeGreaterThanOrEqual(Number(price(at, used)));
      }),
    );
  });

  it("does not depend on how much of the output was reasoning", () => {
    fc.assert(
      fc.property(rate, usage, (at, used) => {
        expect(price(at, { ...used, reasoningTokens: 0 })).toBe(price(at, used));
      }),
    );
  });

  it("coherent usage always has one", () => {
    fc.assert(
      fc.property(rate, usage, (at, used) => {
        expect(incoherence(used)).toBeNull();
        expect(price(at, used)).toBeTypeOf("number");
      }),
    );
  });
});

it("a plan that clamps sends the largest bound that the sources pay", () => {
  fc.assert(
    fc.property(rate, usage, fc.integer({ min: 1, max: 300_000_000 }), (at, used, budget) => {
      fc.pre(used.outputTokens > 0);
      const state = accountWith({ plan: planOf({ estimate: "clamp" }) }, [{ ...grantOf("paid", 1), amount: budget }]);
      const quote = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: at };
      const cost = (outputTokens: number): number => Number(price(at, { ...used, outputTokens }));
      const decision = decide(state, demandOf(0, { quote, bound: used, openOutput: true }), T0);
      if (decision.outcome === "denied") {
        expect(cost(1)).toBeGreaterThan(budget);
        return;
      }
      expect(decision.reserved).toBeLessThanOrEqual(budget);
      const tokens = decision.clampedTo ?? used.outputTokens;
      expect(tokens).toBeLessThanOrEqual(used.outputTokens);
      if (tokens < used.outputTokens) expect(cost(tokens + 1)).toBeGreaterThan(budget);
    }),
  );
});

it("an amount that is written is read back unchanged", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (micro) => {
      expect(parseCredits(formatCredits(micro))).toBe(micro);
    }),
  );
});
