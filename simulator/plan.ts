import type { Exchange } from "./exchange.ts";
import type { Scenario } from "./scenario.ts";
import { estimateTokens, type Prose } from "./text.ts";
import type { TokenCount } from "./usage.ts";

/** What one answer will be, before a byte of it is written. */
export interface Plan {
  /** Visible deltas; one word each. */
  deltas: number;
  count: TokenCount;
  ending: Scenario["ending"];
  incompleteReason: Scenario["incompleteReason"];
}

/**
 * Joins what the controls ask with the caller's own `limit` of output tokens, which wins. Numbers that the controls
 * name are reported as they are, even where they contradict each other: a gateway must survive that.
 */
export function planAnswer({ scenario, bodyText }: Exchange, prose: Prose, limit: number | null): Plan {
  const asked = scenario.output ?? prose.naturalLength + scenario.reasoning;
  const output = Math.min(asked, limit ?? asked);
  const truncated = output < asked;
  const reasoning = truncated ? Math.min(scenario.reasoning, output) : scenario.reasoning;
  const limited = truncated && scenario.ending === "completed";
  return {
    deltas: Math.max(0, output - reasoning),
    count: {
      input: scenario.input ?? Math.max(estimateTokens(bodyText), scenario.cached + scenario.cacheWrite),
      cached: scenario.cached,
      cacheWrite: scenario.cacheWrite,
      output,
      reasoning,
    },
    ending: limited ? "incomplete" : scenario.ending,
    incompleteReason: limited ? "max_output_tokens" : scenario.incompleteReason,
  };
}

/** The tier that served the answer: OpenAI reports the one used, so `auto` and nothing become `default`. */
export function servedTier({ scenario, body }: Exchange): string {
  const asked = body?.service_tier;
  return scenario.tier ?? (typeof asked === "string" && asked !== "auto" ? asked.slice(0, 40) : "default");
}
