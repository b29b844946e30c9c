import type { Denials } from "../src/core/denials.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import type { AccountTurns } from "./account-turns.ts";
import * as upkeep from "./account-upkeep.ts";
import { FLUSH_EVERY_MS } from "./flush-pace.ts";
import { askAfterJobs, takeDueJobs } from "./job-polls.ts";
import { Outbox } from "./outbox.ts";
import type { Platform } from "./platform.ts";

const FOLD_EVERY_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;

/** The one alarm that serves all timers of an account, and what it keeps in memory from one ring to the next. */
export class AccountAlarm {
  /** Denials not yet in the journal. */
  denials: Denials = new Map();
  /** Those that went there last. */
  journaled: Denials = new Map();
  readonly #platform: Platform;
  readonly #turns: AccountTurns;
  #journaledAt = 0;
  #prunedAt = 0;
  #outbox: Outbox;
  /** One at a time, so that none sends what another is sending. */
  #delivering: Promise<void> = Promise.resolve();

  /** Made before the account's first turn: what the outbox holds then was written in another life. */
  constructor(platform: Platform, turns: AccountTurns) {
    this.#platform = platform;
    this.#turns = turns;
    this.#outbox = new Outbox(turns.store.outbox);
    // Perhaps another life died with them. Those that are merely on their way have a moment to arrive.
    if (turns.store.outbox.span().count > 0) platform.soon(FLUSH_EVERY_MS, () => this.flush());
  }

  /**
   * All timers of the account. It never throws, because the platform drops an alarm that failed six times, and it always
   * sets the next one; should that fail as well, the sweeper wakes the account from outside.
   */
  async ring(): Promise<void> {
    this.#turns.alarmIsAt(null);
    this.#attempt("expire", () => upkeep.expireReservations(this.#turns));
    this.#attempt("renew", () => upkeep.renew(this.#turns));
    this.#attempt("lapse", () => upkeep.lapse(this.#turns));
    this.#attempt("denials", () => this.#journalDenials());
    this.#attempt("prune", () => this.#prune());
    const sent = await this.#deliverNext();
    await this.#attemptLong("jobs", () => this.#askAfterJobs());
    this.#attempt("expect", () => this.#expectMore(sent));
    this.#attempt("arm", () => upkeep.armNext(this.#turns, this.#outbox));
  }

  /** Sends what the outbox holds, without waiting for the alarm. It never throws. */
  async flush(): Promise<void> {
    await this.#deliverNext();
    this.#attempt("arm", () => upkeep.armForOutbox(this.#turns, this.#outbox));
  }

  /** Somebody else flushes these entries. */
  handedOver(entries: readonly ChainedEntry[], now: number): void {
    this.#outbox.handedOver(entries, now);
  }

  /** Several entries in one flush are a busy account's. To set its next one now costs a row less than to set two alarms. */
  #expectMore(sent: number): void {
    const now = this.#turns.now();
    if (sent > 1) this.#turns.armBy(now + FLUSH_EVERY_MS, now);
  }

  /** The outbox is another one than before. */
  forgetOutbox(): void {
    this.#outbox = new Outbox(this.#turns.store.outbox);
  }

  /** At most once a minute, so that a storm of denials writes almost nothing, however often the alarm rings. */
  #journalDenials(): void {
    const now = this.#turns.now();
    if (this.denials.size === 0) return;
    const dueAt = this.#journaledAt + FOLD_EVERY_MS;
    if (now < dueAt) {
      this.#turns.armBy(dueAt, now);
      return;
    }
    upkeep.journalDenials(this.#turns, this.denials);
    this.#journaledAt = now;
    this.journaled = this.denials;
    this.denials = new Map();
  }

  #prune(): void {
    const now = this.#turns.now();
    if (now - this.#prunedAt < PRUNE_EVERY_MS) return;
    this.#prunedAt = now;
    upkeep.prune(this.#turns);
  }

  /** Returns how many entries were sent for the first time. */
  async #deliverNext(): Promise<number> {
    let sent = 0;
    this.#delivering = this.#delivering.then(() =>
      this.#attemptLong("deliver", async () => {
        sent = await this.#deliver();
      }),
    );
    await this.#delivering;
    return sent;
  }

  async #deliver(): Promise<number> {
    const state = this.#turns.load();
    if (!state) return 0;
    const { store, pace } = this.#turns;
    const { send, now, report } = this.#platform;
    const outbox = this.#outbox;
    const { tries } = outbox;
    const refused = (message: string) => report("outbox_send_failed", { account: state.row.id, message });
    pace.flushed(now());
    const sent = await outbox.deliver(send, refused, now());
    // Another history than this one's may have begun meanwhile.
    if (this.#outbox !== outbox) return 0;
    const isTrouble = outbox.tries > 0 || tries > 0;
    if (isTrouble) this.#platform.transactionSync(() => store.outbox.writeResendTries(outbox.tries));
    return sent;
  }

  async #askAfterJobs(): Promise<void> {
    const messages = takeDueJobs(this.#turns);
    if (messages.length > 0) await askAfterJobs(messages, this.#platform.poll, this.#platform.report);
  }

  /** Runs a part of the alarm; one that fails keeps no other from running. */
  #attempt(part: string, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failed(part, error);
    }
  }

  async #attemptLong(part: string, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      this.#failed(part, error);
    }
  }

  #failed(part: string, error: unknown): void {
    this.#platform.report("alarm_part_failed", { part, message: String(error) });
  }
}
