import type { UsageTotal } from "../ledger/usage-report.ts";
import type { Day } from "./charts/day-chart.tsx";
import type { Share } from "./charts/share-list.tsx";

/** By what the charges of a day are told apart. */
export type Split = "feature" | "model";

const SERIES_MOST = 5;
const OTHERS = "others";
const DAY_MS = 24 * 3_600_000;

/** The charges by feature or by model, the largest first. */
export function sharesOf(totals: readonly UsageTotal[], split: Split): Share[] {
  const shares = new Map<string, { amount: number; requests: number }>();
  for (const total of totals) {
    const name = total[split] ?? "";
    const share = shares.get(name) ?? { amount: 0, requests: 0 };
    share.amount += total.charge;
    share.requests += total.requests;
    shares.set(name, share);
  }
  return [...shares]
    .filter(([, { amount, requests }]) => amount > 0 || requests > 0)
    .map(([name, share]) => ({ name, ...share }))
    .sort((a, b) => b.amount - a.amount || (a.name < b.name ? -1 : 1));
}

/** The names that a chart tells apart; what is smaller goes together as {@link OTHERS}. */
export function seriesOf(shares: readonly Share[]): string[] {
  const names = shares.map(({ name }) => name);
  return names.length <= SERIES_MOST + 1 ? names : [...names.slice(0, SERIES_MOST), OTHERS];
}

/** Every day from `from` up to and without `to` (epoch ms), also those without any use. */
export function daysOf(
  totals: readonly UsageTotal[],
  split: Split,
  series: readonly string[],
  from: number,
  to: number,
): Day[] {
  const days = new Map<string, Record<string, number>>();
  for (let at = from; at < to; at += DAY_MS) days.set(new Date(at).toISOString().slice(0, 10), {});
  for (const total of totals) {
    const amounts = days.get(total.day ?? "");
    if (!amounts) continue;
    const name = total[split] ?? "";
    const key = series.includes(name) ? name : OTHERS;
    amounts[key] = (amounts[key] ?? 0) + total.charge;
  }
  return [...days].map(([day, amounts]) => ({ day, amounts }));
}
