import { isObject } from "./json-object.ts";
import { EVENT_BYTES, parseData, valueAt } from "./sse.ts";

const LF = 0x0a;
const CR = 0x0d;

/**
 * Takes the chunk that only reports usage (`"choices": []`) out of a chat stream, for a client that did not ask for
 * it, and passes every other byte as it came. Only the bytes of an event that is not complete are held back.
 */
export function usageChunkFilter(): TransformStream<Uint8Array, Uint8Array> {
  const filter = new Filter();
  return new TransformStream({
    transform: (chunk, controller) => {
      for (const piece of filter.pass(chunk)) controller.enqueue(piece);
    },
    flush: (controller) => {
      for (const piece of filter.rest()) controller.enqueue(piece);
    },
  });
}

class Filter {
  /** The beginning of an event whose end has not come yet. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Whether the line that is being read has anything on it yet. */
  #lineIsEmpty = true;
  #afterCr = false;
  /** Whether the last event was taken out, so that an LF left of its end is taken out with it. */
  #dropped = false;
  /** Set by an event that is too large to be held: from there on everything passes. */
  #open = false;

  pass(chunk: Uint8Array): Uint8Array[] {
    if (this.#open) return [chunk];
    const passed: Uint8Array[] = [];
    let eventStart = this.#restOfLineEnd(chunk);
    let keptFrom = this.#dropped ? eventStart : 0;
    for (let end = this.#nextEvent(chunk, eventStart); end !== -1; end = this.#nextEvent(chunk, eventStart)) {
      this.#dropped = isUsageChunk(this.#held, chunk.subarray(eventStart, end));
      if (this.#dropped) {
        if (eventStart > keptFrom) passed.push(chunk.subarray(keptFrom, eventStart));
        keptFrom = end;
      } else {
        passed.push(...this.#held);
      }
      this.#held = [];
      this.#heldBytes = 0;
      eventStart = end;
    }
    if (eventStart > keptFrom) passed.push(chunk.subarray(keptFrom, eventStart));
    this.#hold(chunk, eventStart);
    return this.#open ? [...passed, ...this.rest()] : passed;
  }

  rest(): Uint8Array[] {
    const rest = this.#held;
    this.#held = [];
    return rest;
  }

  /** 1 when the chunk begins with the LF of the CRLF that ended the last event, and so belongs to that event. */
  #restOfLineEnd(chunk: Uint8Array): number {
    if (!this.#afterCr || this.#heldBytes > 0 || chunk[0] !== LF) return 0;
    this.#afterCr = false;
    return 1;
  }

  /** The offset after the next blank line at or after `from`; -1 when the chunk has no more. */
  #nextEvent(chunk: Uint8Array, from: number): number {
    for (let index = from; index < chunk.length; index += 1) {
      const byte = chunk[index];
      const isSecondHalf = byte === LF && this.#afterCr;
      this.#afterCr = byte === CR;
      if (isSecondHalf) continue;
      if (byte !== LF && byte !== CR) {
        this.#lineIsEmpty = false;
      } else if (this.#lineIsEmpty) {
        return this.#endOfBlankLine(chunk, index);
      } else {
        this.#lineIsEmpty = true;
      }
    }
    return -1;
  }

  #endOfBlankLine(chunk: Uint8Array, index: number): number {
    if (chunk[index] !== CR || chunk[index + 1] !== LF) return index + 1;
    this.#afterCr = false;
    return index + 2;
  }

  #hold(chunk: Uint8Array, from: number): void {
    if (from === chunk.length) return;
    this.#held.push(chunk.slice(from));
    this.#heldBytes += chunk.length - from;
    this.#open = this.#heldBytes > EVENT_BYTES;
  }
}

/** Whether the event says nothing but the usage. Other events have none or `null`, and are not parsed. */
function isUsageChunk(held: readonly Uint8Array[], end: Uint8Array): boolean {
  const event = new TextDecoder().decode(held.length === 0 ? end : concatenate([...held, end]));
  if (event[valueAt(event, "usage")] !== "{") return false;
  const data = event
    .split(/\r\n|\n|\r/)
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice("data:".length))
    .join("\n");
  const chunk = parseData(data);
  return chunk !== null && isObject(chunk.usage) && Array.isArray(chunk.choices) && chunk.choices.length === 0;
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}
