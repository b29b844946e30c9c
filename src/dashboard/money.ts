/**
 * Currencies that Stripe does not count in hundredths, with as many digits as it takes. Runtimes know digits as well, but
 * those that are usual where people write: none for HUF or IDR, which Stripe counts in hundredths, as it does ISK and UGX,
 * of which it takes whole ones alone. Source: docs.stripe.com/currencies.
 */
const STRIPE_DIGITS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"].map(
      (currency) => [currency, 0],
    ),
  ),
  ...Object.fromEntries(["bhd", "jod", "kwd", "omr", "tnd"].map((currency) => [currency, 3])),
};
const USUAL_DIGITS = 2;

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
  return STRIPE_DIGITS[currency] ?? USUAL_DIGITS;
}
