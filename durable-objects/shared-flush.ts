import { packEntries } from "../src/core/ledger-message.ts";
import { utf8Length } from "../src/core/utf8.ts";
import { FlushPace } from "./flush-pace.ts";
import { MESSAGES_PER_BATCH } from "./outbox.ts";

/** Runs `work`, which never rejects, after `ms` on behalf of the caller's request. When that dies before, nobody does. */
export type Later = (ms: number, work: () => Promise<void>) => void;

export interface FlushDeps {
  /** Puts messages on the ledger's queue. */
  send(messages: readonly string[]): Promise<void>;
  /** Epoch ms. */
  now(): number;
  /** Tells an operator of something that should not happen. */
  report(event: string, detail: Readonly<Record<string, unknown>>): void;
}

/** Entries that come alone wait this long for others. */
const GATHER_MS = 50;
/**
 * Entries of an isolate are sent this far apart. An account's balance in the ledger moves once for all that come together,
 * and its object is told once, so it pays to wait; with what the queue adds, the ledger is less than five seconds behind.
 */
const SEND_EVERY_MS = 2_000;
/** What is more than this waits no longer: it takes the isolate's memory. */
const BYTES_MOST = 4_000_000;
/** Whoever was to send them is this late: it has died. */
const LATE_MS = 1_000;
const PAUSES_MS = [500, 2_000];

/**
 * Flushes the entries that objects have handed over to the ledger's queue, those of all accounts of an isolate together,
 * so that a request that comes alone costs its object no sending. Nothing rests on it: what it loses is in the outbox of
 * its object, which sends it again.
 *
 * Made once per isolate. A request sends what others left as well, because a timer lives only as long as its request.
 */
export class SharedFlush {
  readonly #deps: FlushDeps;
  readonly #pace = new FlushPace(SEND_EVERY_MS);
  #entries: string[] = [];
  #bytes = 0;
  /** When somebody will send what is here. */
  #dueAt: number | null = null;

  /** What was put on the queue since the isolate began. */
  readonly flushed = { entries: 0, messages: 0 };

  constructor(deps: FlushDeps) {
    this.#deps = deps;
  }

  /** Takes entries, given as JSON. `later` belongs to the request at hand. */
  take(entries: readonly string[], later: Later): void {
    for (const entry of entries) {
      const size = utf8Length(entry);
      if (this.#entries.length > 0 && this.#bytes + size > BYTES_MOST) {
        const full = this.#cut();
        later(0, () => this.#send(full));
      }
      this.#entries.push(entry);
      this.#bytes += size;
    }
    const now = this.#deps.now();
    if (this.#entries.length === 0 || this.#isExpected(now)) return;
    const dueAt = Math.max(this.#pace.dueAt(now), now + GATHER_MS);
    this.#dueAt = dueAt;
    later(dueAt - now, () => this.#sendAll());
  }

  /** Whether somebody who lives will send what is here. A clock that was put back makes nobody wait longer. */
  #isExpected(now: number): boolean {
    return this.#dueAt !== null && now <= this.#dueAt + LATE_MS && this.#dueAt <= now + SEND_EVERY_MS;
  }

  #cut(): string[] {
    const entries = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    return entries;
  }

  #sendAll(): Promise<void> {
    this.#dueAt = null;
    this.#pace.flushed(this.#deps.now());
    return this.#send(this.#cut());
  }

  async #send(entries: readonly string[]): Promise<void> {
    const messages = packEntries(entries);
    for (let first = 0; first < messages.length; first += MESSAGES_PER_BATCH) {
      await this.#sendBatch(messages.slice(first, first + MESSAGES_PER_BATCH));
    }
    this.flushed.entries += entries.length;
    this.flushed.messages += messages.length;
  }

  async #sendBatch(messages: readonly string[]): Promise<void> {
    for (let tried = 0; ; tried += 1) {
      try {
        return await this.#deps.send(messages);
      } catch (error) {
        const pause = PAUSES_MS[tried];
        if (pause === undefined) {
          return this.#deps.report("entries_not_flushed", { messages: messages.length, message: String(error) });
        }
        await scheduler.wait(pause);
      }
    }
  }
}
