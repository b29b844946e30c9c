import { interrupt } from "./frames.ts";
import type { Ending } from "./journal.ts";
import type { Interruption } from "./scenario.ts";

/** A JSON answer of which only the first half is sent before the interruption. */
export async function* playHalf(text: string, interruption: Interruption, signal: AbortSignal): AsyncGenerator<string> {
  yield text.slice(0, text.length / 2);
  await interrupt(interruption, signal);
}

/**
 * A body that is produced only as fast as the caller reads, and tells how it ended. `abort` is pulled when the
 * caller goes away, so that a chunk that is being waited for is given up.
 */
export function bodyOf(
  chunks: AsyncGenerator<string | Uint8Array>,
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
          controller.enqueue(typeof next.value === "string" ? encoder.encode(next.value) : next.value);
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

/** Workerd tells the length of a stream only where it is part of it; Node takes the header's word. */
export function ofLength(body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> {
  return "FixedLengthStream" in globalThis ? body.pipeThrough(new FixedLengthStream(length)) : body;
}
