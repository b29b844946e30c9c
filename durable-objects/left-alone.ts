const REST_MS = 1_000;
const ACCOUNTS_MOST = 1_000;

/** Accounts whose objects said a moment ago that they are overloaded. Asking again at once would only prolong it. */
export class LeftAlone {
  readonly #until = new Map<string, number>();

  /** `now` in epoch ms. */
  add(accountId: string, now: number): void {
    // Set anew, so that all stay in the order in which they end.
    this.#until.delete(accountId);
    const [oldest] = this.#until.keys();
    if (this.#until.size >= ACCOUNTS_MOST && oldest !== undefined) this.#until.delete(oldest);
    this.#until.set(accountId, now + REST_MS);
  }

  has(accountId: string, now: number): boolean {
    const until = this.#until.get(accountId);
    // A clock that went back leaves nobody alone for longer.
    return until !== undefined && now < until && until <= now + REST_MS;
  }
}
