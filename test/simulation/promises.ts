import type { RateLookup } from "../../src/core/audit.ts";
import type { ChainedEntry, UsageEvent } from "../../src/core/event.ts";
import type { Reservation, Settlement } from "../../src/core/reservation.ts";
import type { Usage } from "../../src/core/usage.ts";
import { attemptKey, priceOf } from "./attempt.ts";
import { CorrectionBook } from "./correction-book.ts";
import type { World } from "./world.ts";

interface Execution {
  readonly reservation: Reservation;
  /** What upstream really used, priced as it was quoted. */
  readonly price: number;
  /** What the charge must be in the end, once the end was acknowledged; `null` while that is open. */
  owed: number | null;
}

/** What was promised to whom, beside the code under test: every promise is checked against the journals. */
export class Promises {
  readonly entries = new Map<string, ChainedEntry>();
  /** By account, request and attempt. */
  readonly executions = new Map<string, Execution>();
  /** By attempt, at the price that was quoted: as if no price had been corrected. */
  readonly charged = new Map<string, number>();
  readonly corrections: CorrectionBook;
  /** Jobs that were told to be attached, by attempt, with what they must have cost in the end. */
  readonly jobs = new Map<string, number>();
  /** Ids under which clients sent again, without a key, what they had sent before. */
  readonly repetitions = new Set<string>();
  /** Told "reserved": each must end in a usage event. */
  readonly reserved = new Set<string>();
  /** Grants and refunds of which the caller knows that they are made: amount by `account id`. */
  readonly grantsAcknowledged = new Map<string, number>();
  readonly refundsAcknowledged = new Map<string, Map<string, number>>();
  readonly granted = new Map<string, number>();
  readonly refunded = new Map<string, number>();
  /** Denials told to callers, and those that the journals speak of. */
  readonly denials = { told: 0, journaled: 0 };
  readonly #world: World;
  readonly #usageIds = new Set<string>();
  readonly #chargedAttempts = new Map<string, number>();

  constructor(world: World, rateOf: RateLookup) {
    this.#world = world;
    this.corrections = new CorrectionBook(world, rateOf);
  }

  /** A Worker was told to go ahead, and does. */
  executed(accountId: string, reservation: Reservation, actual: Usage): void {
    const key = attemptKey(accountId, reservation.requestId, reservation.attempt);
    if (this.executions.has(key)) {
      this.#world.violate("I14: upstream runs at most once per attempt", key);
      return;
    }
    this.executions.set(key, { reservation, price: priceOf(reservation.quote.rate, actual), owed: null });
  }

  /** A refund of what `charge` names was acknowledged. */
  refundAcknowledged(charge: string, refundId: string, amount: number): void {
    const refunds = this.refundsAcknowledged.get(charge) ?? new Map<string, number>();
    refunds.set(refundId, amount);
    this.refundsAcknowledged.set(charge, refunds);
  }

  /** The end of an attempt was acknowledged to its Worker. `owed`: what the attempt must have cost in the end. */
  ended(accountId: string, reservation: Reservation, settlement: Settlement, owed: number | null): void {
    const { requestId, attempt } = reservation;
    const entry = this.entries.get(`${accountId} ${settlement.seq}`);
    const stands = entry?.usage?.id === settlement.usageId && (entry.monetization?.amount ?? 0) === settlement.charge;
    if (!stands) {
      const found = `${entry?.usage?.id} for ${entry?.monetization?.amount}`;
      this.#world.violate(
        "I12: what was told is what is charged",
        `${requestId}: told ${settlement.usageId} for ${settlement.charge} in entry ${settlement.seq}, found ${found}`,
      );
    }
    const execution = this.executions.get(attemptKey(accountId, requestId, attempt));
    if (execution) execution.owed = owed;
  }

  /** A new entry of a journal. */
  entered(entry: ChainedEntry): void {
    this.entries.set(`${entry.accountId} ${entry.seq}`, entry);
    this.corrections.entered(entry);
    if (entry.usage) this.#used(entry, entry.usage);
    for (const { kind, source, amount } of entry.updates) {
      if (kind === "grant" && source !== null) this.#granted(`${entry.accountId} ${source}`, amount);
    }
    const cause = entry.updates.find(({ cause }) => cause.startsWith("mon_"))?.cause;
    if (cause !== undefined && entry.usage === null) {
      const amount = entry.updates.reduce((sum, update) => sum + update.delta, 0);
      const key = `${entry.accountId} ${cause}`;
      this.refunded.set(key, (this.refunded.get(key) ?? 0) + amount);
    }
  }

  #used({ accountId, monetization }: ChainedEntry, usage: NonNullable<ChainedEntry["usage"]>): void {
    const id = `${accountId} ${usage.id}`;
    if (this.#usageIds.has(id)) this.#world.violate("I1: one usage event per attempt", id);
    this.#usageIds.add(id);
    if (usage.outcome === "denied") this.denials.journaled += usage.decision.denial?.count ?? 0;
    if (!monetization || usage.outcome === "corrected") return;
    const key = attemptKey(accountId, usage.requestId, usage.attempt);
    const amount = usage.decision.correction ? this.#lateAsQuoted(key, usage) : monetization.amount;
    if (amount === 0) return;
    const charged = (this.charged.get(key) ?? 0) + amount;
    this.charged.set(key, charged);
    const most = this.executions.get(key)?.price ?? 0;
    if (charged > most) {
      this.#world.violate("I15: no charge above what upstream used", `${key}: charged ${charged}, used ${most}`);
    }
    const request = `${accountId} ${usage.requestId}`;
    const other = this.#chargedAttempts.get(request);
    if (other !== undefined && other !== usage.attempt) {
      this.#world.violate("I7b: a request is charged on one attempt", request);
    }
    this.#chargedAttempts.set(request, usage.attempt);
  }

  /** What came late at a corrected price, as it would have been charged at the one that was quoted. */
  #lateAsQuoted(attempt: string, { usage, estimated, decision }: UsageEvent): number {
    const execution = this.executions.get(attempt);
    if (!execution) return 0;
    const quoted = priceOf(execution.reservation.quote.rate, usage);
    const whole = estimated ? Math.min(quoted, decision.reserved) : quoted;
    return Math.max(0, whole - (this.charged.get(attempt) ?? 0));
  }

  #granted(key: string, amount: number): void {
    if (this.granted.has(key)) this.#world.violate("I11: a grant is made once", key);
    this.granted.set(key, amount);
  }

  hasUsage(accountId: string, usageId: string): boolean {
    return this.#usageIds.has(`${accountId} ${usageId}`);
  }
}
