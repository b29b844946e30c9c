import type { PricedModel } from "../catalog/catalog.ts";
import { CODEX_DEFAULTS, type CodexDocument } from "../catalog/codex-document.ts";
import { type Multiplier, ONE } from "../core/rate-card.ts";

/** A model as Codex's catalog describes it. What is left out has a default in Codex. */
export interface CodexModel
  extends Omit<CodexDocument, "display_name" | "supported_reasoning_levels" | "base_instructions"> {
  readonly slug: string;
  readonly display_name: string;
  readonly base_instructions: string;
  readonly supported_reasoning_levels: readonly { readonly effort: string; readonly description: string }[];
  readonly default_reasoning_summary: "none";
  readonly support_verbosity: boolean;
  /** Codex warns about a tier that is not among these, and does not ask for it. */
  readonly service_tiers: readonly ServiceTier[];
  /** How much of a tool's output the model is shown. */
  readonly truncation_policy: { readonly mode: "tokens"; readonly limit: number };
  readonly supported_in_api: true;
  readonly experimental_supported_tools: readonly string[];
}

interface ServiceTier {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

const TOOL_OUTPUT_TOKENS = 10_000;

/** For models whose rate card brings no `base_instructions`. */
const INSTRUCTIONS = `You are a coding agent. You share a workspace with the user through Codex, and you do the work yourself with the tools you are given.

- Follow the user's request and any AGENTS.md that applies to the files you touch. Nearer instructions win over farther ones.
- Look before you change: read the code around a change, search with rg, and fit in with the style that is there.
- Change what the request needs and nothing else. Fix causes, not symptoms.
- Never undo, overwrite or delete work that is not yours, and run nothing destructive, unless the user asked for exactly that. Commit only when asked.
- Prove your work: run the tests, types or build that cover it. Say plainly what you could not check.
- Go on until the request is done. Ask only when the answer decides what you do and you cannot find it yourself.
- While you work, say in a sentence what you are about to do. At the end, report briefly: what changed and where, what you ran, what is left.`;

const EFFORTS: Readonly<Record<CodexDocument["supported_reasoning_levels"][number], string>> = {
  none: "Answers at once, without reasoning",
  minimal: "Hardly any reasoning, for simple edits",
  low: "Little reasoning, quick answers",
  medium: "A balance of speed and depth",
  high: "More reasoning, for hard problems",
  xhigh: "Much more reasoning, for the hardest problems",
  max: "As much reasoning as the model can do",
  ultra: "As much reasoning as the model can do, shared among agents",
};

const TIER_NAMES: Readonly<Record<string, string>> = { priority: "Fast", flex: "Flex" };

/** Codex's catalog of `models`: those that answer in text, in the order in which Codex offers them. */
export function codexModels(models: readonly PricedModel[]): CodexModel[] {
  return models
    .filter(({ rate }) => rate.tokens !== null)
    .map(toCodexModel)
    .sort((a, b) => a.priority - b.priority);
}

function toCodexModel({ model, rate, codex }: PricedModel): CodexModel {
  const document = codex ?? CODEX_DEFAULTS;
  return {
    ...document,
    slug: model,
    display_name: document.display_name ?? model,
    base_instructions: document.base_instructions ?? INSTRUCTIONS,
    supported_reasoning_levels: document.supported_reasoning_levels.map((effort) => ({
      effort,
      description: EFFORTS[effort],
    })),
    default_reasoning_summary: "none",
    support_verbosity: document.default_verbosity !== null,
    service_tiers: Object.entries(rate.serviceTiers).map(toServiceTier),
    truncation_policy: { mode: "tokens", limit: TOOL_OUTPUT_TOKENS },
    supported_in_api: true,
    experimental_supported_tools: [],
  };
}

function toServiceTier([id, multiplier]: [string, Multiplier]): ServiceTier {
  return { id, name: TIER_NAMES[id] ?? id, description: `${multiplier / ONE}× the credits` };
}
