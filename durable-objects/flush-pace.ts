/**
 * An account's entries are sent this far apart: one that comes alone goes at once, those that follow wait for each other,
 * so that one queue message carries many. With what the queue adds, the ledger is less than five seconds behind.
 */
export const FLUSH_EVERY_MS = 3_000;

/** When the outbox was last emptied into the queue, and so when it is next. */
export class FlushPace {
  #flushedAt = Number.NEGATIVE_INFINITY;

  /** The instant at which an entry of `now` is to be sent. A clock that was put back holds nothing up. */
  dueAt(now: number): number {
    return this.#flushedAt > now ? now : Math.max(now, this.#flushedAt + FLUSH_EVERY_MS);
  }

  flushed(now: number): void {
    this.#flushedAt = now;
  }
}
