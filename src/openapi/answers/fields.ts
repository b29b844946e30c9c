import * as z from "zod";
import { USAGE_OUTCOMES } from "../../core/event.ts";
import { answer } from "./answer.ts";

/** What answers of many routes have in common. */

export const credits = answer(
  "Credits",
  z
    .string()
    .regex(/^-?\d+\.\d{6}$/)
    .meta({
      description: "An amount of credits as a decimal string with six places. Never a JSON number.",
      examples: ["12.500000"],
    }),
);

export const quantity = answer(
  "Quantity",
  z
    .string()
    .regex(/^\d+(\.\d{6})?$/)
    .meta({
      description: "A quantity in its unit: credits with six places, anything else as a whole number.",
      examples: ["12.500000", "60"],
    }),
);

export const instant = answer(
  "Instant",
  z.iso
    .datetime({ precision: 3 })
    .meta({ description: "An instant in UTC, ISO 8601.", examples: ["2026-11-22T12:00:00.000Z"] }),
);

export const count = z.int().min(0);

export const features = z
  .array(z.string())
  .nullable()
  .describe("The features that it is about; `null` is every feature.");

export const outcome = answer(
  "Outcome",
  z
    .enum(USAGE_OUTCOMES)
    .describe(
      "How the request ended. `late` and `corrected` are further events of a request that has one already; " +
        "`denied` stands for all refusals of a minute with the same reason and key.",
    ),
);

export const version = answer("Version", z.strictObject({ id: z.string(), version: z.int().min(1) }));

/** What was used, as usage events and receipts show it. */
export const usage = answer(
  "Usage",
  z.strictObject({
    input_tokens: count.describe("All input tokens; the cached and the cache-written ones are part of them."),
    cached_input_tokens: count,
    cache_write_tokens: count,
    output_tokens: count.describe("All output tokens; reasoning tokens are part of them."),
    reasoning_tokens: count,
    seconds: count.describe("Seconds of generated media."),
    size: z.string().nullable(),
    calls: z.record(z.string(), count).describe("Calls of hosted tools that carry a fee of their own, by tool."),
    service_tier: z.string().nullable().describe("The tier that was really used; `null` is the default one."),
    outcome: outcome.nullable(),
    estimated: z.boolean().describe("Whether the gateway counted, because upstream reported nothing to be trusted."),
  }),
);

export const sourceAmount = answer(
  "SourceAmount",
  z.strictObject({ source: z.string(), kind: z.enum(["allowance", "grant"]), amount: credits }),
);

export const considered = answer(
  "Considered",
  z
    .strictObject({
      source: z.string(),
      kind: z.enum(["gate", "allowance", "grant"]),
      unit: z.enum(["credits", "requests", "tokens", "input_tokens", "output_tokens", "seconds", "concurrency"]),
      available: quantity,
      taken: quantity,
    })
    .describe(
      "A gate or source that was looked at: what it had and what was taken, both in its unit. At most 100 grants pay for " +
        "one request; of the sources that give nothing, at most 20 are listed.",
    ),
);
