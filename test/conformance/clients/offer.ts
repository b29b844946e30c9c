/** A model that Codex knows, so that it behaves as it does for its users. */
export const MODEL = "gpt-6-luna";
/** It is in none of the plans here. */
export const MODEL_OF_ANOTHER_PLAN = "gpt-5.5";
export const UNKNOWN_MODEL = "gpt-unheard-of";
/** No client takes it for a reasoning model: the AI SDK then refers to earlier items instead of repeating them. */
export const PLAIN_MODEL = "plain-model";

/** Micro-credits per token of `MODEL`, as this suite prices it. */
export const RATES = { input: 3, cached: 1, output: 20 };

const PRICE = {
  feature: "codex",
  per_million_tokens: { input: "3", cached_input: "1", output: "20" },
  // Codex offers this tool to every model that it does not know to lack it.
  per_call: { web_search: "0.25" },
  max_output_tokens: 1_000,
  source: "made up for this suite",
  as_of: "2026-11-22",
};

export const MODELS = { [MODEL]: PRICE, [PLAIN_MODEL]: PRICE };

const ENTITLED = { codex: { models: [MODEL, PLAIN_MODEL] } };

export const PLANS = {
  /** Nothing is included: credits pay. */
  open: { name: "Open", features: ENTITLED, estimate: "clamp" },
  /** Room for a few requests, and after `USES_UP` for no more. */
  included: {
    name: "Included",
    features: ENTITLED,
    allowances: [{ id: "included", unit: "credits", windows: [{ kind: "anchored", period: "5h", limit: "0.2" }] }],
    estimate: "clamp",
  },
  /** One request every three seconds. */
  gated: {
    name: "Gated",
    features: ENTITLED,
    gates: [{ id: "rate", unit: "requests", limit: 1, window: { kind: "sliding", period: "3s" } }],
    estimate: "clamp",
  },
};

/** Controls under which one answer uses up the window of the plan `included`. */
export const USES_UP = "input=1000;output=10000;reasoning=9990;pace=0";
