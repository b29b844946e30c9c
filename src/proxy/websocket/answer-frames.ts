import type { UsageOutcome } from "../../core/event.ts";
import type { Json, Reading } from "../../protocol/adapter.ts";
import type { ErrorAnswer } from "../../protocol/error-body.ts";
import { isObject } from "../../protocol/json-object.ts";
import { eventType, type ResponsesMeter } from "../../protocol/responses-meter.ts";
import { parseData } from "../../protocol/sse.ts";
import { toldEventData } from "../../protocol/told-answer.ts";
import { errorFrame } from "../../protocol/websocket-frames.ts";
import { type Ending, endingOf, type Transport } from "../failure-policy.ts";
import { readUpstreamError, type UpstreamError } from "./upstream-error.ts";

const LAST: ReadonlySet<string> = new Set([
  "error",
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);
/** Upstream's own limits concern the operator's account. */
const OPERATORS = "codex.";

export interface AnswerFramesOptions {
  readonly meter: ResponsesMeter;
  readonly streamId: string | null;
  readonly requestId: string;
  /** Whether the answer has to be known word for word. */
  readonly keepsItems: boolean;
  /** Sends a frame to the client; does nothing once it has gone. */
  readonly say: (frame: string) => void;
}

/** Passes the events of one answer on to its client, and reads them on the way. */
export class AnswerFrames {
  /** Set when upstream has said its last, or was not asked any more. */
  ended = false;
  /** Set when upstream said that there is no answer, or no more of it. */
  error: UpstreamError | null = null;
  /** Whether upstream may still say what an answer used that it broke off with an error. */
  owesUsage = false;

  readonly #options: AnswerFramesOptions;
  readonly #items: Json[] = [];
  #released: UsageOutcome | null = null;

  constructor(options: AnswerFramesOptions) {
    this.#options = options;
  }

  /** Takes one event, which is passed on as it is. `name` is what the event calls itself outside of it. */
  take(json: string, name?: string): void {
    const { meter, requestId, say } = this.#options;
    const type = eventType(json, name);
    if (this.ended) this.#takeUsage(type, json, name);
    if (this.ended || type.startsWith(OPERATORS)) return;
    meter.event(json, name);
    if (this.#options.keepsItems) this.#keep(type, json);
    this.ended = LAST.has(type);
    if (type === "error") {
      this.owesUsage = this.reading().produced;
      this.error = readUpstreamError(json, requestId, this.owesUsage);
      this.refuse(this.error.answer, this.error.failure?.outcome ?? "rejected");
    } else {
      say(this.ended ? toldEventData(json) : json);
    }
  }

  /** After its error the client hears no more of an answer, but it is charged as upstream says in the end. */
  #takeUsage(type: string, json: string, name: string | undefined): void {
    if (!this.owesUsage || type === "error" || !LAST.has(type)) return;
    this.owesUsage = false;
    this.#options.meter.event(json, name);
  }

  /** Tells the client that there is no answer, or no more of it. */
  refuse(answer: ErrorAnswer, outcome: UsageOutcome): void {
    this.ended = true;
    this.#released = outcome;
    this.#options.say(errorFrame(answer, this.#options.streamId));
  }

  reading(): Reading {
    return this.#options.meter.reading();
  }

  /** What the answer's ending charges. */
  ending(transport: Transport): Ending {
    const reading = this.reading();
    if (this.#released !== null && !reading.produced) return { kind: "release", outcome: this.#released };
    return endingOf(reading, transport);
  }

  /** What was produced. */
  items(): readonly Json[] {
    return this.#items;
  }

  /** The last event repeats all items; not every upstream does so. */
  #keep(type: string, json: string): void {
    if (type !== "response.output_item.done" && !LAST.has(type)) return;
    const event = parseData(json);
    if (isObject(event?.item)) this.#items.push(event.item);
    const output = isObject(event?.response) ? event.response.output : null;
    if (Array.isArray(output) && output.length > 0) this.#items.splice(0, Number.POSITIVE_INFINITY, ...output);
  }
}
