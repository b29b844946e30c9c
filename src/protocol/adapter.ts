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

/** A request as the gateway understands it: what it may use at most, and what is sent upstream. */
export interface PreparedRequest {
  readonly model: string;
  /** The worst case of its use, priced before the call. */
  readonly bound: Usage;
  /** Whether the client left the output unbounded. */
  readonly openOutput: boolean;
  readonly stream: boolean;
  /** Path below the upstream's base URL. */
  readonly path: string;
  /**
   * The body to send: the parsed request serialised once, so that upstream reads what was priced.
   * `clampedTo` is an upper bound of output tokens to set; `null` leaves the client's own.
   */
  body(clampedTo: number | null): string;
  /** Starts to read the answer's stream. */
  meter(): StreamMeter;
  /** Reads the usage of a whole JSON answer. */
  read(answer: string): Reading;
  /** Rewrites the stream for the client, where that is needed; `null` passes the bytes unchanged. */
  readonly rewrite: (() => TransformStream<Uint8Array, Uint8Array>) | null;
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
