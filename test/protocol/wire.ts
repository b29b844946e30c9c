import type { Rate } from "../../src/core/rate-card.ts";
import type {
  Adapter,
  JsonObject,
  PreparedRequest,
  Reading,
  RequestFault,
  Rewriter,
  StreamMeter,
} from "../../src/protocol/adapter.ts";
import { isFault } from "../../src/protocol/fault.ts";
import { CODEX_RATE } from "../support/core-fixtures.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Server-sent events as the Responses protocol writes them. */
export function events(all: readonly JsonObject[], lineEnd = "\n"): string {
  return all
    .map((event) => `event: ${event.type}${lineEnd}data: ${JSON.stringify(event)}${lineEnd}${lineEnd}`)
    .join("");
}

/** Chunks as the chat protocol writes them. */
export function chunks(all: readonly JsonObject[], lineEnd = "\n"): string {
  return [...all.map((chunk) => JSON.stringify(chunk)), "[DONE]"]
    .map((data) => `data: ${data}${lineEnd}${lineEnd}`)
    .join("");
}

/** Every way to cut `whole` into two. */
export function* cuts(whole: Uint8Array): Generator<[Uint8Array, Uint8Array]> {
  for (let at = 0; at <= whole.length; at += 1) yield [whole.slice(0, at), whole.slice(at)];
}

export function readIn(meter: StreamMeter, pieces: Iterable<Uint8Array>): Reading {
  for (const piece of pieces) meter.push(piece);
  return meter.reading();
}

/** `whole`, byte by byte. */
export function* singleBytes(whole: Uint8Array): Generator<Uint8Array> {
  for (const byte of whole) yield Uint8Array.of(byte);
}

/** What a client reads of a stream that is rewritten, as text. */
export function through(rewriter: Rewriter, pieces: Iterable<Uint8Array>): string {
  const out: Uint8Array[] = [];
  for (const piece of pieces) out.push(...rewriter.push(piece));
  return decoder.decode(joined([...out, ...rewriter.rest()]));
}

export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

export const MODEL = "gpt-5.4";

export function rates(rate: Partial<Rate> = {}): (model: string) => Rate | null {
  return (model) => (model === MODEL ? { ...CODEX_RATE, ...rate } : null);
}

export function prepared(adapter: Adapter, body: JsonObject, rate: Partial<Rate> = {}): PreparedRequest {
  const answer = adapter.prepare({ model: MODEL, ...body }, rates(rate));
  if (isFault(answer)) throw new Error(`refused: ${answer.code} ${answer.param} ${answer.message}`);
  return answer;
}

export function refused(adapter: Adapter, body: JsonObject, rate: Partial<Rate> = {}): RequestFault {
  const answer = adapter.prepare({ model: MODEL, ...body }, rates(rate));
  if (!isFault(answer)) throw new Error("not refused");
  return answer;
}
