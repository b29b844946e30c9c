import { createHash } from "node:crypto";
import { sweepAccounts } from "../../src/upkeep/sweeper.ts";
import { AccountWatch } from "./account-watch.ts";
import { Cast } from "./cast.ts";
import { ConsumerHost } from "./consumer-host.ts";
import { type Fault, FaultDice } from "./faults.ts";
import { checkAtRest } from "./final-check.ts";
import { Invocation } from "./invocation.ts";
import { askAfterJobs } from "./job-story.ts";
import { LedgerDatabase } from "./ledger-database.ts";
import { LedgerQueue } from "./ledger-queue.ts";
import { correctLongAfter } from "./long-after.ts";
import { clientFor } from "./network.ts";
import { ObjectHost, type Watch } from "./object-host.ts";
import { keyOf, Offers } from "./offers.ts";
import { begin } from "./operator-story.ts";
import { Promises } from "./promises.ts";
import { Random } from "./random.ts";
import type { RareState } from "./rare-states.ts";
import { RESTORED, RESTORES, RestoredStory } from "./restored-story.ts";
import { UNCONFIRMED } from "./stored-state.ts";
import { inVirtualTime } from "./virtual-time.ts";
import { workloadOf } from "./workload.ts";
import { type Violation, World } from "./world.ts";

/** What to leave out of a seed, to find out whether it fails without. */
export interface Without {
  readonly actions: ReadonlySet<number>;
  readonly faults: ReadonlySet<Fault>;
}

/** What became of one seed. */
export interface Run {
  readonly seed: number;
  readonly violation: Violation | null;
  readonly story: readonly string[];
  /** Numbers of the workload's actions. */
  readonly actions: readonly number[];
  readonly enabled: readonly Fault[];
  readonly requests: number;
  readonly entries: number;
  readonly struck: ReadonlyMap<Fault, number>;
  readonly reached: ReadonlyMap<RareState, number>;
  /** SHA-256 of all that happened: two runs of a seed have the same. */
  readonly trace: string;
}

const EVERYTHING: Without = { actions: new Set(), faults: new Set() };
const MINUTE = 60_000;
/** Everything must come to rest within this time once nothing fails any more. */
const REST_MINUTES = 120;

/** Runs one seed from its beginning until everything has come to rest, or a promise is broken. */
export async function simulate(seed: number, without: Without = EVERYTHING): Promise<Run> {
  const name = String(seed);
  const faults = new FaultDice(name, without.faults);
  const workload = workloadOf(new Random(`${name}/workload`), faults);
  const world = new World(name, workload.begin, faults);
  const cast = castOf(world, workload.accounts, name);
  return inVirtualTime(world, async () => {
    for (const action of workload.actions) {
      if (without.actions.has(action.n)) continue;
      const accountId = workload.accounts[action.account] ?? "";
      world.at(action.at, () => begin(cast, accountId, action));
    }
    const last = workload.actions.at(-1)?.at ?? workload.begin;
    const restored = cast.hosts.has(RESTORED) ? new RestoredStory(cast, workload.begin, last) : null;
    sweepEvery(cast, faults.has("sweeper slow") ? 4 * MINUTE : MINUTE);
    await world.runUntil((restored?.end ?? last) + 1_000);
    await endWell(cast, restored);
    const run = {
      seed,
      violation: world.violation,
      story: world.story,
      actions: workload.actions.map(({ n }) => n),
      enabled: faults.enabled(),
      requests: cast.requests,
      entries: cast.promises.entries.size,
      struck: faults.struck,
      reached: world.reached,
      trace: traceOf(cast),
    };
    for (const host of cast.hosts.values()) host.storage.close();
    cast.database.sqlite.close();
    return run;
  });
}

/** Nothing fails any more, and what was promised of the end is looked at. */
async function endWell(cast: Cast, restored: RestoredStory | null): Promise<void> {
  const { world } = cast;
  await comeToRest(cast);
  if (!world.violation && (await correctLongAfter(cast))) await comeToRest(cast);
  if (!world.violation) await checkAtRest(cast);
  if (!world.violation) restored?.check();
}

