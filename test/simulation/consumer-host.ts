import { within } from "../../durable-objects/within.ts";
import { consumeLedger } from "../../src/ledger/consumer.ts";
import { Invocation } from "./invocation.ts";
import { faultyD1, type LedgerDatabase } from "./ledger-database.ts";
import type { LedgerQueue, Queued } from "./ledger-queue.ts";
import { clientFor } from "./network.ts";
import type { ObjectHost } from "./object-host.ts";
import type { World } from "./world.ts";

const CONFIRM_MS = 5_000;

/** Runs the real consumer on batches of the queue, and lets it die at any point. */
export class ConsumerHost {
  readonly #world: World;
  readonly #database: LedgerDatabase;
  readonly #hosts: ReadonlyMap<string, ObjectHost>;

  constructor(world: World, database: LedgerDatabase, hosts: ReadonlyMap<string, ObjectHost>) {
    this.#world = world;
    this.#database = database;
    this.#hosts = hosts;
  }

  async consume(batch: Queued[], queue: LedgerQueue): Promise<void> {
    const { faults, random } = this.#world;
    const invocation = new Invocation(this.#world);
    const ended = Promise.withResolvers<void>();
    const done = new Map<Queued, "ack" | number>();
    const settle = (): void => {
      if (faults.strikes("message lost after delivery")) batch.pop();
      for (const message of batch) {
        const how = invocation.alive ? (done.get(message) ?? "ack") : random.int(1_000, 30_000);
        if (how !== "ack") queue.again(message, how);
      }
      ended.resolve();
    };
    const dies = (): void => {
      if (!invocation.alive) return;
      invocation.die();
      this.#world.tell("the consumer dies");
      settle();
    };
    const accounts = clientFor(invocation, this.#hosts);
    const work = consumeLedger(this.#batch(batch, done), {
      db: faultyD1(invocation, this.#database, dies),
      now: () => this.#world.now,
      random: () => random.next(),
      confirm: (account, epoch, seqs) => within(CONFIRM_MS, accounts.confirm(account, epoch, seqs)),
      freeze: async (account, reason) => {
        this.#world.reach("account frozen for its second history");
        await accounts.freeze(account, reason);
      },
    });
    invocation.guard(work).then(
      (consumed) => {
        if (faults.strikes("consumer dies after the confirmation")) return dies();
        if (consumed.written > 0) this.#world.reach("entries written by the consumer");
        settle();
      },
      (error: unknown) => {
        this.#world.violate("the consumer never throws", String(error));
        settle();
      },
    );
    await ended.promise;
  }

  #batch(batch: readonly Queued[], done: Map<Queued, "ack" | number>): MessageBatch {
    const messages = batch.map((queued) => ({
      id: queued.id,
      attempts: queued.attempts,
      timestamp: new Date(this.#world.now),
      body: queued.json,
      ack: () => void (done.has(queued) || done.set(queued, "ack")),
      retry: ({ delaySeconds = 0 }: { delaySeconds?: number } = {}) =>
        void (done.has(queued) || done.set(queued, delaySeconds * 1_000)),
    }));
    return { queue: "spillway-ledger", messages, ackAll() {}, retryAll() {} } as unknown as MessageBatch;
  }
}
