/**
 * An account's entries are sent this far apart: one that comes alone goes at once, those that follow wait for each other,
 * so that one queue message carries many. With what the queue adds, the ledger is less than five seconds behind.
 */
export const FLUSH_EVERY_MS = 3_000;

/** When entries were last sent, and so when the next are. */
export class FlushPace {
  readonly #everyMs: number;
  #flushedAt = Number.NEGATIVE_INFINITY;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** The instant at which an entry of `now` is to be sent. A clock that was put back holds nothing up. */
  dueAt(now: number): number {
    return this.#flushedAt > now ? now : Math.max(now, this.#flushedAt + this.#everyMs);
  }

  flushed(now: number): void {
    this.#flushedAt = now;
  }
}
