import { wait } from "./clock.ts";
import type { Ending } from "./journal.ts";
import { type Interruption, MAX_WAIT_MS, type Scenario } from "./scenario.ts";

/** One streamed answer as SSE text. Parts are numbered as they are made: ask for them once each, in this order. */
export interface Frames {
  readonly deltas: number;
  opening(): string;
  delta(index: number): string;
  closing(): string;
}

/** One server-sent event; `event` names it where the protocol has names. */
export function sseEvent(data: object | "[DONE]", event?: string): string {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return event === undefined ? `data: ${text}\n\n` : `event: ${event}\ndata: ${text}\n\n`;
}

const CUT_OFF_EVENT = 'data: {"type":"response.output_text.delta","sequence_num\n\n';
const PADDING_HEAD = 'data: {"type":"simulated.padding","choices":[],"padding":"';
const PADDING_TAIL = '"}';
const PADDING_PIECE = 65_536;
/** An error overtakes what was written just before it; the last delta needs this long to be on its way. */
const FLUSH_MS = 20;

/** Plays `frames` as the scenario wants them; one yielded text is one chunk on the wire. */
export async function* playFrames(frames: Frames, scenario: Scenario, signal: AbortSignal): AsyncGenerator<string> {
  const { interruption } = scenario;
  const shown = interruption === null ? frames.deltas : Math.min(interruption.after, frames.deltas);
  const middle = scenario.burst ? 0 : Math.floor(shown / 2);
  yield frames.opening();
  yield* playDeltas(frames, 0, middle, scenario, signal);
  yield* disturb(scenario);
  yield* playDeltas(frames, middle, shown, scenario, signal);
  if (interruption === null) yield frames.closing();
  else await interrupt(interruption, signal);
}

/** A JSON answer of which only the first half is sent before the interruption. */
export async function* playHalf(text: string, interruption: Interruption, signal: AbortSignal): AsyncGenerator<string> {
  yield text.slice(0, text.length / 2);
  await interrupt(interruption, signal);
}

async function* playDeltas(
  frames: Frames,
  from: number,
  to: number,
  scenario: Scenario,
  signal: AbortSignal,
): AsyncGenerator<string> {
  if (from === to) return;
  if (scenario.burst) {
    yield Array.from({ length: to - from }, (_, offset) => frames.delta(from + offset)).join("");
    return;
  }
  for (let index = from; index < to; index++) {
    if (index > 0) await wait(scenario.paceMs, signal);
    yield frames.delta(index);
  }
}

function* disturb(scenario: Scenario): Generator<string> {
  if (scenario.malformed) yield CUT_OFF_EVENT;
  if (scenario.bigLineBytes !== null) yield* paddingLine(scenario.bigLineBytes);
}

/** One valid event of an unknown type on one line of `bytes`, written in pieces: it is never whole in memory. */
function* paddingLine(bytes: number): Generator<string> {
  yield PADDING_HEAD;
  let rest = bytes - PADDING_HEAD.length - PADDING_TAIL.length;
  for (; rest > PADDING_PIECE; rest -= PADDING_PIECE) yield "x".repeat(PADDING_PIECE);
  yield `${"x".repeat(rest)}${PADDING_TAIL}\n\n`;
}

async function interrupt({ kind }: Interruption, signal: AbortSignal): Promise<void> {
  if (kind === "eof") return;
  await wait(kind === "stall" ? MAX_WAIT_MS : FLUSH_MS, signal);
  throw new Error("the simulated connection broke");
}

/**
 * A body that is produced only as fast as the caller reads, and tells how it ended. `abort` is pulled when the
 * caller goes away, so that a chunk that is being waited for is given up.
 */
export function bodyOf(
  chunks: AsyncGenerator<string>,
  abort: AbortController,
  end: (ending: Exclude<Ending, "open">) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const source: UnderlyingSource<Uint8Array> = {
    async pull(controller) {
      try {
        const next = await chunks.next();
        if (next.done) {
          end("complete");
          controller.close();
        } else {
          controller.enqueue(encoder.encode(next.value));
        }
      } catch (error) {
        end("broken");
        controller.error(error);
      }
    },
    cancel() {
      end("cancelled");
      abort.abort();
    },
  };
  return new ReadableStream(source, { highWaterMark: 0 });
}
