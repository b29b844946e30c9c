import { type AccountState, applyChange, type Change, NO_CHANGE, openAccount } from "../src/core/account.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import type { Reservation } from "../src/core/reservation.ts";
import type { StoredKey } from "./account-rows.ts";
import { AccountStore } from "./account-store.ts";
import { CountedSql } from "./counted-sql.ts";
import { FLUSH_EVERY_MS, FlushPace } from "./flush-pace.ts";
import { RESEND_LATEST_MS } from "./outbox.ts";
import type { Platform } from "./platform.ts";
import { Resources } from "./resources.ts";

/** What a command comes to. */
export interface Outcome<Answer> {
  readonly answer: Answer;
  readonly change: Change;
  /** Whether the asker flushes the entries of the change. */
  readonly handedOver?: boolean;
}

/** How entries leave the account. */
export interface Departure {
  /** Sends what the outbox holds; it never rejects. */
  flush(): Promise<void>;
  /** Somebody else flushes these. */
  handedOver(entries: readonly ChainedEntry[], now: number): void;
}

/** An answer that changes nothing. */
export function only<Answer>(answer: Answer): Outcome<Answer> {
  return { answer, change: NO_CHANGE };
}

const KEYS_MOST = 100;

/** An entry that goes at once waits this long for others, and lets its own answer go first. */
const GATHER_MS = 50;

/** An alarm that should have run this long ago was lost. */
const LOST_MS = 60_000;

/**
 * The one way in which an account is read and changed: one synchronous turn that decides on the state in memory, stores
 * the change and sets the alarm in one transaction, and only then applies the change in memory. Whatever throws rolls
 * all of it back, and memory is read again.
 */
export class AccountTurns {
  readonly store: AccountStore;
  readonly resources: Resources;
  readonly pace = new FlushPace(FLUSH_EVERY_MS);
  readonly #sql: CountedSql;
  readonly #platform: Platform;
  readonly #departure: Departure;
  /** `undefined`: not loaded. `null`: there is no such account. */
  #state: AccountState | null | undefined;
  #alarmAt: number | null = null;
  #flushIsAsked = false;
  readonly #keys = new Map<string, StoredKey>();
  calls = 0;
  alarmsSet = 0;
  handedOver = 0;

  constructor(platform: Platform, departure: Departure) {
    this.#platform = platform;
    this.#departure = departure;
    this.#sql = new CountedSql(platform.sql);
    this.store = new AccountStore(this.#sql);
    this.resources = new Resources(this.#sql);
  }

  get rowsWritten(): number {
    return this.#sql.rowsWritten;
  }

  get rowsRead(): number {
    return this.#sql.rowsRead;
  }

  now(): number {
    return this.#platform.now();
  }

  run<Answer>(work: (state: AccountState | null, now: number) => Outcome<Answer>): Answer {
    this.calls += 1;
    const now = this.now();
    try {
      const state = this.load();
      const { answer, change, handedOver } = this.#platform.transactionSync(() => {
        const done = work(state, now);
        if (done.change !== NO_CHANGE) {
          this.store.write(done.change);
          this.#armForChange(done, now);
        }
        return done;
      });
      if (state) applyChange(state, change);
      if (handedOver) this.#handOver(change.entries, now);
      else if (change.entries.length > 0) this.#flushSoon(now);
      return answer;
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  load(): AccountState | null {
    if (this.#state === undefined) {
      const stored = this.store.load();
      this.#state = stored && openAccount(stored.row, stored.grants, this.store.reservations.loadPending());
    }
    return this.#state;
  }

  /** Drops what is in memory, because it may differ from what is stored. */
  forget(): void {
    this.#state = undefined;
    this.resources.forget();
    this.forgetKeys();
    this.#alarmAt = null;
  }

  /** A key of the account. Kept in memory, since only this object writes it and every request asks for it. */
  key(id: string): StoredKey | null {
    const known = this.#keys.get(id);
    if (known) return known;
    const key = this.store.key(id);
    if (key && this.#keys.size < KEYS_MOST) this.#keys.set(id, key);
    return key;
  }

  /** A request of the account, pending or ended, as far back as it is kept. */
  reservation(state: AccountState, requestId: string): Reservation | null {
    return state.pending.get(requestId) ?? this.store.reservations.ended(requestId);
  }

  /** Keys have changed. */
  forgetKeys(): void {
    this.#keys.clear();
  }

  /** Tells that the alarm is set for `at`, or for no instant. */
  alarmIsAt(at: number | null): void {
    this.#alarmAt = at;
  }

  /** Makes sure that the alarm rings at `at` or earlier. */
  armBy(at: number, now: number): void {
    const armed = this.#alarmAt !== null && this.#alarmAt > now - LOST_MS ? this.#alarmAt : null;
    if (armed !== null && armed <= at) return;
    this.#alarmAt = at;
    this.alarmsSet += 1;
    this.#platform.setAlarm(at);
  }

  /** Entries that go at once leave the alarm to what they do if whoever sends them dies, or the queue loses them. */
  #armForChange({ change, handedOver }: Outcome<unknown>, now: number): void {
    const dueAt = handedOver ? now : this.pace.dueAt(now);
    if (change.entries.length > 0) this.armBy(dueAt > now ? dueAt : now + RESEND_LATEST_MS, now);
    for (const { state, expiresAt } of change.reservations) if (state === "pending") this.armBy(expiresAt, now);
    for (const { expiresAt } of change.grants) if (expiresAt !== null && expiresAt > now) this.armBy(expiresAt, now);
  }

  #handOver(entries: readonly ChainedEntry[], now: number): void {
    this.handedOver += entries.length;
    this.#departure.handedOver(entries, now);
  }

  #flushSoon(now: number): void {
    if (this.#flushIsAsked || this.pace.dueAt(now) > now) return;
    this.#flushIsAsked = true;
    this.#platform.soon(GATHER_MS, () => {
      this.#flushIsAsked = false;
      return this.#departure.flush();
    });
  }
}
