/** Currencies that Stripe counts in other units than the rest of the world does; as many digits as it takes. */
const STRIPE_DIGITS: Readonly<Record<string, number>> = { isk: 2, ugx: 2, mga: 0 };

/** Money for reading, such as $10.00. @param amount in the smallest unit of `currency` */
export function moneyText(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  const format = new Intl.NumberFormat("en", {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return format.format(amount / 10 ** digits);
}

/** What one of `count` costs, to three digits. @param amount in the smallest unit of `currency` */
export function unitPriceText(amount: number, currency: string, count: number): string {
  const format = new Intl.NumberFormat("en", { style: "currency", currency, maximumSignificantDigits: 3 });
  return format.format(amount / 10 ** digitsOf(currency) / count);
}

/** Money as it is typed into a field: 10.00. @param amount in the smallest unit of `currency` */
export function typedMoney(amount: number, currency: string): string {
  const digits = digitsOf(currency);
  return (amount / 10 ** digits).toFixed(digits);
}

/** What was typed, in the smallest unit of `currency`; `null` when it is no amount of it. */
export function readMoney(text: string, currency: string): number | null {
  const digits = digitsOf(currency);
  const match = /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim());
  const [, whole = "", fraction = ""] = match ?? [];
  return match && fraction.length <= digits ? Number(whole + fraction.padEnd(digits, "0")) : null;
}

function digitsOf(currency: string): number {
  const usual = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits;
  return STRIPE_DIGITS[currency] ?? usual ?? 2;
}
