import { invariant, type MicroCredits } from "./amount.ts";
import type { Usage } from "./usage.ts";

/** A factor in millionths: 2 is 2,000,000 and 0.5 is 500,000. */
export type Multiplier = number;

export const ONE: Multiplier = 1_000_000;

/** Micro-credits per million tokens. */
export interface TokenRates {
  readonly input: MicroCredits;
  /** Part of input that was read from a cache. */
  readonly cachedInput: MicroCredits;
  /** Part of input that was written to a cache. */
  readonly cacheWrite: MicroCredits;
  readonly output: MicroCredits;
}

/** Above `aboveInputTokens` the whole request is charged at the multiplied rates. */
export interface LongContext {
  readonly aboveInputTokens: number;
  readonly inputMultiplier: Multiplier;
  readonly outputMultiplier: Multiplier;
}

/** One line of a rate card: everything that pricing one model needs. */
export interface Rate {
  readonly feature: string;
  readonly tokens: TokenRates | null;
  readonly longContext: LongContext | null;
  readonly serviceTiers: Readonly<Record<string, Multiplier>>;
  /** Micro-credits per second of media, by size. */
  readonly perSecond: Readonly<Record<string, MicroCredits>>;
  /** Micro-credits per call of a hosted tool, by tool. A tool that is not listed is not priced, hence refused. */
  readonly perCall: Readonly<Record<string, MicroCredits>>;
  /** The most output tokens one request can produce: what is reserved when the request sets no bound. */
  readonly maxOutputTokens: number;
}

/** A rate with the place where it stands, so that a charge can be priced again later. */
export interface QuotedRate {
  readonly cardId: string;
  readonly cardVersion: number;
  readonly model: string;
  readonly rate: Rate;
}

/** A dimension of usage that the rate has no price for. */
export interface Unpriced {
  readonly unpriced: string;
}

const MILLION = 1_000_000n;
/** Tokens are priced per million, times two multipliers in millionths. */
const SCALE = MILLION * MILLION * MILLION;

/**
 * The charge for `usage` at `rate`, in micro-credits: the exact sum of all components, rounded once and down.
 * A dimension without a price is answered as {@link Unpriced}: nothing is free by omission.
 */
export function price(rate: Rate, usage: Usage): MicroCredits | Unpriced {
  const tier = tierMultiplier(rate, usage.serviceTier);
  if (tier === undefined) return { unpriced: `service_tier ${usage.serviceTier}` };

  const tokens = tokenComponent(rate, usage, tier);
  if (typeof tokens !== "bigint") return tokens;
  const seconds = secondsComponent(rate, usage, tier);
  if (typeof seconds !== "bigint") return seconds;
  const calls = callsComponent(rate, usage);
  if (typeof calls !== "bigint") return calls;

  const amount = Number((tokens + seconds + calls) / SCALE);
  invariant(Number.isSafeInteger(amount), "a charge left the range of safe integers");
  return amount;
}

/** Whether all of a request is charged at the rates of a long context. */
export function isLongContext({ longContext }: Rate, { inputTokens }: Usage): boolean {
  return longContext !== null && inputTokens > longContext.aboveInputTokens;
}

function tierMultiplier(rate: Rate, tier: string | null): Multiplier | undefined {
  if (tier === null || tier === "default" || tier === "auto") return ONE;
  return Object.hasOwn(rate.serviceTiers, tier) ? rate.serviceTiers[tier] : undefined;
}

function tokenComponent(rate: Rate, usage: Usage, tier: Multiplier): bigint | Unpriced {
  if (usage.inputTokens === 0 && usage.outputTokens === 0) return 0n;
  if (!rate.tokens) return { unpriced: "tokens" };
  const { input, cachedInput, cacheWrite, output } = rate.tokens;
  const long = isLongContext(rate, usage) ? rate.longContext : null;
  const inputMultiplier = BigInt(long?.inputMultiplier ?? ONE);
  const outputMultiplier = BigInt(long?.outputMultiplier ?? ONE);

  const plainInput = usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens;
  const inputSide =
    BigInt(plainInput) * BigInt(input) +
    BigInt(usage.cachedInputTokens) * BigInt(cachedInput) +
    BigInt(usage.cacheWriteTokens) * BigInt(cacheWrite);
  const outputSide = BigInt(usage.outputTokens) * BigInt(output);
  return (inputSide * inputMultiplier + outputSide * outputMultiplier) * BigInt(tier);
}

function secondsComponent(rate: Rate, usage: Usage, tier: Multiplier): bigint | Unpriced {
  if (usage.seconds === 0) return 0n;
  const size = usage.size ?? "default";
  const perSecond = Object.hasOwn(rate.perSecond, size) ? rate.perSecond[size] : undefined;
  if (perSecond === undefined) return { unpriced: `size ${size}` };
  return BigInt(usage.seconds) * BigInt(perSecond) * BigInt(tier) * (SCALE / MILLION);
}

function callsComponent(rate: Rate, usage: Usage): bigint | Unpriced {
  let total = 0n;
  for (const [tool, count] of Object.entries(usage.calls)) {
    const perCall = Object.hasOwn(rate.perCall, tool) ? rate.perCall[tool] : undefined;
    if (perCall === undefined) return { unpriced: `tool ${tool}` };
    total += BigInt(count) * BigInt(perCall) * SCALE;
  }
  return total;
}
