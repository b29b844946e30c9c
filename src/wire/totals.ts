import { formatCredits } from "../core/amount.ts";
import type { DayTotal, KindTotal } from "../ledger/kind-totals.ts";

export function kindTotalWire({ kind, count, amount }: KindTotal) {
  return { kind, count, amount: formatCredits(amount) };
}

/** The totals of one day in UTC. Kinds of which there was nothing are left out. */
export function dayTotalWire({ day, totals }: DayTotal) {
  return { day, totals: totals.map(kindTotalWire) };
}
