import { formatCredits } from "../core/amount.ts";
import type { Rate } from "../core/rate-card.ts";
import type { usageWire } from "./receipt.ts";

/** What a rate prices, in the words of the rate card: with it and the usage anybody can reckon a charge again. */
export function pricesWire({ tokens, longContext, serviceTiers, perSecond, perCall }: Rate) {
  return {
    per_million_tokens: tokens && {
      input: formatCredits(tokens.input),
      cached_input: formatCredits(tokens.cachedInput),
      cache_write: formatCredits(tokens.cacheWrite),
      output: formatCredits(tokens.output),
    },
    long_context: longContext && {
      above_input_tokens: longContext.aboveInputTokens,
      input_multiplier: formatCredits(longContext.inputMultiplier),
      output_multiplier: formatCredits(longContext.outputMultiplier),
    },
    service_tiers: byName(serviceTiers),
    per_second: byName(perSecond),
    per_call: byName(perCall),
  };
}

function byName(amounts: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, formatCredits(amount)]));
}

export type PricesWire = ReturnType<typeof pricesWire>;
type UsageWire = Omit<ReturnType<typeof usageWire>, "outcome">;

/** Says in a few words the prices that a usage was charged at, and no others; empty where it has none. */
export function pricesText(prices: PricesWire, usage: UsageWire): string {
  return [
    tokensText(prices, usage),
    secondsText(prices, usage),
    longContextText(prices, usage),
    tierText(prices, usage),
    ...callTexts(prices, usage),
  ]
    .filter((part) => part !== "")
    .join("; ");
}

function tokensText({ per_million_tokens: tokens }: PricesWire, usage: UsageWire): string {
  if (!tokens) return "";
  const parts: string[] = [];
  if (usage.input_tokens > 0) parts.push(`${plain(tokens.input)} input`);
  if (usage.cached_input_tokens > 0) parts.push(`${plain(tokens.cached_input)} cached input`);
  if (usage.cache_write_tokens > 0) parts.push(`${plain(tokens.cache_write)} written to the cache`);
  if (usage.output_tokens > 0) parts.push(`${plain(tokens.output)} output`);
  return parts.length === 0 ? "" : `credits per million tokens: ${parts.join(", ")}`;
}

function secondsText({ per_second }: PricesWire, { seconds, size }: UsageWire): string {
  const price = per_second[size ?? "default"];
  return seconds === 0 || price === undefined ? "" : `${plain(price)} credits per second`;
}

function callTexts({ per_call }: PricesWire, { calls }: UsageWire): string[] {
  return Object.entries(calls).flatMap(([call, times]) => {
    const price = per_call[call];
    return times === 0 || price === undefined ? [] : [`${plain(price)} credits per ${call}`];
  });
}

function tierText({ service_tiers }: PricesWire, { service_tier: tier }: UsageWire): string {
  const factor = tier === null ? undefined : service_tiers[tier];
  return factor === undefined ? "" : `times ${plain(factor)} for the service tier ${tier}`;
}

function longContextText({ long_context: long }: PricesWire, { input_tokens }: UsageWire): string {
  if (!long || input_tokens <= long.above_input_tokens) return "";
  const factors = `${plain(long.input_multiplier)} input and ${plain(long.output_multiplier)} output`;
  return `times ${factors}, above ${long.above_input_tokens} input tokens`;
}

/** A decimal without the zeros at its end. */
function plain(decimal: string): string {
  return decimal.replace(/\.?0+$/, "");
}
