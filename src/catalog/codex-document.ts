import * as z from "zod";
import { fields, oneOf, text, wholeNumber } from "./fields.ts";

/** What Codex itself assumes about a model that it does not know. */
const ASSUMED_CONTEXT_TOKENS = 272_000;
/** Behind every model that has a place of its own. */
const LAST_PRIORITY = 1_000;
const MAX_CONTEXT_TOKENS = 100_000_000;

const effort = oneOf(["none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"]);
const yesOrNo = z.boolean({ error: "must be true or false" });

function setOf<Item extends z.ZodType<string>>(item: Item, accepted: string) {
  return z
    .array(item, { error: `must be ${accepted}` })
    .refine((items) => new Set(items).size === items.length, { error: "names something twice" });
}

/**
 * How Codex is to treat a model: the member `codex` of its line on a rate card, in the words of Codex's own catalog.
 * Without the member every default holds; none of it bears on prices.
 */
export const codexDocument = fields({
  /** The model's id when it is `null`. */
  display_name: text(100).nullable().default(null),
  description: text(500).nullable().default(null),
  /** Smaller is shown first; the first one is Codex's default. */
  priority: wholeNumber(0, LAST_PRIORITY).default(LAST_PRIORITY),
  visibility: oneOf(["list", "hide"]).default("list"),
  /** Replaces the gateway's own instructions for this model. */
  base_instructions: text(60_000).nullable().default(null),
  context_window: wholeNumber(1_000, MAX_CONTEXT_TOKENS).default(ASSUMED_CONTEXT_TOKENS),
  /** How far a user may raise the context window; `null` sets no bound. */
  max_context_window: wholeNumber(1_000, MAX_CONTEXT_TOKENS).nullable().default(null),
  /** Without levels, Codex leaves the effort to the model. */
  supported_reasoning_levels: setOf(effort, "a list of reasoning levels").default([]),
  default_reasoning_level: effort.nullable().default(null),
  /** `null`: the model does not take a verbosity. */
  default_verbosity: oneOf(["low", "medium", "high"]).nullable().default(null),
  input_modalities: setOf(oneOf(["text", "image"]), "a list of text and image").default(["text", "image"]),
  supports_image_detail_original: yesOrNo.default(false),
  shell_type: oneOf(["unified_exec", "disabled"]).default("unified_exec"),
  apply_patch_tool_type: oneOf(["freeform"]).nullable().default(null),
  web_search_tool_type: oneOf(["text", "text_and_image"]).default("text"),
  supports_search_tool: yesOrNo.default(false),
  use_responses_lite: yesOrNo.default(false),
  tool_mode: oneOf(["direct", "code_mode", "code_mode_only"]).nullable().default(null),
  multi_agent_version: oneOf(["v1", "v2"]).nullable().default(null),
}).superRefine((document, context) => {
  const refuse = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
  const { supported_reasoning_levels: levels, default_reasoning_level: usual } = document;
  if (usual === null ? levels.length > 0 : !levels.includes(usual)) {
    refuse("default_reasoning_level", "must be one of supported_reasoning_levels");
  }
  if (document.max_context_window !== null && document.max_context_window < document.context_window) {
    refuse("max_context_window", "must not be less than context_window");
  }
  if (!document.input_modalities.includes("text")) refuse("input_modalities", "must hold text");
});

export type CodexDocument = z.output<typeof codexDocument>;

/** How Codex is to treat a model of which its rate card says nothing. */
export const CODEX_DEFAULTS: CodexDocument = codexDocument.parse({});
