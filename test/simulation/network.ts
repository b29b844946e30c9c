import type { Account } from "../../durable-objects/account.ts";
import { AccountClient } from "../../durable-objects/client.ts";
import type { RerateReply } from "../../durable-objects/commands.ts";
import type { GroupedSteps } from "../../durable-objects/grouped-steps.ts";
import type { Later, SharedFlush } from "../../durable-objects/shared-flush.ts";
import type { Step, StepOutcome } from "../../durable-objects/steps.ts";
import type { RerateCommand } from "../../src/core/rerate.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import type { Invocation } from "./invocation.ts";
import type { ObjectHost } from "./object-host.ts";
import type { RareState } from "./rare-states.ts";

/** Commands that a broken connection may deliver a second time, much later. */
const COME_AGAIN: ReadonlyMap<string, RareState> = new Map([
  ["reserve", "late duplicate of reserve"],
  ["settle", "late duplicate of settle"],
  ["release", "late duplicate of release"],
  ["checkpoint", "late duplicate of checkpoint"],
  ["confirm", "late duplicate of confirm"],
  ["grant", "late duplicate of grant"],
  ["attach", "late duplicate of attach"],
  ["rerate", "late duplicate of rerate"],
  ["together", "late duplicate of several steps"],
]);

type Namespace = ConstructorParameters<typeof AccountClient>[0];

/** What the requests of an isolate share. */
export interface Isolate {
  readonly steps: GroupedSteps;
  readonly flush: SharedFlush;
}

/** The real client of one invocation, over a network that loses and repeats. */
export function clientFor(
  invocation: Invocation,
  hosts: ReadonlyMap<string, ObjectHost>,
  isolate?: Isolate,
): AccountClient {
  const getByName = (id: string) =>
    new Proxy(
      {},
      {
        get:
          (_, method: string) =>
          (...given: unknown[]) =>
            transport(invocation, hostOf(hosts, id), method, given),
      },
    );
  const later = laterIn(invocation);
  const shared = isolate && {
    steps: isolate.steps,
    flush: (entries: readonly string[]) => isolate.flush.take(entries, later),
  };
  return new AccountClient({ getByName } as unknown as Namespace, shared);
}

/** Timers that live as long as their invocation. */
function laterIn(invocation: Invocation): Later {
  const { world } = invocation;
  return (ms, work) => {
    world.at(world.now + ms, () => {
      if (!invocation.alive) return;
      if (world.faults.strikes("Worker dies with entries that it was to flush")) {
        world.reach("entries lost by who was to flush them");
        return invocation.die();
      }
      world.spawn(work);
    });
  };
}

export function hostOf(hosts: ReadonlyMap<string, ObjectHost>, id: string): ObjectHost {
  const host = hosts.get(id);
  if (!host) throw new Error(`no object ${id}`);
  return host;
}

async function transport(invocation: Invocation, host: ObjectHost, method: string, given: unknown[]): Promise<unknown> {
  const { world } = invocation;
  const { faults, random } = world;
  await invocation.sleep(random.int(1, 15));
  if (faults.strikes("object overloaded")) throw Object.assign(new Error("overloaded"), { overloaded: true });
  if (faults.strikes("request to the object lost")) {
    await invocation.sleep(random.int(10, 3_000));
    throw lost("Network connection lost.");
  }
  const dies = method === "together" && faults.strikes("Worker dies while it takes steps of others along");
  if (dies && random.chance(0.5)) return invocation.vanish();
  const again = COME_AGAIN.get(method);
  if (again && faults.strikes("command delivered again, late")) {
    const delay = random.int(1, random.pick([2_000, 15_000, method === "release" ? 30_000 : 20 * 60_000]));
    world.at(world.now + delay, () => {
      world.reach(again);
      deliverAgain(host, method, given);
    });
  }
  const reply = await invocation.guard(deliver(host, method, given));
  if (dies) return invocation.vanish();
  if (faults.strikes("reply of the object lost")) {
    world.reach("reply lost after the command ran");
    await invocation.sleep(random.int(10, 3_000));
    throw lost("Network connection lost.");
  }
  await invocation.sleep(random.int(1, 10));
  return reply;
}

async function deliver(host: ObjectHost, method: string, given: unknown[]): Promise<unknown> {
  if (method === "wake") return host.wake();
  if (method === "confirm") noteConfirmation(host, given[1]);
  const { written } = host.storage;
  const reply = host.call(method, (account) => {
    const answer = command(account, method, given);
    if (method === "rerate" && given[1] !== true) host.rerated(given[0] as RerateCommand, answer as RerateReply);
    return answer;
  });
  if (method === "rerate" && given[1] === true && host.storage.written > written) {
    host.world.violate("a dry run writes nothing", `${host.id}: ${host.storage.written - written} rows`);
  }
  if (method === "together") noteOutcomes(host, given[0] as Step[], reply as StepOutcome[]);
  else noteReply(host, method, reply);
  return reply;
}

function noteConfirmation(host: ObjectHost, seqs: unknown): void {
  const known = Array.isArray(seqs) && seqs.every((seq) => !host.isUnconfirmed(Number(seq)));
  if (known) host.world.reach("confirmation of what was confirmed before");
}

function noteOutcomes(host: ObjectHost, steps: readonly Step[], outcomes: readonly StepOutcome[]): void {
  host.world.reach("steps of several requests in one call");
  for (const [index, outcome] of outcomes.entries()) {
    if ("failure" in outcome) host.world.reach("step failed beside others");
    else noteReply(host, steps[index]?.kind ?? "", outcome.answer);
  }
}

function noteReply(host: ObjectHost, method: string, reply: unknown): void {
  if (typeof reply !== "object" || reply === null || !("kind" in reply)) return;
  if (reply.kind === "fenced") host.world.reach("attempt fenced off");
  if (method !== "reserve" || reply.kind !== "reserved") return;
  const { reservation } = reply as unknown as { reservation: Reservation };
  const attempt = `${reservation.requestId}.${reservation.attempt}`;
  if (host.answered.has(attempt)) host.world.reach("answer repeated to its own asker");
  host.answered.add(attempt);
}

function command(account: Account, method: string, given: unknown[]): unknown {
  const commands = account as unknown as Record<string, (...given: unknown[]) => unknown>;
  const run = commands[method];
  if (!run) throw new Error(`the object has no command ${method}`);
  return run.apply(account, given);
}

function deliverAgain(host: ObjectHost, method: string, given: unknown[]): void {
  host.world.tell(`${host.id}: ${method} is delivered again`);
  deliver(host, method, given).catch(() => {});
}

function lost(message: string): Error {
  return Object.assign(new Error(message), { retryable: true });
}
