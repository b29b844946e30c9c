const WATCH_MS = 1_000;
/** An answer that takes longer than this is cut; what was used is charged. */
const TOTAL_MS = 30 * 60_000;

/** Cuts an upstream that falls silent in the middle of its answer, or never ends. */
export class Watchdog {
  readonly #timer: ReturnType<typeof setInterval>;
  #lastByteAt = Date.now();

  constructor(idleMs: number, cut: (reason: string) => void) {
    const startedAt = this.#lastByteAt;
    this.#timer = setInterval(
      () => {
        const now = Date.now();
        if (now - this.#lastByteAt > idleMs) cut("upstream_idle");
        else if (now - startedAt > TOTAL_MS) cut("upstream_too_long");
      },
      Math.min(WATCH_MS, idleMs),
    );
  }

  /** Something arrived. */
  touch(): number {
    this.#lastByteAt = Date.now();
    return this.#lastByteAt;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
