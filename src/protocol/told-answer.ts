import type { JsonObject, Rewriter } from "./adapter.ts";
import { EventRewriter } from "./event-rewriter.ts";
import { isObject } from "./json-object.ts";
import { insteadOfOperators, toldError } from "./operators-error.ts";
import { dataOf, parseData, withData } from "./sse.ts";
import { repairUsage } from "./usage-repair.ts";

/**
 * What a client is told of a response where that is not word for word what upstream said: usage that coding clients could
 * not read, and errors that concern the operator's account. Only the last event of a stream is concerned; all others keep
 * their bytes.
 */
export function toldEvents(): Rewriter {
  return new EventRewriter({ mayChange: mayEndAnswer, change: changeEvent });
}

/** The same for a whole answer. */
export function toldAnswer(answer: string): string {
  const parsed = parseData(answer);
  const told = parsed && toldResponse(parsed);
  return told ? JSON.stringify(told) : answer;
}

/** The same for an event without its frame, as a WebSocket carries it. */
export function toldEventData(data: string): string {
  if (!LAST.test(data)) return data;
  return changedData(data) ?? data;
}

const TERMINAL = /response\.(?:completed|incomplete|failed|cancelled)\b/;
const LAST = /response\.(?:completed|incomplete|failed|cancelled)\b|"error"|^event: ?error/;
const NAMED = /^(?:event: ?|data: ?\{"type":")([\w.]+)(?=[\r\n"])/;

/** An event that says early that it is another one need not be held back. */
function mayEndAnswer(beginning: string): boolean {
  const [, name = ""] = NAMED.exec(beginning) ?? [];
  return TERMINAL.test(name) || !name.startsWith("response.");
}

function changeEvent(event: string): string | null {
  if (!LAST.test(event) || !mayEndAnswer(event)) return null;
  const data = changedData(dataOf(event));
  return data === null ? null : withData(event, data);
}

/** The new data of an event; `null` where there is nothing to change. */
function changedData(data: string): string | null {
  const event = parseData(data);
  const told = event && (isObject(event.response) ? toldWithin(event, event.response) : toldError(event));
  return told && JSON.stringify(told);
}

function toldWithin(event: JsonObject, response: JsonObject): JsonObject | null {
  const told = toldResponse(response);
  return told && { ...event, response: told };
}

function toldResponse(response: JsonObject): JsonObject | null {
  const repaired = repairUsage(response);
  const error = isObject(response.error) ? insteadOfOperators(response.error) : null;
  return error ? { ...(repaired ?? response), error } : repaired;
}
