import rateCards from "../../config/rate-cards.json" with { type: "json" };

/** The model of all requests but videos. */
export const MODEL = "gpt-5.4-mini";
export const VIDEO_MODEL = "sora-2";
const MICRO = 1_000_000;

const { models } = rateCards.default;

/**
 * The price of a request in micro-credits, from the rate card's file and nothing of the gateway's own code. Credits per
 * million tokens are micro-credits per token.
 */
export function priceOf(inputTokens: number, outputTokens: number): number {
  const { input, output } = models[MODEL].per_million_tokens;
  return Math.floor(inputTokens * Number(input) + outputTokens * Number(output));
}

/** The price of a video of the usual size in micro-credits. */
export function videoPriceOf(seconds: number): number {
  return Math.floor(seconds * Number(models[VIDEO_MODEL].per_second["720x1280"]) * MICRO);
}

/** Credits on the wire as whole micro-credits. */
export function micro(credits: string): number {
  return Math.round(Number(credits) * MICRO);
}

export function credits(micros: number): string {
  return (micros / MICRO).toFixed(6);
}
