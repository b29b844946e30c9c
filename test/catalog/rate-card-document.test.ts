import { describe, expect, test } from "vitest";
import { CODEX_DEFAULTS } from "../../src/catalog/codex-document.ts";
import { canonicalJson } from "../../src/catalog/document.ts";
import { readRateCardDocument, toRate } from "../../src/catalog/rate-card-document.ts";
import type { Rate } from "../../src/core/rate-card.ts";

const TOKENS = { input: "62.5", cached_input: "6.25", cache_write: "78.125", output: "375" };
const CODEX = {
  feature: "codex",
  per_million_tokens: TOKENS,
  long_context: { above_input_tokens: 272_000, input_multiplier: "2", output_multiplier: "1.5" },
  service_tiers: { priority: "2", flex: "0.5" },
  max_output_tokens: 128_000,
  source: "where the price was published",
  as_of: "2026-05-13",
};
const SORA = { feature: "sora", per_second: { "720x1280": "2.5", "1280x720": "2.5" } };

/** As the database holds it: sorted keys, every default written out. */
const RECORDED =
  '{"effective_at":null,"models":{"gpt-5.4":{"as_of":"2026-05-13","feature":"codex","long_context":null,' +
  '"max_output_tokens":128000,"per_call":{"web_search":"0.25"},"per_million_tokens":{"cache_write":"62.5",' +
  '"cached_input":"6.25","input":"62.5","output":"375"},"per_second":{},"service_tiers":{"priority":"2"},' +
  '"source":"where the price was published"}}}';

type Wire = Record<string, unknown>;

function card(rate: Wire): Wire {
  return { effective_at: "2026-11-22T00:00:00Z", models: { "gpt-5.4": rate } };
}

function codex(change: Wire): Wire {
  return card({ ...CODEX, ...change });
}

function tokens(change: Wire): Wire {
  return codex({ per_million_tokens: { ...TOKENS, ...change } });
}

function long(change: Wire): Wire {
  return codex({ long_context: { ...CODEX.long_context, ...change } });
}

function rateOf(rate: Wire): Rate {
  const parsed = readRateCardDocument(card(rate));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
  const line = parsed.document.models["gpt-5.4"];
  if (!line) throw new Error("no such line");
  return toRate(line);
}

