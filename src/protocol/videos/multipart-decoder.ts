import { Buffer } from "node:buffer";
import type { RequestFault } from "../adapter.ts";
import { isFault } from "../fault.ts";
import { malformed, type PartHead, parsePartHead } from "./part-head.ts";

/** The bytes of a part come in any number of `data` events, of at most 64 KiB each. */
export type PartEvent =
  | { readonly kind: "part"; readonly head: PartHead }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "partEnd" }
  | { readonly kind: "formEnd" };

const DATA_MOST = 64 * 1024;
/** Headers of a part, in bytes. A long file name in three-byte characters stays below a quarter of it. */
const HEAD_MOST = 4 * 1024;

const CRLF = "\r\n";
const HEAD_END = Buffer.from("\r\n\r\n");
const DASH = 0x2d;
const CR = 0x0d;
const LF = 0x0a;

/** A delimiter is only one when it is followed by a line end, or by two dashes, which close the form. */
type Edge = "next" | "close" | "none" | "undecided";
/** What follows a delimiter, in bytes. */
const EDGE = 2;

/**
 * Splits a form into its parts while it arrives, however it is cut into pieces. Of what it was given it keeps only what
 * may be the beginning of a delimiter, or of a part's headers.
 *
 * Libraries were looked at first: those without Node's streams hold each part in memory as a whole, or lose parts when
 * a piece ends between the last two dashes.
 */
export class MultipartDecoder {
  readonly #delimiter: Buffer;
  #state: "start" | "head" | "body" | "close" | "over" = "start";
  // The first delimiter needs no line end before it; with one added it looks like all others.
  #rest = Buffer.from(CRLF);
  /** How many of the next bytes are known to belong to the part. */
  #plain = 0;

  constructor(boundary: string) {
    this.#delimiter = Buffer.from(`${CRLF}--${boundary}`);
  }

  /** `piece` belongs to the decoder from here on. */
  push(piece: Uint8Array): void {
    if (this.#state === "over") return;
    if (this.#rest.length === 0) {
      this.#rest = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      return;
    }
    const joined = Buffer.alloc(this.#rest.length + piece.length);
    joined.set(this.#rest);
    joined.set(piece, this.#rest.length);
    this.#rest = joined;
  }

  /** What comes next; `null` when that depends on bytes that have not arrived. */
  next(): PartEvent | RequestFault | null {
    switch (this.#state) {
      case "start":
        return this.#start();
      case "head":
        return this.#head();
      case "body":
        return this.#body();
      case "close":
        this.#state = "over";
        this.#rest = Buffer.alloc(0);
        return { kind: "formEnd" };
      case "over":
        return null;
    }
  }

  #start(): PartEvent | RequestFault | null {
    if (this.#rest.length < this.#delimiter.length + EDGE) return null;
    const edge = this.#rest.indexOf(this.#delimiter) === 0 ? this.#edgeAt(0) : "none";
    if (edge === "none") return malformed("it does not begin with its boundary");
    this.#pass(edge);
    return this.next();
  }

  #head(): PartEvent | RequestFault | null {
    const end = this.#rest.indexOf(HEAD_END);
    if (end < 0 && this.#rest.length <= HEAD_MOST) return null;
    if (end < 0 || end > HEAD_MOST) return malformed("a part's headers are too long");
    const head = parsePartHead(this.#take(end));
    if (isFault(head)) return head;
    this.#take(HEAD_END.length);
    this.#state = "body";
    return { kind: "part", head };
  }

  #body(): PartEvent | null {
    if (this.#plain === 0) {
      const { at, edge } = this.#nextEdge();
      if (at === 0 && edge === "undecided") return null;
      if (at === 0) {
        this.#pass(edge);
        return { kind: "partEnd" };
      }
      this.#plain = at;
    }
    const bytes = this.#take(Math.min(this.#plain, DATA_MOST));
    this.#plain -= bytes.length;
    return { kind: "data", bytes };
  }

  /** Where the part may end; everything before belongs to it. */
  #nextEdge(): { readonly at: number; readonly edge: Edge } {
    const rest = this.#rest;
    for (let at = rest.indexOf(this.#delimiter); at >= 0; at = rest.indexOf(this.#delimiter, at + 1)) {
      const edge = this.#edgeAt(at);
      if (edge !== "none") return { at, edge };
    }
    const possible = rest.indexOf(CR, Math.max(0, rest.length - this.#delimiter.length + 1));
    return { at: possible < 0 ? rest.length : possible, edge: "undecided" };
  }

  #edgeAt(at: number): Edge {
    const after = at + this.#delimiter.length;
    const first = this.#rest[after];
    const second = this.#rest[after + 1];
    if (first === CR && second === LF) return "next";
    if (first === DASH && second === DASH) return "close";
    const mayBecomeOne = second === undefined && (first === undefined || first === CR || first === DASH);
    return mayBecomeOne ? "undecided" : "none";
  }

  /** Goes beyond the delimiter that stands next. */
  #pass(edge: Edge): void {
    this.#take(this.#delimiter.length + EDGE);
    this.#state = edge === "close" ? "close" : "head";
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}
