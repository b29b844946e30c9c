import seededPlans from "../config/plans.json" with { type: "json" };
import seededCards from "../config/rate-cards.json" with { type: "json" };
import { describeFaults, type ParsedDocument } from "../src/catalog/document.ts";
import { readPlanDocument, toPlan } from "../src/catalog/plan-document.ts";
import { readRateCardDocument, toRate } from "../src/catalog/rate-card-document.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Rate } from "../src/core/rate-card.ts";
import type { Habits } from "./estimate-traffic.ts";

/** An account of one kind: what it may use, what is bought for it and when, and how it works. */
export interface Profile extends Habits {
  readonly name: string;
  readonly plan: Plan;
  /** Credits bought at the beginning, and again every so many days (`null`: never). */
  readonly buys: { readonly credits: number; readonly everyDays: number | null } | null;
}

function opened<T>(parsed: ParsedDocument<T>): T {
  if (!parsed.ok) throw new Error(describeFaults(parsed.faults));
  return parsed.document;
}

const RATES = new Map<string, Rate>(
  Object.entries(opened(readRateCardDocument(seededCards.default)).models).map(([id, rate]) => [id, toRate(rate)]),
);

/** The price of a model on the seed rate card. */
export function rateOf(model: string): Rate {
  const rate = RATES.get(model);
  if (!rate) throw new Error(`${model} has no price`);
  return rate;
}

function planOf(id: keyof typeof seededPlans): Plan {
  return toPlan(id, 1, opened(readPlanDocument(seededPlans[id])));
}

const MIXED = { "gpt-6.1-sol": 45, "gpt-5.4": 30, "gpt-5.5": 15, "gpt-5.4-mini": 10 };
const PREPAID: Plan = { ...planOf("plus"), id: "prepaid", allowances: [] };

export const PROFILES: readonly Profile[] = [
  { name: "free", plan: planOf("free"), buys: null, threadsPerDay: 4, models: { "gpt-5.4-mini": 3, "gpt-6-luna": 1 } },
  { name: "plus", plan: planOf("plus"), buys: null, threadsPerDay: 8, models: MIXED },
  {
    name: "plus, 300 credits",
    plan: planOf("plus"),
    buys: { credits: 300, everyDays: null },
    threadsPerDay: 8,
    models: MIXED,
  },
  {
    name: "prepaid, 25 a day",
    plan: PREPAID,
    buys: { credits: 25, everyDays: 1 },
    threadsPerDay: 3,
    models: { "gpt-6.1-sol": 60, "gpt-5.4": 40 },
  },
  { name: "prepaid, 400 a week", plan: PREPAID, buys: { credits: 400, everyDays: 7 }, threadsPerDay: 5, models: MIXED },
  { name: "pro", plan: planOf("pro"), buys: null, threadsPerDay: 16, models: { ...MIXED, "gpt-6-astra": 20 } },
  { name: "enterprise", plan: planOf("enterprise"), buys: null, threadsPerDay: 16, models: MIXED },
];
