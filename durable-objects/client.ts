import type { AccountStatus } from "../src/core/account.ts";
import type { CarryOver } from "../src/core/carry-over.ts";
import type { GrantCommand } from "../src/core/granting.ts";
import type { Plan } from "../src/core/plan.ts";
import type { RerateCommand } from "../src/core/rerate.ts";
import type { Reservation } from "../src/core/reservation.ts";
import type { Resource } from "../src/core/resource.ts";
import type { AccountObject } from "./account-object.ts";
import type { StoredKey } from "./account-rows.ts";
import type * as command from "./commands.ts";
import type { GroupedSteps, Haste } from "./grouped-steps.ts";
import type { KnownDenials } from "./known-denials.ts";
import { LeftAlone } from "./left-alone.ts";
import type { AccountObjects } from "./placement.ts";
import type { AttachRequest, ResourceReply, ResourcesQuery, ResourcesReply } from "./resource-commands.ts";
import type { Step, StepAnswers, StepOutcome } from "./steps.ts";

/** The account's object could not be reached. Nothing is known of what it did; every command may be repeated. */
export class AccountUnreachable extends Error {
  override readonly name = "AccountUnreachable";
}

/** It was not even asked: it was overloaded a moment ago. */
export class AccountLeftAlone extends AccountUnreachable {}

/** Puts entries, given as JSON, on the ledger's queue with those of others. It may lose them. */
export type Flush = (entries: readonly string[]) => void;

const PAUSES_MS = [50, 200, 800, 2_000];

type Stub = DurableObjectStub<AccountObject>;

/** What the requests of an isolate share. */
export interface Shared {
  readonly steps?: GroupedSteps | null;
  readonly denials?: KnownDenials | null;
  readonly flush?: Flush | null;
}

/**
 * Commands to account objects. Each is idempotent, so a call whose outcome is unknown is repeated on a fresh stub
 * (a stub stays broken after its object was reset). An overloaded object is left alone, and for a moment new requests
 * are not even asked of it.
 */
export class AccountClient {
  readonly #objects: AccountObjects;
  readonly #steps: GroupedSteps | null;
  readonly #denials: KnownDenials | null;
  readonly #flush: Flush | null;
  readonly #leftAlone = new LeftAlone();

  /**
   * What all requests of an isolate share: with `steps`, those of one account may go to its object in one call; with
   * `denials`, a storm of denied ones is answered from memory; with `flush`, entries of several accounts share messages.
   */
  constructor(objects: AccountObjects, { steps = null, denials = null, flush = null }: Shared = {}) {
    this.#objects = objects;
    this.#steps = steps;
    this.#denials = denials;
    this.#flush = flush;
  }

