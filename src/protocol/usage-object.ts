import { incoherence, NO_USAGE, type Usage } from "../core/usage.ts";
import type { Json, JsonObject } from "./adapter.ts";
import { isObject } from "./json-object.ts";

/** Usage as upstream reports it, or why it is not trusted. Both are `null` when nothing was reported. */
export interface ReportedUsage {
  readonly usage: Usage | null;
  readonly invalid: string | null;
  /**
   * Whether the price may be another than these counts make it: details of the input were told, but not how much of it
   * was cached. An upstream without a cache tells no details at all, and that is whole.
   */
  readonly partial: boolean;
}

/** Names of the same counts in the two protocols. */
interface Names {
  readonly input: string;
  readonly inputDetails: string;
  readonly output: string;
  readonly outputDetails: string;
}

const RESPONSES: Names = {
  input: "input_tokens",
  inputDetails: "input_tokens_details",
  output: "output_tokens",
  outputDetails: "output_tokens_details",
};

const CHAT: Names = {
  input: "prompt_tokens",
  inputDetails: "prompt_tokens_details",
  output: "completion_tokens",
  outputDetails: "completion_tokens_details",
};

/** No request comes near; more than this is a mistake of upstream's and not a quantity to charge. */
const MOST_TOKENS = 100_000_000;

/** Reads the usage object of the Responses protocol. */
export function readResponsesUsage(reported: Json | undefined): ReportedUsage {
  return read(reported, RESPONSES);
}

/** Reads the usage object of the chat protocol. */
export function readChatUsage(reported: Json | undefined): ReportedUsage {
  return read(reported, CHAT);
}

/**
 * The two counts must be there; the total and the details may be missing. Cached and written input are parts of the
 * input, and reasoning is a part of the output: they are read as such and never added.
 */
function read(reported: Json | undefined, names: Names): ReportedUsage {
  if (reported === undefined || reported === null) return { usage: null, invalid: null, partial: false };
  if (!isObject(reported)) return distrust("usage is not an object");
  const inputDetails = detailsOf(reported, names.inputDetails);
  const outputDetails = detailsOf(reported, names.outputDetails);
  const counts = {
    inputTokens: reported[names.input],
    cachedInputTokens: inputDetails.cached_tokens ?? 0,
    cacheWriteTokens: inputDetails.cache_write_tokens ?? 0,
    outputTokens: reported[names.output],
    reasoningTokens: outputDetails.reasoning_tokens ?? 0,
  };
  for (const [name, count] of Object.entries(counts)) {
    if (typeof count !== "number") return distrust(`${name} is not a number`);
    if (count > MOST_TOKENS) return distrust(`${name} is too large`);
  }
  const usage = { ...NO_USAGE, ...(counts as Record<keyof typeof counts, number>) };
  const reason = incoherence(usage);
  if (reason !== null) return distrust(reason);
  return {
    usage,
    invalid: null,
    partial: isObject(reported[names.inputDetails]) && !isTold(inputDetails.cached_tokens),
  };
}

function isTold(count: Json | undefined): boolean {
  return count !== undefined && count !== null;
}

function detailsOf(reported: JsonObject, name: string): JsonObject {
  const details = reported[name];
  return isObject(details) ? details : {};
}

function distrust(invalid: string): ReportedUsage {
  return { usage: null, invalid, partial: false };
}
