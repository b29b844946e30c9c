import { type AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import type { ReserveOutcome, ReserveReply, ReserveRequest } from "../../durable-objects/commands.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import { endingOf } from "../../src/proxy/failure-policy.ts";
import { attemptKey, priceOf } from "./attempt.ts";
import { endAttempt } from "./attempt-end.ts";
import type { Cast } from "./cast.ts";
import { Invocation } from "./invocation.ts";
import { beginJob } from "./job-story.ts";
import { clientFor } from "./network.ts";
import { keyOf } from "./offers.ts";
import type { Fate, RequestAction } from "./workload.ts";

const CHECKPOINT_MS = 20_000;

/** What is under way for one request. */
interface Journey {
  readonly cast: Cast;
  readonly accountId: string;
  readonly action: RequestAction;
  /** Whether the client says that it sends a request again, under an id of its own. */
  readonly again: boolean;
  readonly fate: Fate;
  readonly worker: Invocation;
  readonly accounts: AccountClient;
}

/** A client asks, and asks again while it has no answer; each time another Worker serves it. */
export async function requestStory(cast: Cast, accountId: string, action: RequestAction): Promise<void> {
  const { world } = cast;
  let answered = false;
  let waited = 0;
  for (const [tried, after] of action.asksAfterMs.entries()) {
    await world.sleep(after - waited);
    waited = after;
    if (answered) return;
    const worker = new Invocation(world);
    const fate = action.fates[tried] ?? action.fates[0];
    const laterId = tried === 0 ? undefined : action.laterIds[tried - 1];
    const again = laterId !== undefined;
    const asked = again ? { ...action, requestId: laterId } : action;
    if (again) cast.promises.repetitions.add(`${accountId} ${laterId}`);
    const journey = {
      cast,
      accountId,
      action: asked,
      again,
      fate,
      worker,
      accounts: clientFor(worker, cast.hosts, cast.isolate),
    };
    cast.requests += 1;
    cast.begin(async () => {
      const served = await serve(journey);
      if (served && !world.faults.strikes("answer lost on its way to the client")) answered = true;
    }, worker);
  }
}

/** One Worker's part; returns whether its client has an answer that it does not repeat the request for. */
async function serve(journey: Journey): Promise<boolean> {
  // The simulated network hands over what the account itself has answered, with the whole reservation.
  const reply = (await reserve(journey)) as ReserveOutcome | null;
  if (reply === null) return false;
  const { world, promises } = journey.cast;
  if ("reservation" in reply && reply.reservation.fingerprint !== journey.action.content) {
    world.violate("an id stands for one content", journey.action.requestId);
  }
  if (reply.kind !== "reserved") {
    noteRefusal(journey, reply);
    if (reply.kind === "repeated") return repeated(journey, reply.reservation);
    return reply.kind !== "in_flight";
  }
  const { reservation } = reply;
  promises.reserved.add(`${journey.accountId} ${reservation.requestId}.${reservation.attempt}`);
  world.tell(`${reservation.requestId}.${reservation.attempt} reserved ${reservation.reserved}`);
  if (world.faults.strikes("Worker dies after reserving")) return journey.worker.vanish();
  return goUpstream(journey, reservation);
}

/** The client gets the job that it began before, once that is known. */
function repeated({ cast, action }: Journey, { job, content }: Reservation): boolean {
  const { world } = cast;
  if (content !== action.content) world.violate("a repetition is told of no other job", action.requestId);
  world.reach(job === undefined ? "repetition before its job was known" : "repetition answered with its job");
  return job !== undefined;
}

async function reserve({ cast, accountId, action, again, accounts }: Journey): Promise<ReserveReply | null> {
  const { offers, world } = cast;
  const bound: Usage = { ...NO_USAGE, inputTokens: action.inputTokens, outputTokens: action.outputTokens };
  const quote = offers.quote(action.model);
  const request: ReserveRequest = {
    caller: { key: keyOf(accountId), planVersions: offers.versions() },
    command: {
      requestId: action.requestId,
      owner: world.random.hex(16),
      fingerprint: action.content,
      keyed: action.keyed,
      ...(action.job ? { content: action.content } : {}),
      ...(again ? { repeats: { content: action.content } } : {}),
      holdMs: action.holdMs,
      demand: { feature: "codex", model: action.model, quote, bound, openOutput: action.openOutput },
    },
  };
  try {
    const reply = await accounts.reserve(accountId, request);
    if (reply.kind !== "plan_outdated") return reply;
    await accounts.followPlan(accountId, offers.plan(reply.planId));
    world.reach("plan followed to a newer version");
    return await accounts.reserve(accountId, request);
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
    return null;
  }
}

function noteRefusal({ cast, action }: Journey, reply: Exclude<ReserveOutcome, { kind: "reserved" }>): void {
  const { world, promises } = cast;
  world.tell(`${action.requestId} ${reply.kind}${reply.kind === "denied" ? `: ${reply.denial.reason}` : ""}`);
  if (reply.kind === "in_flight") world.reach("same request in flight twice");
  if (reply.kind === "mismatch") world.reach("same id with another content");
  if (reply.kind === "ended") world.reach("ended request asked for again");
  if (reply.kind === "key_refused") world.violate("a good key is not refused", action.requestId);
  if (reply.kind !== "denied") return;
  promises.denials.told += 1;
  const { reason } = reply.denial;
  if (reason === "gate") world.reach("denied by a gate");
  if (reason === "allowance_exhausted") world.reach("denied, allowance used up");
  if (reason === "credits_exhausted") world.reach("denied, no credits");
  if (reason === "credits_reserved") world.reach("denied, credits reserved");
  if (reason === "account_frozen") world.reach("denied, account frozen");
}

async function goUpstream(journey: Journey, reservation: Reservation): Promise<boolean> {
  const { cast, accountId, action, fate, worker } = journey;
  const nothing = fate.ending === "failed" || fate.ending === "rejected";
  const actual = nothing ? NO_USAGE : actualUsage(action, fate, reservation);
  cast.promises.executed(accountId, reservation, actual);
  if (reservation.quote.cardVersion !== cast.offers.cardVersion) {
    cast.world.reach("charged at a price that is no longer in force");
  }
  if (action.job) return beginJob(journey, { reservation, actual, terms: action.job, fails: nothing });
  if (nothing) {
    await worker.sleep(Math.min(fate.lastsMs, 5_000));
    await endAttempt(
      journey,
      reservation,
      () =>
        journey.accounts.release(accountId, {
          requestId: reservation.requestId,
          attempt: reservation.attempt,
          outcome: fate.ending === "rejected" ? "rejected" : "upstream_error",
        }),
      0,
    );
    return fate.ending === "rejected";
  }
  await stream(journey, reservation, actual);
  if (action.silentMs > 0) await fallSilent(journey, reservation, actual);
  if (cast.world.faults.strikes("Worker dies before settling")) return worker.vanish();
  const report = reportOf(fate, actual);
  const owed = report.estimated ? null : priceOf(reservation.quote.rate, actual);
  const { requestId, attempt } = reservation;
  const haste = action.stream ? "at once" : "rests";
  return endAttempt(
    journey,
    reservation,
    () => journey.accounts.settle(accountId, { requestId, attempt, report }, haste),
    owed,
  );
}

/** Reads the answer to its end; of a stream, tells the object now and then how far it is. */
async function stream(journey: Journey, reservation: Reservation, actual: Usage): Promise<void> {
  const { action, fate, worker } = journey;
  let left = fate.lastsMs;
  while (action.stream && left > CHECKPOINT_MS) {
    await worker.sleep(CHECKPOINT_MS);
    left -= CHECKPOINT_MS;
    await tellUsage(journey, reservation, counted(actual, 1 - left / fate.lastsMs));
  }
  await worker.sleep(left);
}

/** Its Worker tells the object how far it is, and cannot reach it for a long time after that. */
async function fallSilent(journey: Journey, reservation: Reservation, actual: Usage): Promise<void> {
  const { cast, accountId, action, worker } = journey;
  const key = attemptKey(accountId, reservation.requestId, reservation.attempt);
  await tellUsage(journey, reservation, counted(actual, 0.5));
  cast.silent.add(key);
  await worker.sleep(action.silentMs);
  cast.silent.delete(key);
}

async function tellUsage(journey: Journey, { requestId, attempt }: Reservation, usage: Usage): Promise<void> {
  const { accountId, action, accounts } = journey;
  try {
    await accounts.checkpoint(accountId, { requestId, attempt, usage, holdMs: action.holdMs });
  } catch (error) {
    if (!(error instanceof AccountUnreachable)) throw error;
  }
}

function reportOf(fate: Fate, actual: Usage): Extract<ReturnType<typeof endingOf>, { kind: "settle" }>["report"] {
  const completed = fate.ending === "completed";
  const ending = endingOf(
    {
      end: fate.ending === "cut" ? "open" : "completed",
      usage: completed ? actual : null,
      invalid: null,
      counted: counted(actual, 0.97),
      produced: true,
      answerId: null,
      itemIds: [],
      partial: false,
    },
    fate.ending === "cut" ? "broken" : "whole",
  );
  if (ending.kind !== "settle") throw new Error("what was produced is settled");
  return ending.report;
}

function actualUsage({ inputTokens }: RequestAction, { share, inputShare }: Fate, reservation: Reservation): Usage {
  const { bound, clampedTo } = reservation;
  const outputTokens = Math.floor(bound.outputTokens * share);
  return {
    ...NO_USAGE,
    inputTokens: Math.ceil(inputTokens * inputShare),
    outputTokens: clampedTo === null ? outputTokens : Math.min(outputTokens, clampedTo),
  };
}

/** What the gateway counts itself: never more than there is. */
function counted(actual: Usage, share: number): Usage {
  return {
    ...actual,
    inputTokens: Math.floor(actual.inputTokens * 0.9),
    outputTokens: Math.floor(actual.outputTokens * share),
  };
}
