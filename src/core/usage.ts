import { quantity } from "./amount.ts";

/** Measured quantities of one request. Every count is a safe non-negative integer. */
export interface Usage {
  /** All input tokens; the cached and the cache-written ones are part of them. */
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  /** All output tokens; reasoning tokens are part of them and are never added again. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** Seconds of generated media, with the size that selects their rate. */
  readonly seconds: number;
  readonly size: string | null;
  /** Calls of hosted tools that carry a fee of their own, by tool. */
  readonly calls: Readonly<Record<string, number>>;
  /** The service tier that was really used; `null` is the default tier. */
  readonly serviceTier: string | null;
}

export const NO_USAGE: Usage = Object.freeze({
  inputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  seconds: 0,
  size: null,
  calls: Object.freeze({}),
  serviceTier: null,
});

/** More than any request can use: a report beyond it is not believed. */
const MOST = 1_000_000_000;

/** Why usage as reported cannot be charged, or `null` when it is coherent. */
export function incoherence(usage: Usage): string | null {
  const counts = [
    usage.inputTokens,
    usage.cachedInputTokens,
    usage.cacheWriteTokens,
    usage.outputTokens,
    usage.reasoningTokens,
    usage.seconds,
    ...Object.values(usage.calls),
  ];
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) return "a count is not a whole number";
  if (counts.some((count) => count > MOST)) return "a count is larger than any request can use";
  if (usage.cachedInputTokens + usage.cacheWriteTokens > usage.inputTokens) return "more cached input than input";
  if (usage.reasoningTokens > usage.outputTokens) return "more reasoning than output";
  return null;
}

/** Tokens that token gates count: input and output together. */
export function totalTokens(usage: Usage): number {
  return quantity(usage.inputTokens + usage.outputTokens, "total tokens");
}
