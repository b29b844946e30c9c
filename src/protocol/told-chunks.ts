import type { Rewriter } from "./adapter.ts";
import { EventRewriter } from "./event-rewriter.ts";
import { isObject } from "./json-object.ts";
import { toldError } from "./operators-error.ts";
import { dataOf, parseData, valueAt, withData } from "./sse.ts";

/**
 * What a client is told of a chat stream where that is not word for word what upstream said: errors that concern the
 * operator's account, and not the chunk that only reports usage (`"choices": []`) where `asksForUsage` is false. Every
 * other byte passes as it came, and only the bytes of an event that is not complete are held back.
 */
export function toldChunks(asksForUsage: boolean): Rewriter {
  return new EventRewriter({
    mayChange: () => true,
    change: (event) => (!asksForUsage && isUsageChunk(event) ? "" : toldChunk(event)),
  });
}

/** Whether the event says nothing but the usage. Other events have none or `null`, and are not parsed. */
function isUsageChunk(event: string): boolean {
  if (event[valueAt(event, "usage")] !== "{") return false;
  const chunk = parseData(dataOf(event));
  return chunk !== null && isObject(chunk.usage) && Array.isArray(chunk.choices) && chunk.choices.length === 0;
}

function toldChunk(event: string): string | null {
  if (!event.includes('"error"')) return null;
  const chunk = parseData(dataOf(event));
  const told = chunk && toldError(chunk);
  return told && withData(event, JSON.stringify(told));
}
