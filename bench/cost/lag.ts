import type { LocalGateway } from "../../scripts/local-gateway.ts";
import { quantile } from "../statistics.ts";

const LOOK_EVERY_MS = 100;

/** An account's newest entry in the ledger, and when it was written there by its object. */
interface Newest {
  readonly id: string;
  readonly seq: number;
  readonly at: number;
}

const NEWEST = `SELECT account_id AS id, max_seq AS seq, updated_at AS at FROM balances
  WHERE account_id IN (SELECT value FROM json_each(?1))`;
const FIRST_AFTER = "SELECT min(at) AS at FROM balance_updates WHERE account_id = ?1 AND seq > ?2";

/** Watches how far D1 is behind the accounts' objects, by looking at it ten times a second. */
export class LagWatch {
  readonly #gateway: LocalGateway;
  readonly #ids: string;
  readonly #seen = new Map<string, number>();
  readonly #lags: number[] = [];
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  static async begin(gateway: LocalGateway, ids: readonly string[]): Promise<LagWatch> {
    const watch = new LagWatch(gateway, ids);
    await watch.#look();
    watch.#lags.length = 0;
    watch.#timer = setInterval(() => {
      if (watch.#busy) return;
      watch.#looking = watch.#look();
    }, LOOK_EVERY_MS);
    return watch;
  }

  private constructor(gateway: LocalGateway, ids: readonly string[]) {
    this.#gateway = gateway;
    this.#ids = JSON.stringify(ids);
  }

  /** How long the oldest of the entries that came in together had waited; `null` when none came. */
  async end(): Promise<{ p50: number; most: number } | null> {
    clearInterval(this.#timer);
    await this.#looking;
    if (this.#lags.length === 0) return null;
    return { p50: quantile(this.#lags, 0.5), most: Math.max(...this.#lags) };
  }

  async #look(): Promise<void> {
    this.#busy = true;
    try {
      const d1 = await this.#gateway.getD1();
      const { results } = await d1.prepare(NEWEST).bind(this.#ids).all<Newest>();
      const seenAt = Date.now();
      for (const { id, seq } of results) {
        const before = this.#seen.get(id);
        this.#seen.set(id, seq);
        if (before === undefined || before === seq) continue;
        const first = await d1.prepare(FIRST_AFTER).bind(id, before).first<{ at: number }>();
        if (first) this.#lags.push(seenAt - first.at);
      }
    } finally {
      this.#busy = false;
    }
  }
}
