import type { Patience } from "../catalog/upstream.ts";

const WATCH_MS = 1_000;

/**
 * Cuts an upstream that does not begin its answer, falls silent in the middle of it, or never ends. One timer serves a
 * call from its beginning to its end. The pieces of a whole answer count for nothing: all of it has to come in the time
 * that a stream has for its first. While upstream is still being sent what it is asked, it cannot answer: its time begins
 * with the last piece of that.
 */
export class Watchdog {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #patience: Patience;
  readonly #streamed: boolean;
  readonly #startedAt = Date.now();
  #waitsUntil: number;
  readonly #sentAt: () => number;
  /** Called with the time about once a second, however silent the upstream is. */
  onTick: (now: number) => void = () => undefined;

  /** `sentAt` tells when the latest piece of the request was sent (epoch ms). */
  constructor(patience: Patience, streamed: boolean, cut: (reason: string) => void, sentAt: () => number = () => 0) {
    const { connectMs, firstByteMs, idleMs, totalMs } = patience;
    this.#patience = patience;
    this.#streamed = streamed;
    this.#sentAt = sentAt;
    this.#waitsUntil = this.#startedAt + (streamed ? Math.min(connectMs, firstByteMs) : firstByteMs);
    this.#timer = setInterval(
      () => {
        const now = Date.now();
        if (now > Math.max(this.#waitsUntil, this.#sentAt() + firstByteMs)) cut("upstream_silent");
        else if (now - this.#startedAt > totalMs) cut("upstream_too_long");
        else this.onTick(now);
      },
      Math.min(WATCH_MS, connectMs, firstByteMs, idleMs, totalMs),
    );
  }

  /** The headers arrived. */
  answered(): void {
    this.#waitsUntil = this.#startedAt + this.#patience.firstByteMs;
  }

  /** A piece of the answer arrived. */
  touch(): void {
    if (this.#streamed) this.#waitsUntil = Date.now() + this.#patience.idleMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
