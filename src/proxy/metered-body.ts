import type { Reading, StreamMeter } from "../protocol/adapter.ts";
import type { Transport } from "./failure-policy.ts";
import type { Watchdog } from "./watchdog.ts";

/** What was read of an answer when it ended. */
export interface MeteredEnd {
  readonly reading: Reading;
  readonly transport: Transport;
}

export interface PumpOptions {
  readonly meter: StreamMeter;
  /** Cuts the upstream, and with it the client's stream. */
  readonly cut: (reason: string) => void;
  readonly watchdog: Watchdog;
  /** Called now and then while the stream runs, with what was counted so far. */
  readonly onProgress: (reading: Reading) => Promise<void>;
}

/** The most that is read at once. */
const LOOK_BYTES = 64 * 1024;
const PROGRESS_MS = 30_000;

/**
 * Reads an answer to its end, whatever its client does: this runs in `waitUntil` on its own branch of the stream, so a
 * client that left still pays for exactly what upstream reports. It never changes a byte of the client's branch.
 */
export async function pump(body: ReadableStream<Uint8Array>, options: PumpOptions): Promise<MeteredEnd> {
  const { meter, cut, watchdog, onProgress } = options;
  const pace = new Pace();
  let buffer = new ArrayBuffer(LOOK_BYTES);
  let progressAt = Date.now();
  try {
    const reader = body.getReader({ mode: "byob" });
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(buffer));
      if (done) return { reading: meter.reading(), transport: "whole" };
      const now = watchdog.touch();
      meter.push(value);
      if (meter.violation) {
        cut("upstream_protocol");
        return { reading: meter.reading(), transport: "broken" };
      }
      if (now - progressAt > PROGRESS_MS) {
        progressAt = now;
        await onProgress(meter.reading());
      }
      const size = value.byteLength;
      buffer = value.buffer;
      if (meter.reading().end === "open") await pace.rest(size);
    }
  } catch {
    return { reading: meter.reading(), transport: "broken" };
  } finally {
    watchdog.stop();
  }
}

const REST_MS = 50;
const FRUITLESS_MOST = 3;

/**
 * Looking at a stream in larger pieces costs about a third less than at every event. Resting only pays while it lets
 * pieces gather: not where the buffer was full, and no longer once rests bring no more than single events, as when the
 * stream is slow, or its client has gone and nobody but the meter draws it on.
 */
class Pace {
  #single = Number.POSITIVE_INFINITY;
  #fruitless = 0;

  async rest(size: number): Promise<void> {
    if (this.#fruitless >= FRUITLESS_MOST || size === LOOK_BYTES) return;
    this.#fruitless = size > 2 * this.#single ? 0 : this.#fruitless + 1;
    this.#single = Math.min(this.#single, size);
    await scheduler.wait(REST_MS);
  }
}
