import * as z from "zod";
import { answer, pageOf } from "./answer.ts";
import { count, credits, instant } from "./fields.ts";

/** Money in. Amounts of money are in the smallest unit of their currency, amounts of credits are credits. */

const packFields = {
  id: z.string(),
  name: z.string(),
  credits,
  amount: count.describe("The price in the smallest unit of the currency: 1000 is 10.00 EUR."),
  currency: z.string(),
};

export const creditPack = answer("CreditPack", z.strictObject(packFields));
export const creditPacks = pageOf("CreditPacks", creditPack);

export const storedPack = answer(
  "StoredCreditPack",
  z.strictObject({ ...packFields, active: z.boolean(), created_at: instant, updated_at: instant }),
);
export const storedPacks = pageOf("StoredCreditPacks", storedPack);

export const checkout = answer(
  "Checkout",
  z.strictObject({
    id: z.string(),
    url: z.string().describe("Where the buyer pays. The credits are granted when the money has arrived."),
    pack: z.string(),
    credits,
    amount: count,
    currency: z.string(),
    expires_at: instant,
  }),
);

const paymentFields = {
  id: z.string(),
  kind: z.enum(["checkout", "top_up"]),
  state: z.enum(["pending", "paid", "failed", "paid_back"]),
  pack: z.string(),
  credits,
  amount: count,
  currency: z.string(),
  refunded: count.describe("Money that was paid back."),
  lost: count.describe("Money lost in disputes."),
  dispute: z
    .enum(["inquiry", "open", "won", "lost"])
    .nullable()
    .describe("Where its dispute stands; `null` where the buyer's bank has not asked for the money back."),
  reclaimed: credits.describe("Credits that were to be taken back with it."),
  grant: z.string().nullable(),
  created_at: instant,
  paid_at: instant.nullable(),
};

export const payment = answer("Payment", z.strictObject(paymentFields));
export const payments = pageOf("Payments", payment);

export const operatorPayment = answer(
  "OperatorPayment",
  z.strictObject({
    ...paymentFields,
    account: z.string(),
    provider_id: z.string(),
    shortfall: credits.describe("Credits that could not be taken back, because they were used."),
  }),
);
export const operatorPayments = pageOf("OperatorPayments", operatorPayment);

export const paymentCheck = answer(
  "PaymentCheck",
  z.strictObject({
    checked: z.strictObject({ payments: count, credits, reclaimed: credits, shortfall: credits }),
    differences: z.array(
      z.strictObject({
        account: z.string(),
        payment: z.string().nullable(),
        grant: z.string(),
        subject: z.string(),
        expected: credits,
        found: credits,
      }),
    ),
  }),
);

export const parkedPayment = answer(
  "ParkedPayment",
  z
    .strictObject({
      id: z.string(),
      payment: z.string(),
      account: z.string().nullable(),
      reason: z.string(),
      event: z.record(z.string(), z.unknown()).describe("What the provider told of the payment."),
      received_at: instant,
      resolved_at: instant.nullable(),
      resolution: z.string().nullable(),
    })
    .describe("What was told of a payment and could not be followed: only a person can say what is right."),
);
export const parkedPayments = pageOf("ParkedPayments", parkedPayment);

export const redrivenPayment = answer("RedrivenPayment", z.strictObject({ id: z.string(), redriven: z.literal(true) }));
export const dismissedPayment = answer(
  "DismissedPayment",
  z.strictObject({ id: z.string(), dismissed: z.literal(true) }),
);

const topUp = answer(
  "TopUp",
  z.strictObject({
    id: z.string(),
    pack: z.string(),
    credits,
    amount: count,
    currency: z.string(),
    state: z.enum(["begun", "succeeded", "failed"]),
    reason: z.string().nullable(),
    created_at: instant,
    ended_at: instant.nullable(),
  }),
);

const always = { payment_method_saved: z.boolean(), top_ups: z.array(topUp).describe("The latest of them.") };

export const autoTopUp = answer(
  "AutoTopUp",
  z.union([
    z.strictObject({
      enabled: z.boolean(),
      threshold: credits,
      pack: z.string(),
      monthly_cap: count,
      currency: z.string().nullable().describe("Of the pack, and so of `monthly_cap`."),
      cooldown: z.string(),
      failures: count,
      suspended: z.string().nullable().describe("Why nothing is bought until it is set again."),
      waits_until: instant.nullable(),
      waits_because: z.string().nullable(),
      updated_at: instant,
      ...always,
    }),
    z.strictObject({ enabled: z.literal(false), ...always }).describe("It was never set."),
  ]),
);

export const paymentReceived = answer(
  "PaymentWebhookReceived",
  z.strictObject({
    received: z.literal(true),
    acted: z.boolean(),
    parked: z.string().optional().describe("Why it could not be followed."),
  }),
);
