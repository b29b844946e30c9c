/**
 * Output tokens of an account's recent requests, by model: what a plan that estimates by `learned` reserves from. Only
 * requests count whose end upstream reported.
 */
export type Learned = Readonly<Record<string, readonly number[]>>;

/** Recent requests that are remembered for each model. */
const REMEMBERED = 64;
/** Models that are remembered; the one unused for longest is forgotten. */
const MODELS = 16;
/** Fewer than this many tell too little, and the ceiling is reserved. */
const FEWEST = 8;
/** The share of recent requests that may have produced more than what is expected of the next. */
const EXCEEDING = 0.05;
/** Headroom, because the next may be higher. What was chosen is compared with others in docs/estimates.md. */
const HEADROOM = 1.5;
const LEAST_TOKENS = 1_024;

/** `learned` with one more request of `model`. */
export function learn(learned: Learned, model: string, outputTokens: number): Learned {
  const recent = [...(learned[model] ?? []), outputTokens].slice(-REMEMBERED);
  const others = Object.entries(learned).filter(([name]) => name !== model);
  return Object.fromEntries([...others.slice(-(MODELS - 1)), [model, recent]]);
}

/** A cautious bound of the next request's output; `null` while too little is known. */
export function expectedOutput(learned: Learned, model: string): number | null {
  const highestFirst = [...(learned[model] ?? [])].sort((a, b) => b - a);
  if (highestFirst.length < FEWEST) return null;
  const quantile = highestFirst[Math.floor(EXCEEDING * highestFirst.length)] ?? 0;
  return Math.max(LEAST_TOKENS, Math.ceil(quantile * HEADROOM));
}
