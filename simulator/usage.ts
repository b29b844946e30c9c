import type { UsageShape } from "./scenario.ts";

/** Tokens of one answer. Cached and written tokens are parts of `input`, reasoning tokens are a part of `output`. */
export interface TokenCount {
  input: number;
  cached: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

/** What stands in for the numbers when usage must be unusable: none of it is a count of tokens. */
const BROKEN = { input: -5, cached: "12", output: "many", reasoning: -1, total: 2.5 };
const HUGE = 1e18;

/** The fields that a shape leaves out. */
const LEFT_OUT = {
  partial: ["total_tokens", "cached_tokens"],
  no_total: ["total_tokens"],
  no_cached: ["cached_tokens"],
  no_reasoning: ["reasoning_tokens"],
};

/** The usage object of the Responses API; `undefined` where the answer shall carry none. */
export function responsesUsage(count: TokenCount, shape: UsageShape): object | undefined {
  const details = { cached_tokens: count.cached, cache_write_tokens: count.cacheWrite };
  const whole = {
    input_tokens: count.input,
    input_tokens_details: details,
    output_tokens: count.output,
    output_tokens_details: { reasoning_tokens: count.reasoning },
    total_tokens: count.input + count.output,
  };
  switch (shape) {
    case "whole":
      return whole;
    case "none":
      return undefined;
    case "huge":
      return { ...whole, output_tokens: HUGE, total_tokens: HUGE };
    case "broken":
      return {
        input_tokens: BROKEN.input,
        input_tokens_details: { ...details, cached_tokens: BROKEN.cached },
        output_tokens: BROKEN.output,
        output_tokens_details: { reasoning_tokens: BROKEN.reasoning },
        total_tokens: BROKEN.total,
      };
    default:
      return without(whole, LEFT_OUT[shape]);
  }
}

/** The usage object of Chat Completions; `undefined` where the answer shall carry none. */
export function chatUsage(count: TokenCount, shape: UsageShape): object | undefined {
  const promptDetails = { cached_tokens: count.cached, cache_write_tokens: count.cacheWrite, audio_tokens: 0 };
  const whole = {
    prompt_tokens: count.input,
    completion_tokens: count.output,
    total_tokens: count.input + count.output,
    prompt_tokens_details: promptDetails,
    completion_tokens_details: {
      reasoning_tokens: count.reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
  switch (shape) {
    case "whole":
      return whole;
    case "none":
      return undefined;
    case "huge":
      return { ...whole, completion_tokens: HUGE, total_tokens: HUGE };
    case "broken":
      return {
        ...whole,
        prompt_tokens: BROKEN.input,
        completion_tokens: BROKEN.output,
        total_tokens: BROKEN.total,
        prompt_tokens_details: { ...promptDetails, cached_tokens: BROKEN.cached },
        completion_tokens_details: { ...whole.completion_tokens_details, reasoning_tokens: BROKEN.reasoning },
      };
    default:
      return without(whole, LEFT_OUT[shape]);
  }
}

/** A copy of `usage` in which the fields `names` are missing, wherever they stand. */
function without(usage: object, names: readonly string[]): object {
  return JSON.parse(JSON.stringify(usage, (name, value: unknown) => (names.includes(name) ? undefined : value)));
}
