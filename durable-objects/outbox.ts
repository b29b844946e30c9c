import type { ChainedEntry } from "../src/core/event.ts";
import { packEntries } from "../src/core/ledger-message.ts";
import { FLUSH_EVERY_MS } from "./flush-pace.ts";
import type { OutboxRow, OutboxStore } from "./outbox-store.ts";
import type { Platform } from "./platform.ts";
import { within } from "./within.ts";

const RESEND_FIRST_MS = 30_000;
/**
 * An account that rests looks after what the ledger has not confirmed this late at the latest. Its alarm is rarely
 * needed, since the queue loses nothing, and each would cost a row and a call.
 */
export const RESEND_LATEST_MS = 5 * 60_000;
/** The pause after the queue itself refused. */
const RETRY_FIRST_MS = 2_000;
const RESEND_MOST_MS = 15 * 60_000;
/** A queue that does not answer must not hold up the alarm. */
const SEND_TIMEOUT_MS = 8_000;
const ROWS_PER_FLUSH = 1_000;
/** A batch may carry 256 KB; a message is at most 60 KB, or one larger entry. */
export const MESSAGES_PER_BATCH = 4;

/**
 * What the ledger has not confirmed, and how far it was sent. An entry leaves the outbox when the ledger has confirmed
 * its number; until then it is sent again after growing pauses, whoever sent it first. So the queue, and those who are
 * handed entries for it, only hurry things.
 *
 * How far it was sent is in memory, since sending again harms nobody: what the outbox holds when the object is loaded may
 * have been sent before or not, and lost or not, and is due to be sent again. How often that was needed is kept.
 */
export class Outbox {
  readonly #store: OutboxStore;
  /** The highest number up to which all was sent or handed over, and when that was last. */
  #sentSeq: number;
  #sentAt = Number.NEGATIVE_INFINITY;
  /** Those beyond that were handed over while something before them still has to be sent. */
  readonly #beyond = new Set<number>();
  /** At `resendAt`, what is still unconfirmed up to this number is sent again. */
  #markSeq: number;
  #resendAt = 0;
  #tries: number;

  /** Made before the account's first turn. */
  constructor(store: OutboxStore) {
    this.#store = store;
    this.#sentSeq = store.lastSeq();
    this.#markSeq = this.#sentSeq;
    this.#tries = store.resendTries();
  }

  /** How often in a row sending again was needed, or failed. */
  get tries(): number {
    return this.#tries;
  }

  /** Somebody else sends these. */
  handedOver(entries: readonly ChainedEntry[], now: number): void {
    for (const { seq } of entries) this.#beyond.add(seq);
    this.#sentUpTo(this.#sentSeq);
    this.#sentAt = now;
  }

  /** Sends new entries, and again what was sent a while ago and is still here. Returns how many were new. */
  async deliver(send: Platform["send"], refused: Refused, now: number): Promise<number> {
    const unsent = this.#store.unconfirmed(this.#sentSeq, Number.MAX_SAFE_INTEGER, ROWS_PER_FLUSH);
    const fresh = unsent.filter(({ seq }) => !this.#beyond.has(seq));
    if (fresh.length === 0) this.#sentUpTo(unsent.at(-1)?.seq ?? 0);
    const due = now >= this.#resendAt;
    const stale = due ? this.#store.unconfirmed(0, this.#staleSeq(now), ROWS_PER_FLUSH) : [];
    if (fresh.length === 0 && stale.length === 0) {
      // What was sent since the last mark comes under a new one, and is sent again when that is due.
      if (due && this.#store.span().count > 0) this.#mark(now + RESEND_FIRST_MS, 0);
      return 0;
    }
    const sent = await sendAll([...stale, ...fresh], send, refused);
    this.#sentUpTo(unsent.at(-1)?.seq ?? 0);
    this.#sentAt = now;
    if (sent && !due) return fresh.length;
    const tries = sent && stale.length === 0 ? 0 : this.#tries + 1;
    const pause = (sent ? RESEND_FIRST_MS : RETRY_FIRST_MS) * 2 ** Math.min(tries, 10);
    this.#mark(now + Math.min(pause, RESEND_MOST_MS), tries);
    return fresh.length;
  }

  /** When the outbox next needs the alarm; `null` when everything is confirmed. */
  dueAt(now: number): number | null {
    const { last, count } = this.#store.span();
    if (count === 0 || last === null) return null;
    // More than one flush takes: the rest waits for no further company.
    if (last - this.#sentSeq >= ROWS_PER_FLUSH) return now;
    if (last > this.#sentSeq) return now + FLUSH_EVERY_MS;
    return this.#tries > 0 ? Math.max(this.#resendAt, now + FLUSH_EVERY_MS) : now + RESEND_LATEST_MS;
  }

  #sentUpTo(seq: number): void {
    this.#sentSeq = Math.max(this.#sentSeq, seq);
    while (this.#beyond.delete(this.#sentSeq + 1)) this.#sentSeq += 1;
    for (const handed of this.#beyond) if (handed <= this.#sentSeq) this.#beyond.delete(handed);
  }

  /** Up to here entries were sent long enough ago: all of them where nothing was sent since. */
  #staleSeq(now: number): number {
    return now - this.#sentAt >= RESEND_FIRST_MS ? this.#sentSeq : this.#markSeq;
  }

  #mark(resendAt: number, tries: number): void {
    this.#markSeq = this.#sentSeq;
    this.#resendAt = resendAt;
    this.#tries = tries;
  }
}

/** Hears of messages that the queue did not take. */
type Refused = (message: string) => void;

async function sendAll(rows: readonly OutboxRow[], send: Platform["send"], refused: Refused): Promise<boolean> {
  const messages = packEntries(rows.map(({ json }) => json));
  try {
    for (let first = 0; first < messages.length; first += MESSAGES_PER_BATCH) {
      await within(SEND_TIMEOUT_MS, send(messages.slice(first, first + MESSAGES_PER_BATCH)));
    }
    return true;
  } catch (error) {
    refused(String(error));
    return false;
  }
}
