import { type AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import type { JobMessage } from "../../durable-objects/resource-commands.ts";
import { usageId } from "../../src/core/event.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import type { MadeResource } from "../../src/core/resource.ts";
import type { Usage } from "../../src/core/usage.ts";
import { attemptKey, priceOf } from "./attempt.ts";
import { type Ender, endAttempt } from "./attempt-end.ts";
import type { Cast } from "./cast.ts";
import { Invocation } from "./invocation.ts";
import { clientFor } from "./network.ts";
import { Injected } from "./object-storage.ts";
import type { JobTerms } from "./workload.ts";

/** Work that upstream has taken on, as upstream knows it. */
export interface UpstreamJob {
  readonly accountId: string;
  readonly reservation: Reservation;
  /** What it comes to. */
  readonly actual: Usage;
  readonly fails: boolean;
  readonly endsAt: number;
  /** Whether somebody has told its end. */
  told: boolean;
}

interface Begun {
  readonly reservation: Reservation;
  readonly actual: Usage;
  readonly terms: JobTerms;
  readonly fails: boolean;
}

/** Upstream takes on a job; the Worker tells the object of it and answers its client, which may read it later. */
export async function beginJob(
  { cast, accountId, worker, accounts }: Ender & { readonly accounts: AccountClient },
  { reservation, actual, terms, fails }: Begun,
): Promise<boolean> {
  const { world, promises } = cast;
  const { requestId, attempt } = reservation;
  const id = `job_${requestId}.${attempt}`;
  cast.jobs.set(id, { accountId, reservation, actual, fails, endsAt: world.now + terms.lastsMs, told: false });
  await worker.sleep(world.random.int(20, 3_000));
  if (world.faults.strikes("Worker dies before settling")) return worker.vanish();
  try {
    const command = { requestId, attempt, made: madeOf(id, actual), holdMs: terms.holdMs };
    const attached = await worker.guard(accounts.attach(accountId, command));
    world.tell(`${id} ${attached ? "attached" : "not attached"}`);
    if (attached) promises.jobs.set(attemptKey(accountId, requestId, attempt), priceOf(reservation.quote.rate, actual));
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
    world.tell(`${id} could not be attached`);
  }
  for (const after of terms.readAfterMs) world.at(world.now + after, () => lookAt(cast, accountId, id));
  return true;
}

/** The queue by which objects ask after jobs. */
export async function askAfterJobs(cast: Cast, messages: readonly JobMessage[]): Promise<void> {
  const { faults, random } = cast.world;
  await cast.world.sleep(random.int(1, 40));
  if (faults.strikes("queue refuses")) throw new Injected("Too Many Requests");
  if (faults.strikes("queue does not answer")) await new Promise(() => {});
  for (const { accountId, resource } of messages) {
    if (faults.strikes("queue loses a message before delivery")) continue;
    const copies = faults.strikes("queue duplicates") ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      cast.world.at(cast.world.now + random.int(5, 1_500), () => lookAt(cast, accountId, resource.id));
    }
  }
}

/** Somebody asks upstream how a job stands, and ends it if it has ended. */
function lookAt(cast: Cast, accountId: string, id: string): void {
  const { world } = cast;
  const job = cast.jobs.get(id);
  if (!job || job.accountId !== accountId) {
    world.violate("only an account's own jobs are asked after", id);
    return;
  }
  if (world.now < job.endsAt) return;
  const worker = new Invocation(world);
  const accounts = clientFor(worker, cast.hosts, cast.isolate);
  cast.begin(async () => {
    await worker.sleep(world.random.int(20, 2_000));
    if (world.faults.strikes("Worker dies before settling")) return worker.vanish();
    await endJob({ cast, accountId, worker }, accounts, id, job);
  }, worker);
}

async function endJob(ender: Ender, accounts: AccountClient, id: string, job: UpstreamJob): Promise<void> {
  const { accountId } = ender;
  const { reservation, actual, fails } = job;
  const { requestId, attempt } = reservation;
  noteEnd(ender.cast, job);
  if (fails) {
    const failed = { requestId, attempt, outcome: "failed" } as const;
    await endAttempt(ender, reservation, () => accounts.release(accountId, failed), 0);
  } else {
    const report = { usage: actual, outcome: "completed", estimated: false } as const;
    const settled = { requestId, attempt, report, made: madeOf(id, actual) };
    await endAttempt(
      ender,
      reservation,
      () => accounts.settle(accountId, settled),
      priceOf(reservation.quote.rate, actual),
    );
  }
}

function noteEnd({ world, promises }: Cast, job: UpstreamJob): void {
  const { requestId, attempt } = job.reservation;
  const expired = promises.hasUsage(job.accountId, usageId(requestId, attempt));
  if (job.told) world.reach("job ended by two");
  else if (!expired) world.reach("job ended in time");
  else world.reach(job.fails ? "job failed after its expiry" : "job charged after its expiry");
  job.told = true;
}

function madeOf(id: string, { inputTokens, outputTokens }: Usage): MadeResource {
  const contextTokens = inputTokens + outputTokens;
  return { id, kind: "response", upstream: "openai", contextTokens, outputTokens, itemIds: [`msg_${id}`] };
}
