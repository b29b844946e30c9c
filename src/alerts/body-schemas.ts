import * as z from "zod";
import { decimal, fields, oneOf, wholeNumber } from "../catalog/fields.ts";
import { addressFault, canonicalAddress } from "./address.ts";

/** What people may be told of. */
export const RULES = [
  "window_used",
  "credits_low",
  "spend_rate",
  "grant_expires",
  "account_frozen",
  "top_up_succeeded",
  "top_up_failed",
  "payment_parked",
  "payments_differ",
  "test",
] as const;

export type Rule = (typeof RULES)[number];

const MOST_CREDITS = 10_000_000;
const credits = decimal("an amount of credits", "above 0", MOST_CREDITS);

/** What an account is told of. What is left out has its usual value; `null` and an empty list turn a rule off. */
export const alertSettingsDocument = fields({
  /** Percents of an allowance's window at which its account is told, once per window. */
  windows: z.array(wholeNumber(1, 100)).max(10).default([80, 95, 100]),
  /** Told when fewer credits than this are available. */
  credits_below: credits.nullable().default(null),
  /** Told when more than this was spent within an hour. */
  spend_per_hour: credits.nullable().default(null),
  /** Told so many days before a grant expires with something left. */
  grant_expires_days: wholeNumber(1, 90).nullable().default(3),
  frozen: z.boolean({ error: "must be true or false" }).default(true),
  top_ups: z.boolean({ error: "must be true or false" }).default(true),
});

const url = z
  .string({ error: "is required: an https address" })
  .superRefine((value, context) => {
    const fault = addressFault(value);
    if (fault !== null) context.addIssue({ code: "custom", message: fault });
  })
  .transform(canonicalAddress);

export const newEndpoint = fields({
  url,
  /** The rules it is told of; all without it. */
  rules: z
    .array(oneOf(RULES))
    .min(1, { error: "must name at least one rule; leave it out for all" })
    .nullable()
    .default(null),
});
