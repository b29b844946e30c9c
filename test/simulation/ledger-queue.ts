import type { LedgerMessage } from "../../src/core/ledger-message.ts";
import { Injected } from "./object-storage.ts";
import type { World } from "./world.ts";

/** A message on the queue, as the text that travels. */
export interface Queued {
  readonly id: string;
  readonly json: string;
  attempts: number;
}

/** Consumes one batch; resolves when its invocation has ended, whichever way. */
export type Consume = (batch: Queued[], queue: LedgerQueue) => Promise<void>;

const BATCH_WAIT_MS = 1_000;
const MOST_PER_BATCH = 20;
const MOST_AT_ONCE = 2;

/** A queue that promises only that what it took is usually delivered, at some time, in some order, at least once. */
export class LedgerQueue {
  /** Everything that was ever handed to the queue, also what it lost. */
  readonly archive: string[] = [];
  /** Messages that were given up on. */
  readonly dead: string[] = [];
  readonly #world: World;
  readonly #consume: Consume;
  readonly #mostAttempts: number;
  readonly #ready: Queued[] = [];
  readonly #sent = new Set<string>();
  #waiting = 0;
  #running = 0;
  #called = false;
  #count = 0;

  constructor(world: World, consume: Consume) {
    this.#world = world;
    this.#consume = consume;
    this.#mostAttempts = world.random.pick([3, 8, 20]);
  }

  get idle(): boolean {
    return this.#ready.length === 0 && this.#waiting === 0 && this.#running === 0;
  }

  async send(messages: readonly string[]): Promise<void> {
    const { faults, random } = this.#world;
    this.#noteRepeats(messages);
    await this.#world.sleep(random.int(1, 40));
    if (faults.strikes("queue refuses")) throw new Injected("Too Many Requests");
    if (faults.strikes("queue does not answer")) {
      this.#world.reach("the queue did not answer");
      if (random.chance(0.5)) this.put(messages);
      await new Promise(() => {});
    }
    this.put(messages);
    if (faults.strikes("queue takes the messages and then refuses")) throw new Injected("Internal Server Error");
  }

  #noteRepeats(messages: readonly string[]): void {
    for (const text of messages) {
      const { entries } = JSON.parse(text) as LedgerMessage;
      if (new Set(entries.map(({ accountId }) => accountId)).size > 1) this.#world.reach("accounts shared a message");
      for (const { accountId, seq } of entries) {
        const name = `${accountId} ${seq}`;
        if (this.#sent.has(name)) this.#world.reach("entry sent again by its object");
        this.#sent.add(name);
      }
    }
  }

  put(bodies: readonly string[]): void {
    const { faults, random } = this.#world;
    for (const json of bodies) {
      this.archive.push(json);
      if (faults.strikes("queue loses a message before delivery")) {
        this.#world.tell("the queue loses a message");
        continue;
      }
      const copies = faults.strikes("queue duplicates") ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        const slow = faults.strikes("queue delays by minutes");
        this.#count += 1;
        const message = { id: `m${this.#count}`, json, attempts: 1 };
        this.later(message, slow ? random.int(10_000, 300_000) : random.int(5, 400));
      }
    }
  }

  /** Delivers `message` after a while. */
  later(message: Queued, delayMs: number): void {
    this.#waiting += 1;
    this.#world.at(this.#world.now + delayMs, () => {
      this.#waiting -= 1;
      this.#ready.push(message);
      this.#callConsumer();
    });
  }

  /** The consumer did not get done with `message`. */
  again(message: Queued, delayMs: number): void {
    if (message.attempts >= this.#mostAttempts) {
      this.#world.reach("message to the dead letters");
      this.dead.push(message.json);
      return;
    }
    this.later({ ...message, attempts: message.attempts + 1 }, delayMs);
  }

  #callConsumer(): void {
    if (this.#called || this.#running >= MOST_AT_ONCE || this.#ready.length === 0) return;
    this.#called = true;
    this.#world.at(this.#world.now + this.#world.random.int(0, BATCH_WAIT_MS), () => {
      this.#called = false;
      const ready = this.#ready.splice(0);
      const order = this.#world.faults.has("queue reorders") ? this.#world.random.shuffle(ready) : ready;
      const batch = order.splice(0, MOST_PER_BATCH);
      this.#ready.push(...order);
      this.#run(batch);
      this.#callConsumer();
    });
  }

  #run(batch: Queued[]): void {
    if (batch.length === 0) return;
    this.#running += 1;
    this.#world.spawn(async () => {
      await this.#consume(batch, this);
      this.#running -= 1;
      this.#callConsumer();
    });
  }
}
