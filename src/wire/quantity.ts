import { formatCredits } from "../core/amount.ts";
import type { AllowanceUnit, GateUnit } from "../core/unit.ts";

/** A quantity in its unit, as text: credits with six decimals, anything else as a whole number. */
export function quantityText(unit: AllowanceUnit | GateUnit, quantity: number): string {
  return unit === "credits" ? formatCredits(quantity) : String(quantity);
}
