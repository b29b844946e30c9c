import type { Json, JsonObject, Rewriter } from "./adapter.ts";
import { EventRewriter } from "./event-rewriter.ts";
import { isObject } from "./json-object.ts";
import { dataOf, LINE_END, parseData } from "./sse.ts";
import { readResponsesUsage } from "./usage-object.ts";

/**
 * Codex reads `usage` strictly: where a count is missing it takes the whole last event for lost, and asks again for an
 * answer that was paid. So usage that is not whole is completed, and usage that cannot be true becomes `null`, which
 * every client takes for "not told". Only the last event of a stream is concerned; all others keep their bytes.
 */
export function usageRepair(): Rewriter {
  return new EventRewriter({ mayChange: mayEndAnswer, change: repairEvent });
}

/** The same for a whole answer. */
export function repairAnswer(answer: string): string {
  const parsed = parseData(answer);
  const repaired = parsed && repairUsage(parsed);
  return repaired ? JSON.stringify(repaired) : answer;
}

/** The same for an event without its frame, as a WebSocket carries it. */
export function repairEventData(data: string): string {
  if (!TERMINAL.test(data)) return data;
  return repairedData(data) ?? data;
}

const TERMINAL = /response\.(?:completed|incomplete|failed|cancelled)\b/;
const NAMED = /^(?:event: ?|data: ?\{"type":")([\w.]+)(?=[\r\n"])/;

/** An event that says early that it is another one need not be held back. */
function mayEndAnswer(beginning: string): boolean {
  const [, name = ""] = NAMED.exec(beginning) ?? [];
  return TERMINAL.test(name) || !name.startsWith("response.");
}

function repairEvent(event: string): string | null {
  if (!TERMINAL.test(event)) return null;
  const data = repairedData(dataOf(event));
  return data === null ? null : withData(event, data);
}

/** The new data of an event; `null` where there is nothing to repair. */
function repairedData(data: string): string | null {
  const event = parseData(data);
  const answer = event?.response;
  if (!event || !isObject(answer)) return null;
  const repaired = repairUsage(answer);
  return repaired && JSON.stringify({ ...event, response: repaired });
}

/** `event` with other data in one line, and all its other lines as they were. */
function withData(event: string, data: string): string {
  const lineEnd = LINE_END.exec(event)?.[0] ?? "\n";
  const others = event.split(LINE_END).filter((line) => line !== "" && !line.startsWith("data:"));
  return [...others, `data: ${data}`, "", ""].join(lineEnd);
}

/** The answer with whole usage; `null` where there is nothing to repair. */
function repairUsage(answer: JsonObject): JsonObject | null {
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
