import type { EventSourceMessage } from "eventsource-parser";
import { NO_USAGE, type Usage } from "../core/usage.ts";
import type { AnswerEnd, Json, JsonObject, Reading, StreamMeter } from "./adapter.ts";
import { countedUsage, type Metered, pieceTokens, writtenTokens } from "./counted-output.ts";
import { isObject } from "./json-object.ts";
import { normalTier } from "./request-fields.ts";
import { DONE, EventReader, parseData, plainStringAt, stringLengthAt, valueAt } from "./sse.ts";
import type { Calls } from "./tools.ts";
import { readChatUsage } from "./usage-object.ts";

/** Members of a chunk's delta that the model wrote. */
const WRITTEN = ["content", "arguments", "refusal", "reasoning_content", "reasoning"];

/** Reasons for which upstream stops before the model would. */
const CUT_SHORT: ReadonlySet<Json | undefined> = new Set(["length", "content_filter"]);

/** Meters chat completions, streamed or whole. */
export class ChatMeter implements StreamMeter {
  readonly #request: Metered;
  readonly #choices: number;
  readonly #reader = new EventReader((event) => this.#event(event));
  #end: AnswerEnd = "open";
  #cutShort = false;
  #finished = 0;
  #partial = false;
  #usage: Usage | null = null;
  #invalid: string | null = null;
  #answerId: string | null = null;
  #serviceTier: string | null;
  #pieces = 0;
  #produced = false;
  #done = false;

  /** `choices` is how many answers were asked for. */
  constructor(request: Metered, choices: number) {
    this.#request = request;
    this.#choices = choices;
    this.#serviceTier = request.serviceTier;
  }

  get violation(): string | null {
    return this.#reader.violation;
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk);
  }

  reading(): Reading {
    const calls = this.#calls();
    return {
      end: this.#end === "completed" && this.#cutShort ? "incomplete" : this.#end,
      usage: this.#usage && { ...this.#usage, calls, serviceTier: this.#serviceTier },
      invalid: this.#usage ? null : this.#invalid,
      counted: this.#produced ? countedUsage(this.#request, { outputTokens: this.#pieces, calls }) : NO_USAGE,
      produced: this.#produced,
      answerId: this.#answerId,
      itemIds: [],
      partial: this.#partial,
    };
  }

  /** Reads a whole answer. */
  answer(answer: Json | undefined): void {
    if (!isObject(answer)) return;
    const { choices } = answer;
    if (typeof answer.id === "string") this.#answerId = answer.id;
    if (Array.isArray(choices)) {
      this.#end = "completed";
      this.#cutShort = choices.some((choice) => isObject(choice) && CUT_SHORT.has(choice.finish_reason));
      this.#produced = choices.length > 0;
      this.#pieces = writtenTokens(choices);
    } else if (isObject(answer.error)) {
      this.#end = "failed";
    }
    this.#report(answer);
  }

  /** A chat answer does not list its searches: one that was asked for is one call. */
  #calls(): Calls {
    return this.#produced ? this.#request.calls : {};
  }

  #event({ data }: EventSourceMessage): void {
    if (this.#done) return;
    if (data === DONE) {
      this.#done = true;
      if (this.#end === "open") this.#end = "completed";
      return;
    }
    this.#answerId ??= plainStringAt(data, valueAt(data, "id"));
    this.#chunk(data);
    if (data[valueAt(data, "usage")] === "{") this.#usageChunk(parseData(data));
    else if (data[valueAt(data, "error")] === "{") this.#end = "failed";
  }

  #chunk(data: string): void {
    for (const name of WRITTEN) {
      const tokens = pieceTokens(stringLengthAt(data, valueAt(data, name)));
      this.#pieces += tokens;
      this.#produced ||= tokens > 0;
    }
    const reason = plainStringAt(data, valueAt(data, "finish_reason"));
    if (reason !== null) this.#finish(reason);
  }

  /** Some upstreams end without the marker: then the answer is whole when each of its choices has a reason to end. */
  #finish(reason: string): void {
    this.#cutShort ||= CUT_SHORT.has(reason);
    this.#finished += 1;
    if (this.#finished >= this.#choices && this.#end === "open") this.#end = "completed";
  }

  #usageChunk(chunk: JsonObject | null): void {
    if (!chunk) return;
    this.#report(chunk);
    if (this.#usage && Array.isArray(chunk.choices) && chunk.choices.length === 0) this.#end = "completed";
  }

  #report(answer: JsonObject): void {
    if (typeof answer.service_tier === "string") this.#serviceTier = normalTier(answer.service_tier);
    const reported = readChatUsage(answer.usage);
    if (reported.usage) this.#partial = reported.partial;
    this.#usage = reported.usage ?? this.#usage;
    this.#invalid = reported.invalid ?? this.#invalid;
    this.#produced ||= reported.usage !== null && reported.usage.outputTokens > 0;
  }
}
