import { type AccountState, applyChange, keepMeters, openAccount } from "./account.ts";
import { type MicroCredits, sum } from "./amount.ts";
import { renewEntitlements } from "./entitlement.ts";
import { type ChainedEntry, FIRST_EPOCH, genesis, type Sha256 } from "./event.ts";
import { addGrant, canHold, voidGrant } from "./granting.ts";
import { type Paid, type PastGrant, type PastRequest, readPast } from "./past-usage.ts";
import type { Plan } from "./plan.ts";
import type { QuotedRate } from "./rate-card.ts";
import type { Reservation } from "./reservation.ts";
import { reserve } from "./reserve.ts";
import { settle } from "./settlement.ts";
import { share } from "./unit.ts";
import type { Usage } from "./usage.ts";

/** What is tried: the plan and the prices under which past requests are run again. `null` where there is none. */
export interface Trial {
  planOf(made: { readonly id: string; readonly version: number }): Plan | null;
  quoteOf(model: string, charged: { readonly id: string; readonly version: number }): QuotedRate | null;
}

/** What an account has left at the beginning, and its ledger entries from there on, oldest first. */
export interface AccountHistory {
  readonly accountId: string;
  readonly opening: readonly PastGrant[];
  readonly entries: readonly ChainedEntry[];
}

export interface AccountBacktest {
  readonly accountId: string;
  /** Charged requests that were run again. */
  readonly requests: number;
  /** What the ledger says was paid. */
  readonly before: Paid;
  /** What would have been paid. */
  readonly after: Paid;
  /** Requests refused then. They are not run again: what they would have used is not known. */
  readonly deniedBefore: number;
  /** Requests charged then that would have been refused, by reason. */
  readonly deniedAfter: Readonly<Record<string, number>>;
}

/**
 * Runs an account's stored usage again under another plan or other prices, by the rules by which requests are decided and
 * settled: each asks when it asked, with what it really used, and ends when it ended. Windows begin empty, entitlements
 * are granted by the plan that is tried.
 */
export function backtestAccount(history: AccountHistory, trial: Trial, sha256: Sha256): AccountBacktest {
  const past = readPast(history.entries);
  const run = new Rerun(history.accountId, trial, sha256);
  for (const { step } of timeline(run, history, past)) step();
  return {
    accountId: history.accountId,
    requests: past.requests.length,
    before: past.paid,
    after: run.paid(),
    deniedBefore: past.denied,
    deniedAfter: Object.fromEntries(run.denied),
  };
}

/** Something that happens again at its instant; of several at one instant, in the order of the history. */
interface Timed {
  readonly at: number;
  readonly place: number;
  readonly step: () => void;
}

function timeline(run: Rerun, { opening }: AccountHistory, past: ReturnType<typeof readPast>): Timed[] {
  const steps: Timed[] = [];
  for (const grant of [...opening, ...past.grants]) {
    steps.push({ at: grant.at, place: grant.seq, step: () => run.grant(grant) });
  }
  for (const { at, seq, grantId } of past.voids) {
    steps.push({ at, place: seq, step: () => run.void(grantId, at) });
  }
  for (const request of past.requests) {
    // A request asks before its own end, and after everything that the history has before that end.
    const at = Math.min(request.event.decision.reservedAt, request.at);
    steps.push({ at, place: request.seq - 0.5, step: () => run.ask(request, at) });
    steps.push({ at: request.at, place: request.seq, step: () => run.end(request) });
  }
  return steps.sort((a, b) => a.at - b.at || a.place - b.place);
}

/** One account on its way through its history once more. */
class Rerun {
  readonly denied = new Map<string, number>();
  readonly #accountId: string;
  readonly #trial: Trial;
  readonly #sha256: Sha256;
  #state: AccountState | null = null;
  readonly #waiting: PastGrant[] = [];
  readonly #open = new Map<string, Reservation>();
  readonly #ended: Reservation[] = [];

  constructor(accountId: string, trial: Trial, sha256: Sha256) {
    this.#accountId = accountId;
    this.#trial = trial;
    this.#sha256 = sha256;
  }

