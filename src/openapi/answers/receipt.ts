import * as z from "zod";
import { answer } from "./answer.ts";
import { considered, count, credits, instant, sourceAmount, usage, version } from "./fields.ts";

/** The explanation of one request, before and after it was made. */

const denialFields = {
  limit: z.string().nullable().describe("The gate, allowance, feature, model or price that refused."),
  resets_at: instant.nullable().describe("When asking again makes sense; `null` when waiting does not help."),
  needed: credits,
  available: credits,
};

/** A denial's own fields are there only when there is a denial. */
const decision = z.strictObject({
  outcome: z.enum(["allowed", "denied"]),
  reason: z.string().nullable(),
  limit: denialFields.limit.optional(),
  resets_at: denialFields.resets_at.optional(),
  needed: denialFields.needed.optional(),
  available: denialFields.available.optional(),
  count: count.optional().describe("Of how many refusals in the same minute this is the latest."),
  considered: z.array(considered),
  plan: version,
  rate_card: version.nullable(),
});

const multiplier = z.string().describe("A factor as a decimal string.");

const prices = answer(
  "Prices",
  z
    .strictObject({
      per_million_tokens: z
        .strictObject({ input: credits, cached_input: credits, cache_write: credits, output: credits })
        .nullable(),
      long_context: z
        .strictObject({ above_input_tokens: count, input_multiplier: multiplier, output_multiplier: multiplier })
        .nullable(),
      service_tiers: z.record(z.string(), multiplier),
      per_second: z.record(z.string(), credits).describe("By size."),
      per_call: z.record(z.string(), credits).describe("By tool."),
    })
    .describe("The model's line of the rate card that is named beside it."),
);

export const receipt = answer(
  "Receipt",
  z.strictObject({
    request_id: z.string(),
    attempt: count,
    at: instant,
    feature: z.string(),
    model: z.string(),
    key_id: z.string(),
    sentence: z.string().describe("All of it in one plain sentence."),
    decision,
    reservation: z
      .strictObject({
        state: z.enum(["pending", "settled", "released", "expired"]),
        estimated: credits,
        draws: z.array(sourceAmount),
        expires_at: instant.nullable(),
      })
      .nullable()
      .describe("`null` when the request was refused."),
    usage: usage.nullable(),
    prices: prices.nullable().describe("At which it was priced: with the usage, the charge can be reckoned again."),
    charge: z
      .strictObject({
        amount: credits,
        posted: z.array(sourceAmount).describe("What each source paid."),
        returned: credits,
        overshoot: credits.describe("The part that nothing covered; it was refunded at once."),
        refunded: credits.describe("What was given back later."),
      })
      .nullable(),
    ledger: z
      .strictObject({
        seq: count,
        usage_event: z.string(),
        monetization_event: z.string().nullable(),
        balance_updates: z.array(z.string()),
        confirmed: z.boolean(),
      })
      .nullable(),
  }),
);

const quoteFields = {
  model: z.string(),
  feature: z.string(),
  rate_card: version,
  prices,
  sentence: z.string(),
  considered: z.array(considered),
};

export const quote = answer(
  "Quote",
  z.discriminatedUnion("outcome", [
    z.strictObject({
      ...quoteFields,
      outcome: z.literal("allowed"),
      estimated: credits.describe("What it would cost at most."),
      max_output_tokens: count,
      seconds: count.optional().describe("Of a video."),
      size: z.string().optional().describe("Of a video."),
      draws: z.array(sourceAmount),
    }),
    z.strictObject({ ...quoteFields, outcome: z.literal("denied"), reason: z.string(), ...denialFields }),
  ]),
);
