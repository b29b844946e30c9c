import { GroupedSteps } from "../../durable-objects/grouped-steps.ts";
import { SharedFlush } from "../../durable-objects/shared-flush.ts";
import type { AccountWatch } from "./account-watch.ts";
import type { Invocation } from "./invocation.ts";
import type { UpstreamJob } from "./job-story.ts";
import type { LedgerDatabase } from "./ledger-database.ts";
import type { LedgerQueue } from "./ledger-queue.ts";
import type { Isolate } from "./network.ts";
import type { ObjectHost } from "./object-host.ts";
import type { Offers } from "./offers.ts";
import type { Promises } from "./promises.ts";
import type { World } from "./world.ts";

/** Everybody who takes part in one seed. */
export class Cast {
  readonly world: World;
  readonly hosts: ReadonlyMap<string, ObjectHost>;
  readonly watches: ReadonlyMap<string, AccountWatch>;
  readonly offers: Offers;
  readonly promises: Promises;
  readonly database: LedgerDatabase;
  readonly queue: LedgerQueue;
  /** Bodies that were put on the queue to do harm, as they should stand in quarantine. */
  readonly poison = new Set<string>();
  /** Accounts that nothing can be made of any more; a person goes on with others in their place. */
  readonly givenUp = new Set<string>();
  /** What upstream has taken on, by its id. */
  readonly jobs = new Map<string, UpstreamJob>();
  /** Attempts whose Workers cannot reach the object for a long time, by account, request and attempt. */
  readonly silent = new Set<string>();
  /** All requests are of one isolate: they share calls to objects, and messages. */
  readonly isolate: Isolate;
  requests = 0;
  #underWay = new Set<Invocation>();

  constructor(parts: Pick<Cast, "world" | "hosts" | "watches" | "offers" | "promises" | "database" | "queue">) {
    this.world = parts.world;
    this.hosts = parts.hosts;
    this.watches = parts.watches;
    this.offers = parts.offers;
    this.promises = parts.promises;
    this.database = parts.database;
    this.queue = parts.queue;
    const flush = new SharedFlush({
      send: (messages) => this.queue.send(messages),
      now: () => this.world.now,
      report: (event) => this.world.tell(event),
    });
    this.isolate = { steps: new GroupedSteps(), flush };
  }

  /** Whether anybody who lives is still at work. */
  get busy(): boolean {
    for (const invocation of this.#underWay) if (invocation.alive) return true;
    return false;
  }

  begin(work: () => Promise<void>, invocation: Invocation): void {
    this.#underWay.add(invocation);
    this.world.spawn(async () => {
      await work();
      this.#underWay.delete(invocation);
    });
  }
}
