import { describe, expect, it } from "vitest";
import { parseCredits } from "../../src/core/amount.ts";
import { price, type Rate } from "../../src/core/rate-card.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import { pricesText, pricesWire } from "../../src/wire/prices.ts";
import { usageWire } from "../../src/wire/receipt.ts";
import { CODEX_RATE, credits } from "../support/core-fixtures.ts";

const RATE: Rate = { ...CODEX_RATE, perSecond: { "1280x720": credits(2.5) } };

function used(usage: Partial<Usage>): Usage {
  return { ...NO_USAGE, ...usage };
}

function textOf(usage: Partial<Usage>): string {
  return pricesText(pricesWire(RATE), usageWire(used(usage), { outcome: "completed", estimated: false }));
}

describe("prices as they are shown", () => {
  it("are those that the charge was reckoned with", () => {
    const usage = used({ inputTokens: 900, cachedInputTokens: 300, outputTokens: 80, calls: { web_search: 3 } });
    const { per_million_tokens: tokens, per_call } = pricesWire(RATE);
    if (!tokens) throw new Error("the rate prices tokens");
    const of = (text: string | undefined) => parseCredits(text ?? "") ?? Number.NaN;
    const perToken = 600 * of(tokens.input) + 300 * of(tokens.cached_input) + 80 * of(tokens.output);
    expect(Math.floor(perToken / 1_000_000 + 3 * of(per_call.web_search))).toBe(price(RATE, usage));
  });

  it.each<[string, Partial<Usage>, RegExp | string]>([
    ["nothing, where nothing was used", {}, ""],
    ["what was used alone", { outputTokens: 5 }, /^credits per million tokens: [\d.]+ output$/],
    ["cached input beside the other", { inputTokens: 9, cachedInputTokens: 5 }, /: [\d.]+ input, [\d.]+ cached input$/],
    ["seconds of a size", { seconds: 4, size: "1280x720" }, "2.5 credits per second"],
    ["calls", { calls: { web_search: 2, code_interpreter: 0 } }, "0.25 credits per web_search"],
    [
      "a tier's factor",
      { seconds: 1, size: "1280x720", serviceTier: "priority" },
      /; times 2 for the service tier priority$/,
    ],
    [
      "a long context's factors",
      { inputTokens: 272_001 },
      /; times 2 input and 1\.5 output, above 272000 input tokens$/,
    ],
  ])("tell %s", (_what, usage, text) => {
    if (typeof text === "string") expect(textOf(usage)).toBe(text);
    else expect(textOf(usage)).toMatch(text);
  });
});