  async reserve(accountId: string, request: command.ReserveRequest): Promise<command.ReserveReply> {
    const known = this.#denials?.answer(accountId, request, Date.now());
    if (known) return known;
    const askedAt = Date.now();
    if (this.#leftAlone.has(accountId, askedAt)) throw new AccountLeftAlone(`account ${accountId} is overloaded`);
    const remembered = this.#denials?.takeCounts(accountId) ?? [];
    const told = remembered.length === 0 ? request : { ...request, remembered };
    const reply = await this.#step(accountId, { kind: "reserve", request: told }, 1);
    this.#denials?.note(accountId, request, reply, { askedAt, now: Date.now() });
    return reply;
  }

  quote(accountId: string, request: command.QuoteRequest): Promise<command.QuoteReply> {
    return this.#call(accountId, (stub) => stub.quote(request));
  }

  settle(accountId: string, request: command.SettleRequest, haste?: Haste): Promise<command.EndReply> {
    return this.#end(accountId, { kind: "settle", request: { ...request, flushes: this.#flush !== null } }, haste);
  }

  release(accountId: string, request: command.ReleaseRequest, haste?: Haste): Promise<command.EndReply> {
    return this.#end(accountId, { kind: "release", request: { ...request, flushes: this.#flush !== null } }, haste);
  }

  checkpoint(accountId: string, request: command.CheckpointRequest): Promise<boolean> {
    return this.#step(accountId, { kind: "checkpoint", request }, 1);
  }

  attach(accountId: string, request: AttachRequest): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.attach(request));
  }

  resource(accountId: string, caller: command.Caller, id: string): Promise<ResourceReply> {
    return this.#call(accountId, (stub) => stub.resource(caller, id));
  }

  resources(accountId: string, caller: command.Caller, query: ResourcesQuery): Promise<ResourcesReply> {
    return this.#call(accountId, (stub) => stub.resources(caller, query));
  }

  findResource(accountId: string, id: string): Promise<Resource | null> {
    return this.#call(accountId, (stub) => stub.findResource(id));
  }

  forgetResource(accountId: string, id: string): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.forgetResource(id));
  }

  create(accountId: string, plan: Plan): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.create(accountId, plan));
  }

  followPlan(accountId: string, plan: Plan, move = false): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.followPlan(plan, move));
  }

  setStatus(accountId: string, status: AccountStatus, reason: string | null): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.setStatus(status, reason));
  }

  freeze(accountId: string, reason: string): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.freeze(reason));
  }

  unfreeze(accountId: string, reason: string): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.unfreeze(reason));
  }

  reopen(accountId: string, carried: CarryOver): Promise<command.ReopenReply> {
    return this.#call(accountId, (stub) => stub.reopen(carried));
  }

  grant(accountId: string, request: GrantCommand): Promise<command.GrantReply> {
    return this.#call(accountId, (stub) => stub.grant(request));
  }

  voidGrant(accountId: string, grantId: string, reason: string): Promise<command.VoidReply | null> {
    return this.#call(accountId, (stub) => stub.voidGrant(grantId, reason));
  }

  reclaim(accountId: string, grantId: string, total: number, reason: string): Promise<command.ReclaimReply | null> {
    return this.#call(accountId, (stub) => stub.reclaim(grantId, total, reason));
  }

  refund(accountId: string, request: command.RefundRequest): Promise<command.RefundReply> {
    return this.#call(accountId, (stub) => stub.refund(request));
  }

  rerate(accountId: string, request: RerateCommand, dryRun: boolean): Promise<command.RerateReply> {
    return this.#call(accountId, (stub) => stub.rerate(request, dryRun));
  }

  addKey(accountId: string, key: StoredKey): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.addKey(key), 0);
  }

  revokeKey(accountId: string, keyId: string): Promise<boolean> {
    return this.#call(accountId, (stub) => stub.revokeKey(keyId));
  }

  addOwnKey(accountId: string, request: command.OwnKeyRequest): Promise<command.OwnKeyReply> {
    return this.#call(accountId, (stub) => stub.addOwnKey(request));
  }

  revokeOwnKey(accountId: string, holder: command.Holder, keyId: string): Promise<command.OwnKeyRevoked> {
    return this.#call(accountId, (stub) => stub.revokeOwnKey(holder, keyId));
  }

  keys(accountId: string): Promise<Omit<StoredKey, "digest">[]> {
    return this.#call(accountId, (stub) => stub.keys());
  }

  open(
    accountId: string,
    holder: command.Holder,
  ): Promise<command.AccountReply | command.KeyRefused | command.PlanOutdated> {
    return this.#call(accountId, (stub) => stub.open(holder));
  }

  describe(accountId: string): Promise<command.AccountReply | null> {
    return this.#call(accountId, (stub) => stub.describe());
  }

  receipt(accountId: string, requestId: string): Promise<command.ReceiptReply | null> {
    return this.#call(accountId, (stub) => stub.receipt(requestId));
  }

  pending(accountId: string): Promise<Reservation[]> {
    return this.#call(accountId, (stub) => stub.pending());
  }

  confirm(accountId: string, epoch: number, seqs: readonly number[]): Promise<void> {
    return this.#call(accountId, (stub) => stub.confirm(epoch, seqs), 0);
  }

  head(accountId: string): Promise<command.HeadReply | null> {
    return this.#call(accountId, (stub) => stub.head());
  }

  hashAt(accountId: string, seq: number): Promise<string | null> {
    return this.#call(accountId, (stub) => stub.hashAt(seq));
  }

  /** Rings the object's alarm; answers since when (epoch ms) its oldest entry waits for the ledger, `null` where none does. */
  wake(accountId: string): Promise<number | null> {
    return this.#call(accountId, (stub) => stub.wake(), 0);
  }

  work(accountId: string): Promise<command.WorkReply> {
    return this.#call(accountId, (stub) => stub.work());
  }

  async #end(
    accountId: string,
    step: Step & { readonly kind: "settle" | "release" },
    haste?: Haste,
  ): Promise<command.EndReply> {
    const reply = await this.#step(accountId, step, PAUSES_MS.length, haste);
    if (reply.kind !== "ended" || reply.entries === undefined) return reply;
    const { entries, ...told } = reply;
    this.#flush?.(entries);
    return told;
  }

  /** Takes a step with others of the account, and by itself where that failed. */
  async #step<Kind extends Step["kind"]>(
    accountId: string,
    step: Step & { readonly kind: Kind },
    repeats: number,
    haste?: Haste,
  ): Promise<StepAnswers[Kind]> {
    const take = async (stub: Stub, tried: number): Promise<unknown> => {
      if (tried > 0) return takeStep(stub, repeated(step));
      if (this.#steps === null) return takeStep(stub, step);
      const outcome = await this.#steps.send(accountId, step, (steps) => takeSteps(stub, steps), haste);
      // By itself, it fails in words and with flags of its own, or works.
      return "failure" in outcome ? takeStep(stub, step) : outcome.answer;
    };
    return this.#repeat(accountId, take, repeats);
  }

  /** Asks for anything but a step, after those steps of the account that nobody waits for. */
  async #call<Answer>(accountId: string, use: (stub: Stub) => unknown, repeats: number = PAUSES_MS.length) {
    await this.#steps?.hasten(accountId, (steps) => takeSteps(this.#objects.getByName(accountId), steps));
    return this.#repeat<Answer>(accountId, use, repeats);
  }

  /** Runs `use` on a stub, again on a new one up to `repeats` times. Answers are plain data, so they are typed as such. */
  async #repeat<Answer>(
    accountId: string,
    use: (stub: Stub, tried: number) => unknown,
    repeats: number,
  ): Promise<Answer> {
    for (let tried = 0; ; tried += 1) {
      try {
        return (await use(this.#objects.getByName(accountId), tried)) as Answer;
      } catch (error) {
        const pause = PAUSES_MS[tried];
        if (isOwnError(error)) throw error;
        if (isOverloaded(error)) this.#leftAlone.add(accountId, Date.now());
        if (tried >= repeats || pause === undefined || isOverloaded(error)) {
          throw new AccountUnreachable(`account ${accountId}: ${String(error)}`, { cause: error });
        }
        await scheduler.wait(pause * (0.75 + Math.random() / 2));
      }
    }
  }
}

/** A step alone needs no wrapping. */
async function takeSteps(stub: Stub, steps: readonly Step[]): Promise<readonly StepOutcome[]> {
  const [first] = steps;
  if (first && steps.length === 1) return [{ answer: (await takeStep(stub, first)) as StepAnswers["reserve"] }];
  return (await stub.together([...steps])) as readonly StepOutcome[];
}

function takeStep(stub: Stub, step: Step): Promise<unknown> {
  switch (step.kind) {
    case "reserve":
      return stub.reserve(step.request);
    case "settle":
      return stub.settle(step.request);
    case "release":
      return stub.release(step.request);
    case "checkpoint":
      return stub.checkpoint(step.request);
  }
}

/** A step whose outcome is unknown, once more: nothing changes by that, and denials that it told of count once. */
function repeated(step: Step): Step {
  if (step.kind !== "reserve") return step;
  const { remembered: _, ...request } = step.request;
  return { ...step, request };
}

/** Thrown by the object's own code, for example a broken invariant: asking again gives the same. */
function isOwnError(error: unknown): boolean {
  return flag(error, "remote") && !flag(error, "retryable") && !flag(error, "durableObjectReset");
}

function isOverloaded(error: unknown): boolean {
  return flag(error, "overloaded");
}

function flag(error: unknown, name: string): boolean {
  return typeof error === "object" && error !== null && (error as Record<string, unknown>)[name] === true;
}