  /** Nothing can be held before the first request has told the plan. */
  grant(grant: PastGrant): void {
    if (this.#state) this.#add(this.#state, grant);
    else this.#waiting.push(grant);
  }

  void(grantId: string, at: number): void {
    const waiting = this.#waiting.findIndex(({ command }) => command.id === grantId);
    if (waiting >= 0) this.#waiting.splice(waiting, 1);
    const grant = this.#state?.grants.get(grantId);
    if (this.#state && grant) applyChange(this.#state, voidGrant(this.#state, grant, "", at, this.#sha256).change);
  }

  ask(request: PastRequest, at: number): void {
    const { event, usage, card } = request;
    const plan = this.#trial.planOf(event.decision.plan);
    const quote = this.#trial.quoteOf(event.model, card);
    if (!plan || !quote) {
      this.#deny(plan ? "unpriced" : "plan_unknown");
      return;
    }
    const state = this.#under(plan);
    const renewed = renewEntitlements(state, at, this.#sha256);
    if (renewed) applyChange(state, renewed);
    const { keyId, model } = event;
    const bound = askedFor(usage, request);
    const demand = { keyId, feature: quote.rate.feature, model, quote, bound, openOutput: false };
    const command = { requestId: event.id, owner: "", fingerprint: "", keyed: false, demand, holdMs: 0 };
    const { answer, change } = reserve(state, null, command, at);
    applyChange(state, change);
    if (answer.kind === "denied") this.#deny(answer.denial.reason);
    else if (answer.kind === "reserved") this.#open.set(event.id, answer.reservation);
  }

  /** What was refused when it asked has no end. */
  end({ event, usage, estimated, at }: PastRequest): void {
    const reservation = this.#open.get(event.id);
    if (!this.#state || !reservation) return;
    const report = { usage, outcome: event.outcome, estimated };
    const ended = settle(this.#state, reservation, report, at, this.#sha256);
    applyChange(this.#state, ended.change);
    this.#open.delete(event.id);
    this.#ended.push(ended.reservation);
  }

  paid(): Paid {
    const ends = this.#ended.flatMap(({ settlement }) => settlement ?? []);
    const posted = ends.flatMap((end) => end.posted);
    const by = (wanted: string): MicroCredits =>
      sum(posted.filter(({ kind }) => kind === wanted).map(({ amount }) => amount));
    return {
      charged: sum(ends.map(({ charge }) => charge)),
      allowances: by("allowance"),
      grants: by("grant"),
      overshoot: sum(ends.map(({ overshoot }) => overshoot)),
    };
  }

  #deny(reason: string): void {
    this.denied.set(reason, (this.denied.get(reason) ?? 0) + 1);
  }

  /** The account under `plan`, which it may have changed to since the request before. */
  #under(plan: Plan): AccountState {
    if (this.#state === null) {
      const state = this.#begin(plan);
      this.#state = state;
      for (const grant of this.#waiting) this.#add(state, grant);
    }
    const { row } = this.#state;
    if (row.plan.id !== plan.id || row.plan.version !== plan.version) {
      this.#state.row = { ...row, plan, meters: keepMeters(row.meters, plan) };
    }
    return this.#state;
  }

  #begin(plan: Plan): AccountState {
    const id = this.#accountId;
    const epoch = FIRST_EPOCH;
    const head = genesis(this.#sha256, id, epoch);
    const nothing = { seq: 0, head, balance: 0, used: 0, meters: {}, renewals: {}, learned: {} };
    return openAccount({ id, epoch, status: "active", statusReason: null, plan, ...nothing }, [], []);
  }

  #add(state: AccountState, { command, at }: PastGrant): void {
    if (canHold(state, command.amount)) applyChange(state, addGrant(state, command, at, this.#sha256).change);
  }
}

/**
 * What a request asks for: what it used, or, where that was more than had been reserved, the same share of it. So what was
 * let in and ran over is let in again, and may run over again.
 */
function askedFor(usage: Usage, { event, charged }: PastRequest): Usage {
  const { reserved } = event.decision;
  if (charged <= reserved) return usage;
  const part = (count: number): number => share(count, reserved, charged, "down");
  return {
    ...usage,
    inputTokens: part(usage.inputTokens),
    cachedInputTokens: part(usage.cachedInputTokens),
    cacheWriteTokens: part(usage.cacheWriteTokens),
    outputTokens: part(usage.outputTokens),
    reasoningTokens: part(usage.reasoningTokens),
    seconds: part(usage.seconds),
  };
}
