import { createParser, type EventSourceMessage } from "eventsource-parser";
import type { Json, JsonObject } from "./adapter.ts";
import { isObject } from "./json-object.ts";

/** The last event of an answer repeats the whole of it, images included. */
export const EVENT_BYTES = 8 * 1024 * 1024;

/**
 * Reads a stream's events, however it is cut into chunks, and never throws.
 *
 * Measured on events of 240 bytes: decoding the chunk and splitting it with `eventsource-parser` takes 0.4 µs an
 * event, a scanner of our own over the raw bytes 0.9 µs (native search in strings beats ours), and `JSON.parse` would
 * add 1 µs. So every chunk is decoded, no event is parsed, and the meters parse only the few that carry usage.
 */
export class EventReader {
  /** Set when an event is too large; nothing is read after it. */
  violation: string | null = null;

  readonly #decoder = new TextDecoder();
  readonly #parser;
  readonly #limit: number;
  readonly #onEvent: (event: EventSourceMessage) => void;

  /** `limit` is counted in characters, of which each is at least a byte. */
  constructor(onEvent: (event: EventSourceMessage) => void, limit = EVENT_BYTES) {
    this.#onEvent = onEvent;
    this.#limit = limit;
    this.#parser = createParser({
      maxBufferSize: limit,
      onEvent: (event) => this.#event(event),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") this.#violate();
      },
    });
  }

  push(chunk: Uint8Array): void {
    if (this.violation === null) this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  /** An event that came within one chunk was never buffered and is measured here. */
  #event(event: EventSourceMessage): void {
    if (event.data.length > this.#limit) this.#violate();
    if (this.violation === null) this.#onEvent(event);
  }

  #violate(): void {
    this.violation = `an event of the stream is larger than ${this.#limit} bytes`;
  }
}

/** `event` with other data in one line, and all its other lines as they were. */
export function withData(event: string, data: string): string {
  const lineEnd = LINE_END.exec(event)?.[0] ?? "\n";
  const others = event.split(LINE_END).filter((line) => line !== "" && !line.startsWith("data:"));
  return [...others, `data: ${data}`, "", ""].join(lineEnd);
}

/** The data of one whole event, from its text. */
export function dataOf(event: string): string {
  return event
    .split(LINE_END)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice("data:".length))
    .join("\n");
}

export const LINE_END = /\r\n|\n|\r/;

/** The marker that ends a stream of chat chunks. */
export const DONE = "[DONE]";

/** Parses an event's data; `null` when it is not a JSON object. */
export function parseData(data: string): JsonObject | null {
  try {
    const value = JSON.parse(data) as Json;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Where the value of the first member called `name` begins, found without parsing; -1 when there is none. The same
 * letters inside a string are no member: their quotes are escaped there.
 */
export function valueAt(json: string, name: string): number {
  const at = json.indexOf(`"${name}":`);
  if (at === -1) return -1;
  let value = at + name.length + 3;
  while (json[value] === " ") value += 1;
  return value;
}

/** Characters of a string value up to its first quote, escaped or not: never more than it has; 0 for other values. */
export function stringLengthAt(json: string, at: number): number {
  if (at === -1 || json[at] !== '"') return 0;
  const end = json.indexOf('"', at + 1);
  return (end === -1 ? json.length : end) - at - 1;
}

/** A string value without escapes; `null` for anything else. */
export function plainStringAt(json: string, at: number): string | null {
  const length = stringLengthAt(json, at);
  const text = json.slice(at + 1, at + 1 + length);
  return length === 0 || text.endsWith("\\") ? null : text;
}
