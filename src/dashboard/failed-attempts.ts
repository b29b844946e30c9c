const WINDOW_MS = 15 * 60_000;
const FAILURES_MOST = 10;
const ADDRESSES_MOST = 10_000;

interface Failures {
  readonly since: number;
  readonly count: number;
}

/**
 * Counts failed sign-ins by client address, in this isolate only: it slows down whoever guesses. What makes guessing
 * hopeless is the length of the secret.
 */
export class FailedAttempts {
  readonly #failures = new Map<string, Failures>();

  /** Seconds until the address may try again; 0 when it may now. */
  waitSeconds(address: string, now: number): number {
    const { since, count } = this.#of(address, now);
    return count < FAILURES_MOST ? 0 : Math.max(1, Math.ceil((since + WINDOW_MS - now) / 1_000));
  }

  failed(address: string, now: number): void {
    const { since, count } = this.#of(address, now);
    // Set anew, so that the addresses stay in the order of their last failure.
    this.#failures.delete(address);
    const [oldest] = this.#failures.keys();
    if (this.#failures.size >= ADDRESSES_MOST && oldest !== undefined) this.#failures.delete(oldest);
    this.#failures.set(address, { since, count: count + 1 });
  }

  #of(address: string, now: number): Failures {
    const known = this.#failures.get(address);
    return known && now < known.since + WINDOW_MS ? known : { since: now, count: 0 };
  }
}
