/** What the tests offer: prices that are easy to reckon with. */

export const CARD = {
  models: {
    // 0.001 credits per input token, 0.01 per output token.
    "gpt-5.4": {
      feature: "codex",
      per_million_tokens: { input: "1000", cached_input: "100", output: "10000" },
      service_tiers: { priority: "2", flex: "0.5" },
      max_output_tokens: 1_000,
      per_call: { web_search: "0.25" },
    },
    // A tenth of a credit per output token and nothing else: `max_output_tokens: 10` is one credit.
    "flat-1": {
      feature: "codex",
      per_million_tokens: { input: "0", cached_input: "0", output: "100000" },
      max_output_tokens: 50,
    },
    "free-1": {
      feature: "codex",
      per_million_tokens: { input: "0", cached_input: "0", output: "0" },
      max_output_tokens: 50,
    },
    "sora-2": { feature: "sora", per_second: { "720x1280": "2.5" } },
  },
};

export interface PlanInput {
  readonly name: string;
  readonly features: Readonly<Record<string, { readonly models: readonly string[] }>>;
  readonly gates?: readonly object[];
  readonly allowances?: readonly object[];
  readonly overshoot?: "refund" | "clamp";
  readonly estimate?: "ceiling" | "clamp";
}

/** Nothing but credits: no gates and nothing included. */
export const CREDITS_PLAN: PlanInput = { name: "Credits", features: { codex: { models: ["*"] } } };

/** A plan with an included amount that renews after five hours and after a week. */
export function includedPlan(fiveHours: string, week: string, more: Partial<PlanInput> = {}): PlanInput {
  const windows = [
    { kind: "anchored", period: "5h", limit: fiveHours },
    { kind: "anchored", period: "7d", limit: week },
  ];
  return { ...CREDITS_PLAN, name: "Included", allowances: [{ id: "included", unit: "credits", windows }], ...more };
}
