const WATCH_MS = 1_000;
/** An answer that takes longer than this is cut; what was used is charged. */
const TOTAL_MS = 30 * 60_000;

/** How long an upstream may take to begin its answer, and then to go on (ms). */
export interface Patience {
  readonly firstByteMs: number;
  readonly idleMs: number;
}

/**
 * Cuts an upstream that does not begin, falls silent in the middle of its answer, or never ends. One timer serves a call
 * from its beginning to its end.
 */
export class Watchdog {
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #idleMs: number;
  #mayWaitMs: number;
  #lastSignAt = Date.now();

  constructor({ firstByteMs, idleMs }: Patience, cut: (reason: string) => void) {
    const startedAt = this.#lastSignAt;
    this.#mayWaitMs = firstByteMs;
    this.#idleMs = idleMs;
    this.#timer = setInterval(
      () => {
        const now = Date.now();
        if (now - this.#lastSignAt > this.#mayWaitMs) cut("upstream_silent");
        else if (now - startedAt > TOTAL_MS) cut("upstream_too_long");
      },
      Math.min(WATCH_MS, idleMs, firstByteMs),
    );
  }

  /** Something arrived. Returns now. */
  touch(): number {
    this.#mayWaitMs = this.#idleMs;
    this.#lastSignAt = Date.now();
    return this.#lastSignAt;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