describe("a rate-card document", () => {
  test("becomes rates in micro-credits and multipliers in millionths", () => {
    expect(rateOf(CODEX)).toEqual({
      feature: "codex",
      tokens: { input: 62_500_000, cachedInput: 6_250_000, cacheWrite: 78_125_000, output: 375_000_000 },
      longContext: { aboveInputTokens: 272_000, inputMultiplier: 2_000_000, outputMultiplier: 1_500_000 },
      serviceTiers: { priority: 2_000_000, flex: 500_000 },
      perSecond: {},
      perCall: {},
      maxOutputTokens: 128_000,
    });
    expect(rateOf(SORA)).toMatchObject({
      feature: "sora",
      tokens: null,
      longContext: null,
      perSecond: { "720x1280": 2_500_000, "1280x720": 2_500_000 },
      maxOutputTokens: 0,
    });
  });

  test("charges cached and cache-written input like input when it does not say otherwise", () => {
    const rate = rateOf({ feature: "codex", per_million_tokens: { input: "10", output: "20" } });
    expect(rate.tokens).toEqual({
      input: 10_000_000,
      cachedInput: 10_000_000,
      cacheWrite: 10_000_000,
      output: 20_000_000,
    });
  });

  test("can say that a model is free, but only in so many words", () => {
    expect(rateOf({ feature: "codex", per_million_tokens: { input: "0", output: "0" } }).tokens?.output).toBe(0);
    expect(readRateCardDocument(card({ feature: "codex" })).ok).toBe(false);
  });

  test("reserves 128,000 output tokens for a model that states no maximum", () => {
    expect(rateOf({ feature: "codex", per_million_tokens: { input: "1", output: "1" } }).maxOutputTokens).toBe(128_000);
  });

  test("keeps where and when a price was published, and reads the same a second time", () => {
    const parsed = readRateCardDocument({ models: { "gpt-5.4": CODEX, "sora-2": SORA } });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(parsed.document.models["gpt-5.4"]).toMatchObject({ source: CODEX.source, as_of: CODEX.as_of });
    expect(readRateCardDocument(parsed.document)).toEqual(parsed);
  });

  test("which was recorded before Codex could be told anything reads as the same text", () => {
    const parsed = readRateCardDocument(JSON.parse(RECORDED));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    expect(canonicalJson(parsed.document)).toBe(RECORDED);
  });

  test("writes out how Codex is to treat a model, completely", () => {
    const parsed = readRateCardDocument(codex({ codex: { display_name: "GPT-5.4", priority: 3 } }));
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.faults));
    const told = parsed.document.models["gpt-5.4"]?.codex;
    expect(told).toEqual({ ...CODEX_DEFAULTS, display_name: "GPT-5.4", priority: 3 });
    expect(readRateCardDocument(parsed.document)).toEqual(parsed);
  });

  const model = 'models["gpt-5.4"]';
  const prices = `${model}.per_million_tokens`;
  const levels = (at?: number) => `${model}.codex.supported_reasoning_levels${at === undefined ? "" : `[${at}]`}`;
  test.each<[string, unknown, string, RegExp]>([
    ["nothing", null, "", /must be an object with effective_at, models/],
    ["no models", {}, "models", /model id → rate/],
    ["an empty list of models", { models: {} }, "models", /at least one model/],
    ["a model id with a space", { models: { "gpt 5": CODEX } }, 'models["gpt 5"]', /must be a model id/],
    ["a model without a feature", codex({ feature: undefined }), `${model}.feature`, /is required: a name/],
    ["a model that prices nothing", card({ feature: "codex" }), model, /prices nothing.*per_million_tokens/],
    ["a model with an empty price list", card({ feature: "sora", per_second: {} }), model, /prices nothing/],
    ["no input rate", tokens({ input: undefined }), `${prices}.input`, /is required/],
    ["no output rate", tokens({ output: undefined }), `${prices}.output`, /is required/],
    [
      "a misspelt rate",
      tokens({ cached: "1" }),
      `${prices}.cached`,
      /accepted: input, cached_input, cache_write, output/,
    ],
    ["a misspelt field", codex({ per_token: "1" }), `${model}.per_token`, /not a known field/],
    ["a negative rate", tokens({ input: "-1" }), `${prices}.input`, /from 0 up to/],
    ["a negative zero", tokens({ input: "-0" }), `${prices}.input`, /from 0 up to/],
    ["a rate as a number", tokens({ output: 375 }), `${prices}.output`, /decimal string/],
    ["NaN", tokens({ output: "NaN" }), `${prices}.output`, /decimal string/],
    ["infinity", tokens({ output: "Infinity" }), `${prices}.output`, /decimal string/],
    ["seven decimals", tokens({ input: "1.0000001" }), `${prices}.input`, /six places/],
    ["a comma", tokens({ input: "1,5" }), `${prices}.input`, /decimal string/],
    ["an empty rate", tokens({ input: "" }), `${prices}.input`, /decimal string/],
    ["a rate that is too large", tokens({ input: "100000.000001" }), `${prices}.input`, /up to 100000/],
    [
      "half a long context",
      long({ output_multiplier: undefined }),
      `${model}.long_context.output_multiplier`,
      /requir/,
    ],
    ["a threshold of 0", long({ above_input_tokens: 0 }), `${model}.long_context.above_input_tokens`, /from 1/],
    ["a multiplier of 0", long({ input_multiplier: "0" }), `${model}.long_context.input_multiplier`, /above 0/],
    ["a multiplier of 21", codex({ service_tiers: { x: "21" } }), `${model}.service_tiers.x`, /up to 20/],
    [
      "a price for the default tier",
      codex({ service_tiers: { default: "2" } }),
      `${model}.service_tiers.default`,
      /plain/,
    ],
    ["no output at all", codex({ max_output_tokens: 0 }), `${model}.max_output_tokens`, /from 1 to 10000000/],
    [
      "output without a token price",
      card({ ...SORA, max_output_tokens: 5 }),
      `${model}.max_output_tokens`,
      /no meaning/,
    ],
    [
      "long context without a token price",
      card({ ...SORA, long_context: CODEX.long_context }),
      `${model}.long_context`,
      /no meaning/,
    ],
    ["a size that is none", card({ feature: "sora", per_second: { hd: "1" } }), `${model}.per_second.hd`, /"1280x720"/],
    [
      "a negative second",
      card({ feature: "sora", per_second: { "720x1280": "-2.5" } }),
      `${model}.per_second["720x1280"]`,
      /from 0/,
    ],
    ["a tool fee as a number", codex({ per_call: { web_search: 0.25 } }), `${model}.per_call.web_search`, /decimal/],
    ["Codex told about a video", card({ ...SORA, codex: {} }), `${model}.codex`, /no meaning/],
    ["a misspelt word to Codex", codex({ codex: { context: 5 } }), `${model}.codex.context`, /not a known field/],
    ["a level nobody knows", codex({ codex: { supported_reasoning_levels: ["huge"] } }), levels(0), /accepted: none/],
    ["a level twice", codex({ codex: { supported_reasoning_levels: ["low", "low"] } }), levels(), /twice/],
    [
      "levels and no default",
      codex({ codex: { supported_reasoning_levels: ["low"] } }),
      `${model}.codex.default_reasoning_level`,
      /must be one of supported_reasoning_levels/,
    ],
    [
      "a default that is no level",
      codex({ codex: { supported_reasoning_levels: ["low"], default_reasoning_level: "high" } }),
      `${model}.codex.default_reasoning_level`,
      /must be one of supported_reasoning_levels/,
    ],
    [
      "a context that outgrows its bound",
      codex({ codex: { context_window: 9_000, max_context_window: 8_000 } }),
      `${model}.codex.max_context_window`,
      /not be less/,
    ],
    ["images alone", codex({ codex: { input_modalities: ["image"] } }), `${model}.codex.input_modalities`, /text/],
    [
      "instructions without end",
      codex({ codex: { base_instructions: "x".repeat(60_001) } }),
      `${model}.codex.base_instructions`,
      /60000/,
    ],
    ["yes", codex({ codex: { use_responses_lite: "yes" } }), `${model}.codex.use_responses_lite`, /true or false/],
    ["a date that does not exist", codex({ as_of: "2026-02-30" }), `${model}.as_of`, /date such as/],
    ["a source that is no text", codex({ source: 7 }), `${model}.source`, /text of 1 to 500/],
    ["local time", { ...codex({}), effective_at: "2026-11-22T00:00:00+01:00" }, "effective_at", /instant in UTC/],
    ["an effective date without time", { ...codex({}), effective_at: "2026-11-22" }, "effective_at", /instant in UTC/],
    ["an effective instant as a number", { ...codex({}), effective_at: 0 }, "effective_at", /instant in UTC/],
    ["a version in the body", { ...codex({}), version: 2 }, "version", /accepted: effective_at, models/],
    ["a prototype", JSON.parse('{"models":{"__proto__":{"feature":"codex"}}}'), "models.__proto__", /reserved/],
  ])("with %s is refused by name", (_what, raw, path, message) => {
    const parsed = readRateCardDocument(raw);
    if (parsed.ok) throw new Error("was accepted");
    expect(parsed.faults).toContainEqual({ path, message: expect.stringMatching(message) });
  });

  test("nested beyond reason is refused without exhausting the stack", () => {
    const deep = JSON.parse(`{"models":${"[".repeat(5_000)}${"]".repeat(5_000)}}`);
    expect(readRateCardDocument(deep).ok).toBe(false);
  });
});
