import type { References } from "../core/continuation.ts";
import type { Rate } from "../core/rate-card.ts";
import type { Usage } from "../core/usage.ts";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

/** A request that cannot be served as it is: the caller's fault, told in the caller's protocol. Nothing is charged. */
export interface RequestFault {
  readonly status: 400 | 404 | 408 | 413 | 415 | 422;
  readonly type: "invalid_request_error";
  readonly code: string;
  readonly message: string;
  /** The field at fault, where there is one. */
  readonly param: string | null;
}

/** What the gateway changes of a request's body. */
export interface BodyChanges {
  /** The name of the model at the upstream that is asked. */
  readonly model: string;
  /** An upper bound of output tokens to set; `null` leaves the client's own. */
  readonly maxOutputTokens: number | null;
}

/** Changes an answer's stream for the client, piece by piece; whatever is not concerned keeps its bytes. */
export interface Rewriter {
  /** What can be passed on after this piece; nothing while an event is held back that may have to change. */
  push(piece: Uint8Array): readonly Uint8Array[];
  /** What is still held back at the end. */
  rest(): readonly Uint8Array[];
}

/** A request as the gateway understands it: what it may use at most, and what is sent upstream. */
export interface PreparedRequest {
  readonly model: string;
  readonly references: References;
  /** Whether upstream keeps the answer, so that it can be named, read and deleted later. */
  readonly stored: boolean;
  /** Whether upstream goes on by itself and the answer is fetched later. */
  readonly background: boolean;
  /** The worst case of its use, priced before the call. */
  readonly bound: Usage;
  /** Whether the client left the output unbounded. */
  readonly openOutput: boolean;
  readonly stream: boolean;
  /** Path below the upstream's base URL. */
  readonly path: string;
  /**
   * The body to send: the parsed request serialised once, so that upstream reads what was priced.
   */
  body(changes: BodyChanges): string;
  /** Starts to read the answer's stream. */
  meter(): StreamMeter;
  /** Reads the usage of a whole JSON answer. */
  read(answer: string): Reading;
  /** Repairs a whole answer that clients could not read; `null` passes it unchanged. */
  readonly repair: ((answer: string) => string) | null;
  /** Rewrites the stream for the client, where that is needed; `null` passes the bytes unchanged. */
  readonly rewrite: (() => Rewriter) | null;
}

/** How upstream's answer ended, by its own words; `open` when it did not say. */
export type AnswerEnd = "completed" | "incomplete" | "failed" | "open";

/** What an answer tells of its usage. */
export interface Reading {
  readonly end: AnswerEnd;
  /** Usage as upstream reports it; `null` when there is none that can be trusted. */
  readonly usage: Usage | null;
  /** Why reported usage was not trusted; `null` when it was, or when there was none. */
  readonly invalid: string | null;
  /** What the gateway counted itself: a cautious (low) count of what was produced so far. */
  readonly counted: Usage;
  /** Whether anything was produced at all. */
  readonly produced: boolean;
  /** Upstream's id of the answer, as soon as it was seen: who may read or cancel it later depends on it. */
  readonly answerId: string | null;
  /** Ids of the answer's output items; later requests may name them where upstream keeps them. */
  readonly itemIds: readonly string[];
  /** Whether counts were missing that the price depends on, so that the reported usage is charged as an estimate. */
  readonly partial: boolean;
}

/** Reads an answer's stream as it passes. Never throws on what upstream sends. */
export interface StreamMeter {
  push(chunk: Uint8Array): void;
  /** What is known so far. */
  reading(): Reading;
  /** Set when the stream breaks the protocol's bounds and must be cut. */
  readonly violation: string | null;
}

/** Reads one kind of request. */
export interface Adapter {
  /** `rateOf` finds the rate of a model in force now. Pricing every dimension that the request can use is checked here. */
  prepare(body: JsonObject, rateOf: (model: string) => Rate | null): PreparedRequest | RequestFault;
}
