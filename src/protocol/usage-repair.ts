import type { Json, JsonObject } from "./adapter.ts";
import { isObject } from "./json-object.ts";
import { readResponsesUsage } from "./usage-object.ts";

/**
 * The response with whole usage; `null` where there is nothing to repair. Codex reads `usage` strictly: where a count is
 * missing it takes the whole last event for lost, and asks again for an answer that was paid. So usage that is not whole
 * is completed, and usage that cannot be true becomes `null`, which every client takes for "not told".
 */
export function repairUsage(answer: JsonObject): JsonObject | null {
  const { usage } = answer;
  if (usage === undefined || usage === null) return null;
  const repaired = readResponsesUsage(usage).usage && isObject(usage) ? complete(usage) : null;
  return repaired === usage ? null : { ...answer, usage: repaired };
}

/** Adds to trusted usage what a strict reader misses; the same object where that is nothing. */
function complete(usage: JsonObject): JsonObject {
  const added: JsonObject = {
    ...missingTotal(usage),
    ...missingDetail(usage, "input_tokens_details", "cached_tokens"),
    ...missingDetail(usage, "output_tokens_details", "reasoning_tokens"),
  };
  return Object.keys(added).length === 0 ? usage : { ...usage, ...added };
}

function missingTotal({ total_tokens: total, input_tokens: input, output_tokens: output }: JsonObject): JsonObject {
  if (Number.isSafeInteger(total)) return {};
  return { total_tokens: Number(input) + Number(output) };
}

function missingDetail(usage: JsonObject, name: string, count: string): JsonObject {
  const details: Json | undefined = usage[name];
  if (details === undefined || details === null) return {};
  if (!isObject(details)) return { [name]: null };
  return details[count] === undefined || details[count] === null ? { [name]: { ...details, [count]: 0 } } : {};
}
