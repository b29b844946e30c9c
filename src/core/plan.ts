import type { MicroCredits } from "./amount.ts";
import type { CalendarPeriod } from "./calendar.ts";
import type { AllowanceUnit, GateUnit } from "./unit.ts";
import type { WindowRule } from "./window.ts";

/** What a gate, allowance or grant is about; `null` is everything. A model may end in `*`. */
export interface Scope {
  readonly features: readonly string[] | null;
  readonly models: readonly string[] | null;
}

/** A limit that can only refuse; credits never buy it off. */
export interface Gate extends Scope {
  readonly id: string;
  readonly unit: GateUnit;
  /** Whether every key of the account has the limit for itself. */
  readonly per: "account" | "key";
  /** In its unit; credits are micro-credits. */
  readonly limit: number;
  /**
   * `null` for concurrency, which counts requests in flight, and for a limit on each request by itself (so many credits
   * per request).
   */
  readonly window: WindowRule | null;
}

/** Included use that renews with its windows. A draw needs room in every one of them. Limits are in its unit. */
export interface Allowance extends Scope {
  readonly id: string;
  readonly unit: AllowanceUnit;
  readonly windows: readonly WindowRule[];
}

/** Credits that a plan grants anew in every period. */
export interface Entitlement {
  readonly id: string;
  readonly amount: MicroCredits;
  readonly period: CalendarPeriod;
  readonly priority: number;
  readonly features: readonly string[] | null;
  /** How much of what was left of a period goes over into the next; it lapses at the end of that. */
  readonly rolloverCap: MicroCredits;
}

/** A versioned offer. Versions are immutable; an account follows the newest version of its plan. */
export interface Plan {
  readonly id: string;
  readonly version: number;
  readonly name: string;
  /** Entitled features, each with its models; `*` at the end of a model matches any ending. */
  readonly features: Readonly<Record<string, { readonly models: readonly string[] }>>;
  readonly gates: readonly Gate[];
  readonly allowances: readonly Allowance[];
  readonly entitlements: readonly Entitlement[];
  /** `clamp` sends the reserved bound upstream, so that a request cannot use more than was reserved. */
  readonly overshoot: "refund" | "clamp";
  /**
   * What is reserved for a request that sets no bound: `ceiling` the worst case, `learned` a high quantile of what this
   * account's recent requests produced, `clamp` the worst case. The latter two fall back to what the sources can pay,
   * and then send that upstream as the bound.
   */
  readonly estimate: "ceiling" | "learned" | "clamp";
  /**
   * For this long (ms), a request that its client sends again without a key is answered with the job it began before;
   * `null`: never. Absent in plans of accounts that were stored before plans could say it.
   */
  readonly sameRequestMs?: number | null;
  /** What happens when the account's object cannot be reached. */
  readonly degraded: "closed";
}

/** Whether `features` covers `feature`. */
export function covers(features: readonly string[] | null, feature: string): boolean {
  return features === null || features.includes(feature);
}

/** Whether a gate or allowance is about requests of this feature and model. */
export function isAbout({ features, models }: Scope, feature: string, model: string): boolean {
  return covers(features, feature) && (models === null || models.some((pattern) => matches(pattern, model)));
}

function matches(pattern: string, model: string): boolean {
  return pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : pattern === model;
}

export function isEntitledFeature(plan: Plan, feature: string): boolean {
  return Object.hasOwn(plan.features, feature);
}

export function isEntitledModel(plan: Plan, feature: string, model: string): boolean {
  const models = plan.features[feature]?.models ?? [];
  return models.some((pattern) => (pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : pattern === model));
}
