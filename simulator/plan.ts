import type { Exchange } from "./exchange.ts";
import { estimateTokens, type Prose } from "./text.ts";
import type { TokenCount } from "./usage.ts";

/** What one answer will be, before a byte of it is written. */
export interface Plan {
  /** Visible deltas; one word each. */
  deltas: number;
  count: TokenCount;
  ending: "completed" | "failed" | "incomplete";
  incompleteReason: "max_output_tokens" | "content_filter" | "steered";
}

/** What the caller's request says about the length of its answer. */
export interface Bounds {
  /** Most output tokens, or `null`. */
  limit: number | null;
  /** Tokens of the context beside the body itself. */
  context?: number;
}

/**
 * Joins what the controls ask with the caller's own limit of output tokens, which wins. Numbers that the controls
 * name are reported as they are, even where they contradict each other: a gateway must survive that.
 */
export function planAnswer({ scenario, bodyText }: Exchange, prose: Prose, { limit, context = 0 }: Bounds): Plan {
  const asked = scenario.output ?? prose.naturalLength + scenario.reasoning;
  const output = Math.min(asked, limit ?? asked);
  const truncated = output < asked;
  const reasoning = truncated ? Math.min(scenario.reasoning, output) : scenario.reasoning;
  const limited = truncated && scenario.ending === "completed";
  const estimate = estimateTokens(bodyText) + context;
  return {
    deltas: Math.max(0, output - reasoning),
    count: {
      input: scenario.input ?? Math.max(estimate, scenario.cached + scenario.cacheWrite),
      cached: scenario.cached,
      cacheWrite: scenario.cacheWrite,
      output,
      reasoning,
    },
    ending: limited ? "incomplete" : scenario.ending,
    incompleteReason: limited ? "max_output_tokens" : scenario.incompleteReason,
  };
}

/** The same answer, stopped after `deltas`; only what was said until then is counted. */
export function shortened(plan: Plan, deltas: number): Plan {
  const shown = Math.min(deltas, plan.deltas);
  const reasoning = Math.min(plan.count.reasoning, plan.count.output);
  return { ...plan, deltas: shown, count: { ...plan.count, output: reasoning + shown, reasoning } };
}

/** The tier that served the answer: OpenAI reports the one used, so `auto` and nothing become `default`. */
export function servedTier({ scenario, body }: Exchange): string {
  const asked = body?.service_tier;
  return scenario.tier ?? (typeof asked === "string" && asked !== "auto" ? asked.slice(0, 40) : "default");
}
