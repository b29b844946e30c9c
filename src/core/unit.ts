import type { MicroCredits } from "./amount.ts";
import { totalTokens, type Usage } from "./usage.ts";

/** What an allowance is counted in. Credits count the value of a request, the others count the request itself. */
export type AllowanceUnit = "credits" | "requests" | "tokens" | "seconds";

/** What a gate counts. */
export type GateUnit = "requests" | "tokens" | "input_tokens" | "output_tokens" | "credits" | "concurrency";

/** How much a request with this usage and charge counts in `unit`. Credits are micro-credits. */
export function unitsOf(unit: AllowanceUnit | GateUnit, usage: Usage, charge: MicroCredits): number {
  switch (unit) {
    case "credits":
      return charge;
    case "requests":
    case "concurrency":
      return 1;
    case "tokens":
      return totalTokens(usage);
    case "input_tokens":
      return usage.inputTokens;
    case "output_tokens":
      return usage.outputTokens;
    case "seconds":
      return usage.seconds;
  }
}

/** A part of a charge that an allowance covers. */
export interface Cover {
  readonly units: number;
  readonly amount: MicroCredits;
}

const NOTHING: Cover = { units: 0, amount: 0 };

/**
 * How much of what is `left` of a `charge` is covered by `available` units, where the request counts `all` of them: the
 * covered share of the charge is the covered share of the units. A request is indivisible: it is covered whole or not.
 */
export function coverBy(
  unit: AllowanceUnit,
  available: number,
  all: number,
  charge: MicroCredits,
  left: MicroCredits,
): Cover {
  if (left === 0 || available <= 0) return NOTHING;
  if (unit === "credits") {
    const amount = Math.min(available, left);
    return { units: amount, amount };
  }
  if (all === 0) return NOTHING;
  const needed = unit === "requests" ? 1 : share(all, left, charge, "up");
  if (available >= needed) return { units: needed, amount: left };
  if (unit === "requests") return NOTHING;
  return { units: available, amount: Math.min(left, share(charge, available, all, "down")) };
}

/** `whole × part / of`, exactly, rounded once. */
export function share(whole: number, part: number, of: number, round: "up" | "down"): number {
  const product = BigInt(whole) * BigInt(part);
  const divisor = BigInt(of);
  return Number(round === "up" ? (product + divisor - 1n) / divisor : product / divisor);
}
