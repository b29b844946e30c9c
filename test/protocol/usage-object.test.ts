import { describe, expect, it } from "vitest";
import { NO_USAGE } from "../../src/core/usage.ts";
import type { Json } from "../../src/protocol/adapter.ts";
import { readChatUsage, readResponsesUsage } from "../../src/protocol/usage-object.ts";

describe("usage is read as upstream means it", () => {
  it("cached and written input are parts of the input, reasoning is a part of the output", () => {
    const reported = {
      input_tokens: 12_041,
      input_tokens_details: { cached_tokens: 10_240, cache_write_tokens: 1_500, cache_write_tokens_details: {} },
      output_tokens: 803,
      output_tokens_details: { reasoning_tokens: 512 },
      total_tokens: 12_844,
    };
    expect(readResponsesUsage(reported)).toEqual({
      usage: {
        ...NO_USAGE,
        inputTokens: 12_041,
        cachedInputTokens: 10_240,
        cacheWriteTokens: 1_500,
        outputTokens: 803,
        reasoningTokens: 512,
      },
      invalid: null,
      partial: false,
    });
  });

  it("the chat protocol says the same in other words", () => {
    const reported = {
      prompt_tokens: 1_117,
      completion_tokens: 46,
      total_tokens: 1_163,
      prompt_tokens_details: { cached_tokens: 1_024, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 10, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 },
    };
    expect(readChatUsage(reported)).toEqual({
      usage: { ...NO_USAGE, inputTokens: 1_117, cachedInputTokens: 1_024, outputTokens: 46, reasoningTokens: 10 },
      invalid: null,
      partial: false,
    });
  });

  it.each<[string, Json]>([
    ["no total", { input_tokens: 5, output_tokens: 7, input_tokens_details: { cached_tokens: 0 } }],
    ["no details", { input_tokens: 5, output_tokens: 7, total_tokens: 12 }],
    [
      "details that are null",
      { input_tokens: 5, output_tokens: 7, input_tokens_details: null, output_tokens_details: null },
    ],
    [
      "details of the output without a count",
      { input_tokens: 5, output_tokens: 7, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: {} },
    ],
  ])("%s is enough", (_, reported) => {
    expect(readResponsesUsage(reported)).toEqual({
      usage: { ...NO_USAGE, inputTokens: 5, outputTokens: 7 },
      invalid: null,
      partial: false,
    });
  });
});

describe("usage is partial where its price depends on a count that it lacks", () => {
  const partialOf = (details: Json) =>
    readResponsesUsage({ input_tokens: 5, output_tokens: 7, input_tokens_details: details });

  it.each<Json>([{}, { cache_write_tokens: 3 }, { cached_tokens: null }])("details of the input: %j", (details) => {
    expect(partialOf(details)).toMatchObject({ usage: { inputTokens: 5, cachedInputTokens: 0 }, partial: true });
  });

  it.each<Json>([{ cached_tokens: 0 }, { cached_tokens: 5 }, null])("and not: %j", (details) => {
    expect(partialOf(details)).toMatchObject({ usage: { inputTokens: 5 }, partial: false });
  });
});

describe("usage that cannot be true is never charged", () => {
  it.each<[string, Json, string]>([
    ["a negative count", { input_tokens: -5, output_tokens: 1 }, "a count is not a whole number"],
    ["a fraction", { input_tokens: 1.5, output_tokens: 1 }, "a count is not a whole number"],
    ["1e18 tokens", { input_tokens: 1e18, output_tokens: 1 }, "inputTokens is too large"],
    ["endless tokens", { input_tokens: 1, output_tokens: Number.POSITIVE_INFINITY }, "outputTokens is too large"],
    ["strings", { input_tokens: "12", output_tokens: "3" }, "inputTokens is not a number"],
    ["one count only", { input_tokens: 12 }, "outputTokens is not a number"],
    ["an array", [1, 2], "usage is not an object"],
    [
      "a detail that is a string",
      { input_tokens: 1, output_tokens: 1, input_tokens_details: { cached_tokens: "1" } },
      "cachedInputTokens is not a number",
    ],
    [
      "more cached input than input",
      { input_tokens: 1, output_tokens: 1, input_tokens_details: { cached_tokens: 2 } },
      "more cached input than input",
    ],
    [
      "more reasoning than output",
      { input_tokens: 1, output_tokens: 1, output_tokens_details: { reasoning_tokens: 2 } },
      "more reasoning than output",
    ],
  ])("%s", (_, reported, invalid) => {
    expect(readResponsesUsage(reported)).toEqual({ usage: null, invalid, partial: false });
  });

  it("none is not a mistake", () => {
    expect(readResponsesUsage(undefined)).toEqual({ usage: null, invalid: null, partial: false });
    expect(readChatUsage(null)).toEqual({ usage: null, invalid: null, partial: false });
  });
});
