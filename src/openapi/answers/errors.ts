import * as z from "zod";
import type { Remedy } from "../../protocol/denial.ts";
import { answer } from "./answer.ts";
import { credits, instant } from "./fields.ts";

/** Refusals, as they are told outside `/v1` and under it. */

export const errorAnswer = answer(
  "Error",
  z.strictObject({
    error: z.strictObject({
      code: z.string().describe("For programs. The codes of a route stand with its refusals."),
      message: z.string().describe("For people."),
      request_id: z.string(),
    }),
  }),
);

const REMEDIES = [
  "retry",
  "reduce_request",
  "wait_or_add_credits",
  "add_credits",
  "change_plan",
  "change_request",
  "contact_operator",
] as const satisfies readonly Remedy[];

export const openAIErrorAnswer = answer(
  "OpenAIError",
  z.strictObject({
    error: z
      .looseObject({
        message: z.string(),
        type: z.string(),
        param: z.string().nullable(),
        code: z.string().nullable(),
        request_id: z.string().optional().describe("The gateway's own id of the request; the key to its receipt."),
        resets_at: z.int().optional().describe("Epoch seconds: when included use is back."),
        spillway: z
          .strictObject({
            reason: z.string(),
            limit: z.string().nullable().describe("The gate, allowance, feature, model or price that refused."),
            remedy: z.enum(REMEDIES).describe("What helps."),
            resets_at: instant.optional(),
            available: credits.optional(),
            needed: credits.optional(),
          })
          .optional()
          .describe("Of denials: what the account's limits and credits have to do with it."),
      })
      .describe("OpenAI's error. Upstream's own errors pass as they are."),
  }),
);
