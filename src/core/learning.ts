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
/** Headroom over the highest that was seen, because the next may be higher. */
const HEADROOM = 1.5;
const LEAST_TOKENS = 2_048;

/** `learned` with one more request of `model`. */
export function learn(learned: Learned, model: string, outputTokens: number): Learned {
  const recent = [...(learned[model] ?? []), outputTokens].slice(-REMEMBERED);
  const others = Object.entries(learned).filter(([name]) => name !== model);
  return Object.fromEntries([...others.slice(-(MODELS - 1)), [model, recent]]);
}

/** A cautious bound of the next request's output; `null` while too little is known. */
export function expectedOutput(learned: Learned, model: string): number | null {
  const recent = learned[model] ?? [];
  if (recent.length < FEWEST) return null;
  return Math.max(LEAST_TOKENS, Math.ceil(Math.max(...recent) * HEADROOM));
}
