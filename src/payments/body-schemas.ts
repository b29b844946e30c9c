import * as z from "zod";
import { decimal, fields, name, period, text, wholeNumber } from "../catalog/fields.ts";

const MOST_CREDITS = 10_000_000;
/** Stripe takes amounts of up to eight digits. */
const MOST_AMOUNT = 99_999_999;

const CURRENCIES = new Set(Intl.supportedValuesOf("currency").map((code) => code.toLowerCase()));

/** Whether `code` is a currency, as Stripe writes it: three lower-case letters. */
export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

/**
 * Of what an amount has to be a multiple, where Stripe takes no other: whole crowns and shillings, though counted in
 * hundredths, and hundredths where it counts in thousandths. Source: docs.stripe.com/currencies ("Three-decimal
 * currencies", "Special cases").
 */
const MULTIPLES: Readonly<Record<string, number>> = {
  isk: 100,
  ugx: 100,
  bhd: 10,
  jod: 10,
  kwd: 10,
  omr: 10,
  tnd: 10,
};

/** A credit pack on the wire (`PUT /admin/credit-packs/{id}`). */
export const packDocument = fields({
  name: text(100),
  credits: decimal("an amount of credits", "above 0", MOST_CREDITS),
  /** In the smallest unit of the currency: 1000 is 10.00 EUR, and 1000 JPY. */
  amount: wholeNumber(1, MOST_AMOUNT),
  currency: z
    .string({ error: 'is required: a currency in lower case, such as "eur"' })
    .refine(isCurrency, { error: 'must be a currency of ISO 4217 in lower case, such as "eur"' }),
  active: z.boolean({ error: "must be true or false" }).default(true),
}).superRefine(({ amount, currency }, context) => {
  const multiple = MULTIPLES[currency] ?? 1;
  if (amount % multiple === 0) return;
  const message = `must be a multiple of ${multiple} in ${currency}: Stripe takes no smaller part of it`;
  context.addIssue({ code: "custom", path: ["amount"], message });
});

/** What a person buys. `save_payment_method` lets automatic top-ups use the same card later. */
export const newCheckout = fields({
  pack: name,
  save_payment_method: z.boolean({ error: "must be true or false" }).default(false),
});

/** What `PUT /api/auto-topup` takes. Money is in the smallest unit of the pack's currency. */
export const autoTopUpDocument = fields({
  enabled: z.boolean({ error: "is required: true or false" }),
  /** Credits are bought when fewer than this are available. */
  threshold: decimal("an amount of credits", "above 0", MOST_CREDITS),
  pack: name,
  /** The most that is spent in a month of UTC. */
  monthly_cap: wholeNumber(1, MOST_AMOUNT),
  /** The least time between two purchases. */
  cooldown: period.default("10m"),
});

/** What becomes of a payment that was put aside, in the words of who decided. */
export const dismissal = fields({ reason: text(500) });