function castOf(world: World, accounts: readonly string[], seed: string): Cast {
  const offers = new Offers(new Random(`${seed}/offers`));
  const promises = new Promises(world, offers.rateOf);
  const database = new LedgerDatabase(world);
  const hosts = new Map<string, ObjectHost>();
  const watches = new Map<string, AccountWatch>();
  const consumer = new ConsumerHost(world, database, hosts);
  const queue = new LedgerQueue(world, (batch, from) => consumer.consume(batch, from));
  const watch: Watch = {
    stepped: ({ id }) => watches.get(id)?.stepped(),
    rerated: ({ id }, command, reply) => promises.corrections.answered(id, command, reply),
  };
  const cast = new Cast({ world, hosts, watches, offers, promises, database, queue });
  const planId = world.random.pick(["plus", "pro"]);
  for (const id of world.faults.has(RESTORES) ? [...accounts, RESTORED] : accounts) {
    const host = new ObjectHost(id, world, watch, {
      send: (messages) => queue.send(messages),
      poll: (messages) => askAfterJobs(cast, messages),
    });
    hosts.set(id, host);
    // What is promised of a journal is not promised of one that somebody takes back.
    if (id !== RESTORED) watches.set(id, new AccountWatch(host, promises, offers.rateOf));
    database.sqlite.prepare("INSERT INTO accounts (id, created_at) VALUES (?, ?)").run(id, world.now);
    host.look((account) => account.create(id, offers.plan(planId)));
    const key = { ...keyOf(id), name: null, scopes: null, createdAt: world.now, expiresAt: null, revokedAt: null };
    host.look((account) => account.addKey(key));
  }
  return cast;
}

function sweepEvery(cast: Cast, ms: number): void {
  const { world } = cast;
  const next = world.faults.has("sweeper slow") ? ms : MINUTE;
  world.at(world.now + next, () => {
    sweepEvery(cast, ms);
    if (cast.database.down) return;
    for (const host of cast.hosts.values()) noteSweep(cast, host);
    world.spawn(() => sweepAccounts(cast.database.db, clientFor(new Invocation(world), cast.hosts), world.now));
  });
}

function noteSweep({ world }: Cast, host: ObjectHost): void {
  const stuck = host.outboxSize() > 0 || host.pending().length > 0 || host.openJobs() > 0;
  if (stuck && host.storage.alarmAt === null) world.reach("alarm brought back by the sweeper");
}

/** Nothing fails any more: time runs until nothing is left to do. */
async function comeToRest(cast: Cast): Promise<void> {
  const { world, database } = cast;
  world.faults.calm();
  database.recover();
  world.tell("from here on nothing fails");
  for (let minute = 0; minute < REST_MINUTES; minute += 1) {
    await world.runUntil(world.now + MINUTE);
    if (world.violation) return;
    if (stillToDo(cast) === null && minute > 0) return;
  }
  world.violate("I5, I7: everything comes to rest", stillToDo(cast) ?? "");
}

function stillToDo({ busy, queue, hosts, givenUp }: Cast): string | null {
  if (busy) return "a Worker is at work";
  if (!queue.idle) return "the queue is not empty";
  for (const host of hosts.values()) {
    if (givenUp.has(host.id)) continue;
    const [pending, outbox, jobs] = [host.pending().length, host.outboxSize(), host.openJobs()];
    if (pending > 0 || outbox > 0 || jobs > 0) {
      const [entry] = host.storage.all<{ entry: string }>(
        `SELECT entry FROM outbox WHERE ${UNCONFIRMED} ORDER BY seq LIMIT 1`,
      );
      return `${host.id}: ${pending} pending, ${jobs} open jobs, ${outbox} in the outbox, ${entry?.entry ?? ""}`;
    }
  }
  return null;
}

function traceOf({ world, watches }: Cast): string {
  const hash = createHash("sha256");
  for (const line of world.story) hash.update(line);
  for (const { audit } of watches.values()) hash.update(audit.head);
  return hash.digest("hex");
}
