import type { Rewriter } from "./adapter.ts";
import { EVENT_BYTES } from "./sse.ts";

/** What is done with the events of a stream. */
export interface EventChanges {
  /** Whether an event that begins so may have to change; while that is not known it may. */
  mayChange(beginning: string): boolean;
  /** The event's new text, empty to take it out; `null` leaves its bytes as they are. */
  change(event: string): string | null;
}

const LF = 0x0a;
const CR = 0x0d;

/** An event's type stands within its first characters; where it does not, the whole event is waited for. */
const BEGINNING = 256;

/**
 * Changes single events of a stream, however it is cut into pieces, and passes every other byte as it came. Only an
 * event that may change is held back while it is incomplete; what follows each other unchanged stays one piece.
 */
export class EventRewriter implements Rewriter {
  readonly #changes: EventChanges;
  readonly #decoder = new TextDecoder();
  /** The beginning of an event that may change and whose end has not come yet. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** Whether the beginning of the present event was passed on already. */
  #passing = false;
  /** Whether the line that is being read has anything on it yet. */
  #lineIsEmpty = true;
  #afterCr = false;
  /** Whether the last event was changed, so that an LF left of its end goes with it. */
  #changed = false;
  /** Set by an event that is too large to be held: from there on everything passes. */
  #open = false;

  constructor(changes: EventChanges) {
    this.#changes = changes;
  }

  push(piece: Uint8Array): readonly Uint8Array[] {
    if (this.#open) return [piece];
    // An empty piece ends nothing, and must not let go of what is held.
    if (piece.length === 0) return [];
    const passed: Uint8Array[] = [];
    const hasCr = piece.includes(CR);
    let start = this.#restOfLineEnd(piece);
    let from = this.#changed ? start : 0;
    for (let end = this.#nextEvent(piece, start, hasCr); end !== -1; end = this.#nextEvent(piece, start, hasCr)) {
      const changed = this.#passing ? null : this.#changes.change(this.#heldText(piece.subarray(start, end)));
      this.#changed = changed !== null;
      if (changed !== null) {
        if (start > from) passed.push(piece.subarray(from, start));
        if (changed !== "") passed.push(new TextEncoder().encode(changed));
        from = end;
      } else {
        passed.push(...this.#held);
      }
      this.#forget();
      this.#passing = false;
      start = end;
    }
    return [...passed, ...this.#begin(piece, from, start)];
  }

  rest(): readonly Uint8Array[] {
    const rest = this.#held;
    this.#forget();
    return rest;
  }

  /** Passes what is left of `piece` after its last whole event, or holds back the event that begins at `start`. */
  #begin(piece: Uint8Array, from: number, start: number): readonly Uint8Array[] {
    if (start < piece.length) {
      this.#changed = false;
      if (!this.#passing && this.#mayChange(piece.subarray(start))) {
        const passed = start > from ? [piece.subarray(from, start)] : [];
        this.#hold(piece.slice(start));
        return this.#open ? [...passed, ...this.rest()] : passed;
      }
      this.#passing = true;
    }
    const held = this.rest();
    return from < piece.length ? [...held, piece.subarray(from)] : held;
  }

  #mayChange(more: Uint8Array): boolean {
    if (this.#heldBytes >= BEGINNING) return true;
    return this.#changes.mayChange(this.#heldText(more.subarray(0, BEGINNING)));
  }

  #hold(more: Uint8Array): void {
    this.#held.push(more);
    this.#heldBytes += more.length;
    this.#open = this.#heldBytes > EVENT_BYTES;
  }

  #forget(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** The present event's text with `more` of it. */
  #heldText(more: Uint8Array): string {
    let text = "";
    for (const piece of this.#held) text += this.#decoder.decode(piece, { stream: true });
    return text + this.#decoder.decode(more);
  }

  /** 1 when the piece begins with the LF of a CRLF that was cut between two events, and so belongs to the first. */
  #restOfLineEnd(piece: Uint8Array): number {
    if (!this.#afterCr || this.#heldBytes > 0 || piece[0] !== LF) return 0;
    this.#afterCr = false;
    return 1;
  }

  /** The offset after the next blank line at or after `from`; -1 when the piece has no more. */
  #nextEvent(piece: Uint8Array, from: number, hasCr: boolean): number {
    let at = from;
    for (let end = lineEnd(piece, at, hasCr); end !== -1; end = lineEnd(piece, at, hasCr)) {
      const isSecondHalf = end === at && this.#afterCr && piece[end] === LF;
      const isBlank = end === at && this.#lineIsEmpty && !isSecondHalf;
      this.#afterCr = piece[end] === CR;
      this.#lineIsEmpty = true;
      at = end + 1;
      if (isBlank) return this.#afterLineEnd(piece, at);
    }
    if (at < piece.length) {
      this.#lineIsEmpty = false;
      this.#afterCr = false;
    }
    return -1;
  }

  #afterLineEnd(piece: Uint8Array, at: number): number {
    if (!this.#afterCr || piece[at] !== LF) return at;
    this.#afterCr = false;
    return at + 1;
  }
}

/** Native search does for nearly every stream: JSON has no CR, and servers end their lines with LF alone. */
function lineEnd(piece: Uint8Array, from: number, hasCr: boolean): number {
  if (!hasCr) return piece.indexOf(LF, from);
  for (let at = from; at < piece.length; at += 1) if (piece[at] === LF || piece[at] === CR) return at;
  return -1;
}
