import type { RateLookup } from "./audit.ts";
import type { ChainedEntry, MonetizationEvent, UsageEvent } from "./event.ts";
import type { Rate } from "./rate-card.ts";
import { DERIVED_PREFIX } from "./request-id.ts";
import type { Reservation, Settlement } from "./reservation.ts";
import { REPLAY_MS } from "./reserve.ts";

/** So many requests with a key are remembered at most, the newest: what is carried over travels in one call. */
const MOST_REMEMBERED = 10_000;

/** A correction that was made, and what it came to. */
export interface CarriedCorrection {
  readonly id: string;
  readonly difference: number;
}

/**
 * What an account's ledger remembers of requests that may come again: those that were charged under a client's
 * `Idempotency-Key`, so that the same key is not charged twice, and corrections, so that none is made twice.
 */
export class CarriedRequests {
  readonly corrections: CarriedCorrection[] = [];
  readonly #since: number;
  readonly #rateOf: RateLookup;
  readonly #requests = new Map<string, Reservation>();

  constructor(now: number, rateOf: RateLookup) {
    this.#since = now - REPLAY_MS;
    this.#rateOf = rateOf;
  }

  all(): Reservation[] {
    return [...this.#requests.values()];
  }

  take(entry: ChainedEntry): void {
    const { usage, monetization, at } = entry;
    if (!usage) return;
    if (usage.outcome === "corrected") this.corrections.push(correctionOf(usage.id, entry));
    const isEnd = usage.outcome !== "corrected" && usage.outcome !== "late";
    if (!isEnd || !monetization || at < this.#since || !usage.requestId.startsWith(DERIVED_PREFIX)) return;
    const rate = this.#rateOf(monetization.cardId, monetization.cardVersion, monetization.model);
    if (rate) this.#remember(carried(entry, usage, monetization, rate));
  }

  #remember(request: Reservation): void {
    this.#requests.delete(request.requestId);
    this.#requests.set(request.requestId, request);
    const [oldest] = this.#requests.keys();
    if (oldest !== undefined && this.#requests.size > MOST_REMEMBERED) this.#requests.delete(oldest);
  }
}

function correctionOf(id: string, { monetization, updates }: ChainedEntry): CarriedCorrection {
  const back = updates.filter(({ kind }) => kind === "refund" || kind === "grant");
  return { id, difference: monetization?.amount ?? -back.reduce((sum, { amount }) => sum + amount, 0) };
}

/** A request that has ended, with what a repetition of it is told. */
function carried(
  { at, seq, updates }: ChainedEntry,
  event: UsageEvent,
  { cardId, cardVersion, model, amount: charge }: MonetizationEvent,
  rate: Rate,
): Reservation {
  const { requestId, attempt, keyId, feature, usage, estimated, outcome, decision } = event;
  const settlement: Settlement = {
    usageId: event.id,
    seq,
    outcome,
    usage,
    estimated,
    charge,
    posted: [],
    returned: 0,
    overshoot: 0,
    balanceUpdates: updates.map(({ id }) => id),
  };
  return {
    requestId,
    attempt,
    state: "settled",
    owner: "",
    fingerprint: null,
    keyed: true,
    keyId,
    feature,
    model: event.model,
    quote: { cardId, cardVersion, model, rate },
    bound: usage,
    clampedTo: null,
    reserved: decision.reserved,
    draws: [],
    gates: [],
    considered: [],
    plan: decision.plan,
    reservedAt: decision.reservedAt,
    expiresAt: at,
    checkpoint: null,
    endedAt: at,
    settlement,
    late: null,
    refunds: [],
    carried: true,
  };
}
