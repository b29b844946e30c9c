import type { Rewriter } from "./adapter.ts";
import { EventRewriter } from "./event-rewriter.ts";
import { isObject } from "./json-object.ts";
import { dataOf, parseData, valueAt } from "./sse.ts";

/**
 * Takes the chunk that only reports usage (`"choices": []`) out of a chat stream, for a client that did not ask for
 * it, and passes every other byte as it came. Only the bytes of an event that is not complete are held back.
 */
export function usageChunkFilter(): Rewriter {
  return new EventRewriter({ mayChange: () => true, change: (event) => (isUsageChunk(event) ? "" : null) });
}

/** Whether the event says nothing but the usage. Other events have none or `null`, and are not parsed. */
function isUsageChunk(event: string): boolean {
  if (event[valueAt(event, "usage")] !== "{") return false;
  const chunk = parseData(dataOf(event));
  return chunk !== null && isObject(chunk.usage) && Array.isArray(chunk.choices) && chunk.choices.length === 0;
}
