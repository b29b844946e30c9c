import type { Reading, Rewriter, StreamMeter } from "../protocol/adapter.ts";
import { ClientStream, type KeepAlive } from "./client-stream.ts";
import type { Transport } from "./failure-policy.ts";
import { SecretFilter } from "./told-secret.ts";
import type { Watchdog } from "./watchdog.ts";

/** What was read of an answer when it ended. */
export interface MeteredEnd {
  readonly reading: Reading;
  readonly transport: Transport;
}

export interface RelayOptions {
  readonly meter: StreamMeter;
  /** Changes the stream for the client; `null` passes the bytes unchanged. */
  readonly rewriter: Rewriter | null;
  /** The key that upstream was asked with, which the client is not told. */
  readonly secret: string;
  readonly keepAlive: KeepAlive | null;
  /** Cuts the upstream, and with it the client's stream. */
  readonly cut: (reason: string) => void;
  readonly watchdog: Watchdog;
  /** Called now and then while the stream runs, be it silent, with what was counted so far: its reservation is kept by it. */
  readonly onProgress: (reading: Reading) => Promise<void>;
  /**
   * Called once, as soon as the answer's id was seen; nothing goes to the client before it is done. Where it answers
   * `false`, nothing goes there at all: the stream breaks.
   */
  readonly onAnswerId?: (reading: Reading) => Promise<boolean>;
  /** Called once when the client leaves before the end. */
  readonly onClientGone?: (reading: Reading) => Promise<void>;
}

export interface Relayed {
  /** The client's stream. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Fulfilled when upstream has ended, whatever the client did. */
  readonly ended: Promise<MeteredEnd>;
}

/**
 * Passes an answer's stream on and meters it, in one reader. Upstream is read to its end whatever the client does (run
 * it in `waitUntil`), so a client that left still pays for exactly what upstream reports. An answer that ends without
 * its last event breaks for the client too: a clean end would pass a part for the whole.
 *
 * Measured in CPU per 1,000 streams of 20 pieces: this reader 2.2 s, a `tee()` with a meter that rests beside it 1.5 s,
 * the native pass-through 0.9 s. The difference is what lets an end be broken, an event be repaired and a silence be
 * filled. Half of it is the read and half the write of each piece: larger reads, a `ReadableStream` of our own, metering
 * in larger pieces or none at all change it by less than can be measured, and a reader that rests delays the client.
 */
export function relay(body: ReadableStream<Uint8Array>, options: RelayOptions): Relayed {
  const story = new Relay(options);
  return { readable: story.client.readable, ended: story.run(body) };
}

const PROGRESS_MS = 30_000;
/** The most that is held back until the answer's id is known. */
const UNNAMED_BYTES = 1024 * 1024;

class Relay {
  readonly client: ClientStream;
  readonly #options: RelayOptions;
  readonly #filter: SecretFilter;
  /** What is being told to others. */
  readonly #told: Promise<void>[] = [];
  #progressAt = Date.now();
  /** Pieces that wait for the answer's id; `null` when nothing has to. */
  #unnamed: Uint8Array[] | null;
  #unnamedBytes = 0;
  /** The client may not have the answer. */
  #withheld = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#filter = new SecretFilter(options.secret);
    this.#unnamed = options.onAnswerId ? [] : null;
    this.client = new ClientStream(options.keepAlive, () => this.#tell(options.onClientGone));
  }

  async run(body: ReadableStream<Uint8Array>): Promise<MeteredEnd> {
    const { meter, rewriter, watchdog } = this.#options;
    watchdog.onTick = (now) => this.#showProgress(now);
    await this.#readAll(body).catch(() => undefined);
    watchdog.stop();
    const reading = meter.reading();
    // What comes after the last event, a break too, changes nothing about the answer.
    const isWhole = reading.end !== "open" && !this.#withheld;
    for (const piece of this.#unnamed ?? []) this.#pass(piece);
    this.#write(this.#filter.rest());
    for (const piece of rewriter?.rest() ?? []) this.client.write(piece);
    if (isWhole) this.client.close();
    else void this.client.break("upstream_broke_off");
    await Promise.allSettled(this.#told);
    return { reading, transport: isWhole ? "whole" : "broken" };
  }

  async #readAll(body: ReadableStream<Uint8Array>): Promise<void> {
    const { meter, cut, watchdog } = this.#options;
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      watchdog.touch();
      meter.push(value);
      if (meter.violation !== null) {
        cut("upstream_protocol");
        return;
      }
      if (this.#unnamed) await this.#passOnceNamed(this.#unnamed, value);
      else this.#pass(value);
      if (this.#withheld) {
        cut("answer_withheld");
        return;
      }
      if (this.client.isBehind) await this.client.catchUp();
    }
  }

  #pass(piece: Uint8Array): void {
    this.#write(this.#filter.push(piece));
  }

  #write(piece: Uint8Array): void {
    const { rewriter } = this.#options;
    if (piece.length === 0) return;
    if (!rewriter) this.client.write(piece);
    else for (const part of rewriter.push(piece)) this.client.write(part);
  }

  async #passOnceNamed(waiting: Uint8Array[], piece: Uint8Array): Promise<void> {
    waiting.push(piece);
    this.#unnamedBytes += piece.length;
    const reading = this.#options.meter.reading();
    if (reading.answerId === null && !reading.produced && this.#unnamedBytes < UNNAMED_BYTES) return;
    this.#unnamed = null;
    this.#withheld = reading.answerId !== null && (await this.#options.onAnswerId?.(reading)) === false;
    if (!this.#withheld) for (const one of waiting) this.#pass(one);
  }

  #showProgress(now: number): void {
    if (now - this.#progressAt <= PROGRESS_MS) return;
    this.#progressAt = now;
    this.#tell(this.#options.onProgress);
  }

  #tell(listener: ((reading: Reading) => Promise<void>) | undefined): void {
    if (listener) this.#told.push(listener(this.#options.meter.reading()));
  }
}
