import type { EventSourceMessage } from "eventsource-parser";
import { NO_USAGE, type Usage } from "../core/usage.ts";
import type { AnswerEnd, Json, JsonObject, Reading, StreamMeter } from "./adapter.ts";
import { countedUsage, type Metered, pieceTokens, writtenTokens } from "./counted-output.ts";
import { isObject } from "./json-object.ts";
import { normalTier } from "./request-fields.ts";
import { DONE, EventReader, parseData, stringLengthAt, valueAt } from "./sse.ts";
import { type Calls, countCalls, mostCalls } from "./tools.ts";
import { readResponsesUsage } from "./usage-object.ts";

/** Ends of an answer by their names in `status` and in `response.<name>` events. */
const TERMINAL: ReadonlyMap<string, AnswerEnd> = new Map([
  ["completed", "completed"],
  ["incomplete", "incomplete"],
  ["failed", "failed"],
  ["cancelled", "failed"],
]);

/** Events that show an answer before anything of it is there. */
const OPENING: ReadonlySet<string> = new Set(["response.created", "response.queued", "response.in_progress"]);

/** Meters a stream of Responses events; a frame of the WebSocket protocol is the same JSON and goes to `event`. */
export class ResponsesMeter implements StreamMeter {
  readonly #request: Metered;
  readonly #reader = new EventReader((event) => this.#sseEvent(event));
  #end: AnswerEnd = "open";
  #usage: Usage | null = null;
  #invalid: string | null = null;
  #partial = false;
  #answerId: string | null = null;
  readonly #itemIds = new Set<string>();
  #serviceTier: string | null;
  #calls: Calls = {};
  #pieces = 0;
  #items = 0;
  #produced = false;
  #done = false;

  constructor(request: Metered) {
    this.#request = request;
    this.#serviceTier = request.serviceTier;
  }

  get violation(): string | null {
    return this.#reader.violation;
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  reading(): Reading {
    const counted = { outputTokens: Math.max(this.#pieces, this.#items), calls: this.#calls };
    return {
      end: this.#end,
      usage: this.#usage && { ...this.#usage, calls: this.#calls, serviceTier: this.#serviceTier },
      invalid: this.#usage ? null : this.#invalid,
      counted: this.#produced ? countedUsage(this.#request, counted) : NO_USAGE,
      produced: this.#produced,
      answerId: this.#answerId,
      itemIds: [...this.#itemIds],
      partial: this.#partial,
    };
  }

  /** Reads one event's JSON; `name` is what the event calls itself outside of it. */
  event(data: string, name: string | undefined): void {
    const type = eventType(data, name);
    if (type.endsWith(".delta")) this.#delta(data);
    else if (OPENING.has(type)) this.#answerId ??= answerIdOf(data);
    else if (type === "response.output_item.done") this.#item(parseData(data));
    else if (type === "error") this.#end = "failed";
    else this.#terminal(type, data);
  }

  /** Reads the body of a call without a stream. */
  answer(answer: Json | undefined): void {
    if (!isObject(answer)) return;
    const { status } = answer;
    // An upstream that does not name the state of a whole answer has given all of it.
    if (typeof status === "string") this.#end = TERMINAL.get(status) ?? "open";
    else if (Array.isArray(answer.output)) this.#end = "completed";
    this.#read(answer);
  }

  /** The last event of a stream repeats the whole answer. */
  #terminal(type: string, data: string): void {
    const end = type.startsWith("response.") ? TERMINAL.get(type.slice("response.".length)) : undefined;
    if (!end) return;
    const answer = parseData(data)?.response;
    if (!isObject(answer)) return;
    this.#end = end;
    this.#read(answer);
  }

  #read(answer: JsonObject): void {
    if (typeof answer.id === "string") this.#answerId = answer.id;
    if (typeof answer.service_tier === "string") this.#serviceTier = normalTier(answer.service_tier);
    this.#calls = mostCalls(this.#calls, countCalls(answer.output, this.#request.calls));
    this.#items = Math.max(this.#items, writtenTokens(answer.output));
    if (Array.isArray(answer.output)) for (const item of answer.output) this.#noteId(item);
    const reported = readResponsesUsage(answer.usage);
    if (reported.usage) this.#partial = reported.partial;
    this.#usage = reported.usage ?? this.#usage;
    this.#invalid = reported.invalid ?? this.#invalid;
    const wrote = Array.isArray(answer.output) && answer.output.length > 0;
    this.#produced ||= wrote || (reported.usage !== null && reported.usage.outputTokens > 0);
  }

  #noteId(item: Json): void {
    if (isObject(item) && typeof item.id === "string") this.#itemIds.add(item.id);
  }

  #sseEvent(event: EventSourceMessage): void {
    if (event.data === DONE) this.#done = true;
    if (!this.#done) this.event(event.data, event.event);
  }

  #delta(data: string): void {
    this.#pieces += pieceTokens(stringLengthAt(data, valueAt(data, "delta")));
    this.#produced = true;
  }

  #item(event: JsonObject | null): void {
    if (!event || !isObject(event.item)) return;
    this.#produced = true;
    this.#noteId(event.item);
    this.#items += writtenTokens(event.item);
    for (const [tool, count] of Object.entries(countCalls([event.item], this.#request.calls))) {
      this.#calls = { ...this.#calls, [tool]: (this.#calls[tool] ?? 0) + count };
    }
  }
}

/** As upstream begins: what stands later may be the client's own words, in its tools for instance. */
const ANSWER_ID = /^\{"type":"[\w.]+",(?:"sequence_number":\d+,)?"response":\{"id":"([^"\\]+)"/;

function answerIdOf(data: string): string | null {
  const [, plain] = ANSWER_ID.exec(data) ?? [];
  if (plain !== undefined) return plain;
  const answer = parseData(data)?.response;
  return isObject(answer) && typeof answer.id === "string" ? answer.id : null;
}

const TYPE_FIRST = '{"type":"';

/** An event's type: nearly always the first member of its JSON, else its name; parsed only when it is neither. */
export function eventType(data: string, name: string | undefined): string {
  if (data.startsWith(TYPE_FIRST)) return data.slice(TYPE_FIRST.length, data.indexOf('"', TYPE_FIRST.length));
  if (name !== undefined) return name;
  const type = parseData(data)?.type;
  return typeof type === "string" ? type : "";
}
