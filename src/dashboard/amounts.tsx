import { formatCredits, MICRO_PER_CREDIT, type MicroCredits } from "../core/amount.ts";
import type { AllowanceUnit, GateUnit } from "../core/unit.ts";

/** Credits for reading: thousands apart, at least two decimals, exact. */
export function creditsText(amount: MicroCredits): string {
  const [whole = "0", fraction = ""] = formatCredits(amount).split(".");
  return `${apart(whole)}.${fraction.replace(/0{1,4}$/, "")}`;
}

/** Credits that are only estimated: three digits of them. */
export function aboutText(amount: MicroCredits): string {
  const places = Math.max(0, String(Math.round(amount)).length - 3);
  const rounded = Math.round(amount / 10 ** places) * 10 ** places;
  const text = creditsText(rounded);
  return rounded >= 100 * MICRO_PER_CREDIT ? text.replace(/\.00$/, "") : text;
}

/** A count with its thousands apart. */
export function countText(count: number): string {
  return apart(String(count));
}

function apart(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

const UNIT_NAMES: Readonly<Record<AllowanceUnit | GateUnit, string>> = {
  credits: "credits",
  requests: "requests",
  tokens: "tokens",
  seconds: "seconds",
  input_tokens: "input tokens",
  output_tokens: "output tokens",
  concurrency: "at a time",
};

export function unitName(unit: AllowanceUnit | GateUnit): string {
  return UNIT_NAMES[unit];
}

/** A quantity in its unit, without the unit's name. */
export function quantityOf(unit: AllowanceUnit | GateUnit, quantity: number): string {
  return unit === "credits" ? creditsText(quantity) : countText(quantity);
}

/** Credits as a large figure: what matters large, the rest of the digits beside it. */
export function CreditsFigure({ amount }: { amount: MicroCredits }) {
  const [whole = "", fraction = ""] = creditsText(amount).split(".");
  return (
    <>
      {whole}
      <span class="fraction">.{fraction}</span>
    </>
  );
}
