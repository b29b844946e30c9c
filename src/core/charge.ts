import { invariant, type MicroCredits } from "./amount.ts";
import type { UsageOutcome } from "./event.ts";
import { price } from "./rate-card.ts";
import type { Reservation } from "./reservation.ts";
import { incoherence, NO_USAGE, type Usage } from "./usage.ts";

/** What is known of a request when it ends. */
export interface UsageReport {
  readonly usage: Usage;
  readonly outcome: UsageOutcome;
  /** Whether the gateway counted it itself, because upstream reported nothing that can be trusted. */
  readonly estimated: boolean;
}

/** Usage as it can be charged, and its charge. What was counted by the gateway never costs more than was reserved. */
export function chargeFor(reservation: Reservation, report: UsageReport): { usage: Usage; charge: MicroCredits } {
  invariant(incoherence(report.usage) === null, "usage is checked before it is settled");
  const usage = asQuoted(report.usage, reservation);
  const charge = price(reservation.quote.rate, usage);
  invariant(typeof charge === "number", "usage of a reserved request has a price");
  return { usage, charge: report.estimated ? Math.min(charge, reservation.reserved) : charge };
}

/**
 * Usage with every dimension that has no price replaced by what was quoted: upstream may answer with another tier, size
 * or tool than was asked for, and nothing may be charged that was not quoted. What has a price stays as it is.
 */
function asQuoted(usage: Usage, { quote, bound }: Reservation): Usage {
  const { rate } = quote;
  const priced = (part: Partial<Usage>): boolean => typeof price(rate, { ...NO_USAGE, ...part }) === "number";
  const calls = Object.entries(usage.calls).filter(([tool]) => Object.hasOwn(rate.perCall, tool));
  return {
    ...(rate.tokens ? usage : { ...NO_USAGE, seconds: usage.seconds }),
    size: priced({ seconds: 1, size: usage.size }) ? usage.size : bound.size,
    serviceTier: priced({ serviceTier: usage.serviceTier }) ? usage.serviceTier : bound.serviceTier,
    seconds: priced({ seconds: 1, size: bound.size }) || priced({ seconds: 1, size: usage.size }) ? usage.seconds : 0,
    calls: Object.fromEntries(calls),
  };
}
