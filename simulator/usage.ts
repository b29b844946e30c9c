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
    case "partial":
      return {
        input_tokens: count.input,
        input_tokens_details: { cache_write_tokens: count.cacheWrite },
        output_tokens: count.output,
        output_tokens_details: whole.output_tokens_details,
      };
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
  }
}

/** The usage object of Chat Completions; `undefined` where the answer shall carry none. */
export function chatUsage(count: TokenCount, shape: UsageShape): object | undefined {
  const promptDetails = { cached_tokens: count.cached, cache_write_tokens: count.cacheWrite, audio_tokens: 0 };
  const completionDetails = {
    reasoning_tokens: count.reasoning,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  };
  const whole = {
    prompt_tokens: count.input,
    completion_tokens: count.output,
    total_tokens: count.input + count.output,
    prompt_tokens_details: promptDetails,
    completion_tokens_details: completionDetails,
  };
  switch (shape) {
    case "whole":
      return whole;
    case "none":
      return undefined;
    case "partial":
      return {
        prompt_tokens: count.input,
        completion_tokens: count.output,
        prompt_tokens_details: { cache_write_tokens: count.cacheWrite, audio_tokens: 0 },
        completion_tokens_details: completionDetails,
      };
    case "huge":
      return { ...whole, completion_tokens: HUGE, total_tokens: HUGE };
    case "broken":
      return {
        ...whole,
        prompt_tokens: BROKEN.input,
        completion_tokens: BROKEN.output,
        total_tokens: BROKEN.total,
        prompt_tokens_details: { ...promptDetails, cached_tokens: BROKEN.cached },
        completion_tokens_details: { ...completionDetails, reasoning_tokens: BROKEN.reasoning },
      };
  }
}
