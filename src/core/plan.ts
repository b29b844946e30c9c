import type { MicroCredits } from "./amount.ts";
import type { WindowRule } from "./window.ts";

/** A limit that can only refuse; credits never buy it off. */
export interface Gate {
  readonly id: string;
  /** The features it counts; `null` counts all. */
  readonly features: readonly string[] | null;
  readonly unit: "requests" | "tokens" | "concurrency";
  readonly limit: number;
  /** `null` for concurrency, which counts requests in flight and has no period. */
  readonly window: WindowRule | null;
}

/** Included use that renews with its windows. A draw needs room in every one of them. Limits are micro-credits. */
export interface Allowance {
  readonly id: string;
  readonly features: readonly string[] | null;
  readonly unit: "credits";
  readonly windows: readonly WindowRule[];
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
  /** `clamp` sends the reserved bound upstream, so that a request cannot use more than was reserved. */
  readonly overshoot: "refund" | "clamp";
  /** `ceiling` reserves the worst case; `clamp` lowers an open bound to what the sources can pay. */
  readonly estimate: "ceiling" | "clamp";
  /** What happens when the account's object cannot be reached. */
  readonly degraded: "closed";
}

/** Whether `features` (of a gate, allowance or grant) covers `feature`. */
export function covers(features: readonly string[] | null, feature: string): boolean {
  return features === null || features.includes(feature);
}

export function isEntitledFeature(plan: Plan, feature: string): boolean {
  return Object.hasOwn(plan.features, feature);
}

export function isEntitledModel(plan: Plan, feature: string, model: string): boolean {
  const models = plan.features[feature]?.models ?? [];
  return models.some((pattern) => (pattern.endsWith("*") ? model.startsWith(pattern.slice(0, -1)) : pattern === model));
}

/** The most a single allowance could ever give: the smallest of its windows' limits. */
export function allowanceLimit(allowance: Allowance): MicroCredits {
  return Math.min(...allowance.windows.map((window) => window.limit));
}
