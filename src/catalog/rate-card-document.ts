import * as z from "zod";
import type { MicroCredits } from "../core/amount.ts";
import type { Rate } from "../core/rate-card.ts";
import { codexDocument } from "./codex-document.ts";
import { type ParsedDocument, readDocument } from "./document.ts";
import { decimal, fields, millionths, modelId, name, text, wholeNumber } from "./fields.ts";

/** A charge must stay a safe integer of micro-credits whatever the usage; these bounds see to it. */
const MAX_PRICE_CREDITS = 100_000;
const MAX_MULTIPLIER = 20;
const MAX_OUTPUT_TOKENS = 10_000_000;
/** What is reserved for a model whose card does not say how much it can produce: the most that any OpenAI model does. */
const USUAL_MAX_OUTPUT_TOKENS = 128_000;
/** Tiers that are always charged at the plain rates; a multiplier for them would be ignored. */
const PLAIN_TIERS = ["default", "auto"];

const price = decimal("an amount of credits", "0", MAX_PRICE_CREDITS);
const multiplier = decimal("a multiplier", "above 0", MAX_MULTIPLIER);

const tokenPrices = fields({
  input: price,
  cached_input: price.optional(),
  cache_write: price.optional(),
  output: price,
}).transform((prices) => ({
  input: prices.input,
  // Never free by omission: what has no price of its own is input like any other.
  cached_input: prices.cached_input ?? prices.input,
  cache_write: prices.cache_write ?? prices.input,
  output: prices.output,
}));

const serviceTier = name.refine((tier) => !PLAIN_TIERS.includes(tier), {
  error: "is always charged at the plain rates and takes no multiplier",
});

const size = z.string().regex(/^(?:default|[1-9]\d{1,4}x[1-9]\d{1,4})$/, {
  error: 'must be a size such as "1280x720", or "default" for requests that name none',
});

const rate = fields({
  feature: name,
  per_million_tokens: tokenPrices.nullable().default(null),
  long_context: fields({
    above_input_tokens: wholeNumber(1, 100_000_000),
    input_multiplier: multiplier,
    output_multiplier: multiplier,
  })
    .nullable()
    .default(null),
  service_tiers: z.record(serviceTier, multiplier, { error: "must be an object of tier → multiplier" }).default({}),
  max_output_tokens: wholeNumber(1, MAX_OUTPUT_TOKENS).nullable().default(null),
  per_second: z.record(size, price, { error: "must be an object of size → credits" }).default({}),
  per_call: z.record(name, price, { error: "must be an object of tool → credits" }).default({}),
  source: text(500).nullable().default(null),
  as_of: z.iso.date({ error: 'must be a date such as "2026-05-13"' }).nullable().default(null),
  // Optional rather than null: a card that does not name it stays the same document, and so the same version.
  codex: codexDocument.optional(),
})
  .superRefine((rate, context) => {
    const refuse = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const { per_million_tokens: tokens, per_second, per_call } = rate;
    if (!tokens && Object.keys(per_second).length === 0 && Object.keys(per_call).length === 0) {
      refuse([], 'prices nothing: give per_million_tokens, per_second or per_call; what is free has the price "0"');
    }
    if (!tokens && rate.long_context) refuse(["long_context"], "has no meaning without per_million_tokens");
    if (!tokens && rate.max_output_tokens) refuse(["max_output_tokens"], "has no meaning without per_million_tokens");
    if (!tokens && rate.codex) refuse(["codex"], "has no meaning without per_million_tokens");
  })
  .transform((rate) => ({
    ...rate,
    max_output_tokens: rate.per_million_tokens ? (rate.max_output_tokens ?? USUAL_MAX_OUTPUT_TOKENS) : null,
  }));

const instant = z.iso
  .datetime({ error: 'must be an instant in UTC such as "2026-11-22T00:00:00Z"' })
  .refine((value) => Number.isSafeInteger(Date.parse(value)), { error: "must be an instant that exists" });

/** A rate card on the wire (`PUT /admin/rate-cards/{id}`). What it yields is complete: every default is written out. */
export const rateCardDocument = fields({
  effective_at: instant.nullable().default(null),
  models: z
    .record(modelId, rate, { error: "must be an object of model id → rate" })
    .refine((models) => Object.keys(models).length > 0, { error: "must price at least one model" })
    .refine((models) => Object.keys(models).length <= 500, { error: "must price at most 500 models" }),
});

export type RateCardDocument = z.output<typeof rateCardDocument>;
export type RateDocument = RateCardDocument["models"][string];

/** Checks a rate card as it came from JSON. */
export function readRateCardDocument(raw: unknown): ParsedDocument<RateCardDocument> {
  return readDocument(rateCardDocument, raw);
}

/** A checked line of a rate card as the core prices with it. */
export function toRate(document: RateDocument): Rate {
  const { per_million_tokens: tokens, long_context: long } = document;
  return {
    feature: document.feature,
    tokens: tokens && {
      input: millionths(tokens.input),
      cachedInput: millionths(tokens.cached_input),
      cacheWrite: millionths(tokens.cache_write),
      output: millionths(tokens.output),
    },
    longContext: long && {
      aboveInputTokens: long.above_input_tokens,
      inputMultiplier: millionths(long.input_multiplier),
      outputMultiplier: millionths(long.output_multiplier),
    },
    serviceTiers: toMillionths(document.service_tiers),
    perSecond: toMillionths(document.per_second),
    perCall: toMillionths(document.per_call),
    maxOutputTokens: document.max_output_tokens ?? 0,
  };
}

function toMillionths(amounts: Readonly<Record<string, string>>): Record<string, MicroCredits> {
  return Object.fromEntries(Object.entries(amounts).map(([key, amount]) => [key, millionths(amount)]));
}
