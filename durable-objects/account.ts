import type { AccountStatus } from "../src/core/account.ts";
import type { CarryOver } from "../src/core/carry-over.ts";
import type { GrantCommand } from "../src/core/granting.ts";
import type { Plan } from "../src/core/plan.ts";
import type { RerateCommand } from "../src/core/rerate.ts";
import type { Reservation } from "../src/core/reservation.ts";
import type { Resource } from "../src/core/resource.ts";
import { AccountAlarm } from "./account-alarm.ts";
import * as ownKeys from "./account-keys.ts";
import * as operations from "./account-operations.ts";
import * as reading from "./account-reading.ts";
import * as reopening from "./account-reopening.ts";
import * as requests from "./account-requests.ts";
import * as resources from "./account-resources.ts";
import type { StoredKey } from "./account-rows.ts";
import { migrateAccount } from "./account-schema.ts";
import { AccountTurns, only } from "./account-turns.ts";
import * as upkeep from "./account-upkeep.ts";
import type * as command from "./commands.ts";
import type { Platform } from "./platform.ts";
import type { AttachRequest, ResourceReply, ResourcesQuery, ResourcesReply } from "./resource-commands.ts";
import type { Step, StepOutcome } from "./steps.ts";

/**
 * One account on some platform: every command, each one turn, in the files beside this one. The rules are in the core.
 */
export class Account {
  readonly #platform: Platform;
  readonly #turns: AccountTurns;
  readonly #alarm: AccountAlarm;

  constructor(platform: Platform) {
    this.#platform = platform;
    platform.transactionSync(() => migrateAccount(platform.sql));
    this.#turns = new AccountTurns(platform, {
      flush: () => this.#alarm.flush(),
      handedOver: (entries, now) => this.#alarm.handedOver(entries, now),
    });
    this.#alarm = new AccountAlarm(platform, this.#turns);
  }

  /** Tells for which instant the platform has the alarm set. */
  alarmIsAt(at: number | null): void {
    this.#turns.alarmIsAt(at);
  }

  // — the way of a request —

  reserve(request: command.ReserveRequest): command.ReserveOutcome {
    upkeep.renew(this.#turns);
    return requests.reserveRequest(this.#turns, this.#alarm.denials, request);
  }

  quote(request: command.QuoteRequest): command.QuoteReply {
    upkeep.renew(this.#turns);
    return requests.quoteRequest(this.#turns, request);
  }

  settle(request: command.SettleRequest): command.EndReply {
    return requests.settleRequest(this.#turns, request);
  }

  release(request: command.ReleaseRequest): command.EndReply {
    return requests.releaseRequest(this.#turns, request);
  }

  checkpoint(request: command.CheckpointRequest): boolean {
    return requests.checkpointRequest(this.#turns, request);
  }

  /** Takes steps of several requests, each a turn of its own; all that they write is committed together. */
  together(steps: readonly Step[]): StepOutcome<command.ReserveOutcome | command.EndReply | boolean>[] {
    return steps.map((step) => {
      try {
        return { answer: this.#take(step) };
      } catch (error) {
        this.#platform.report("step_failed", { step: step.kind, message: String(error) });
        return { failure: String(error) };
      }
    });
  }

  #take(step: Step): command.ReserveOutcome | command.EndReply | boolean {
    switch (step.kind) {
      case "reserve":
        return this.reserve(step.request);
      case "settle":
        return this.settle(step.request);
      case "release":
        return this.release(step.request);
      case "checkpoint":
        return this.checkpoint(step.request);
    }
  }

  attach(request: AttachRequest): boolean {
    return resources.attachJob(this.#turns, request);
  }

  // — what requests made —

  resource(caller: command.Caller, id: string): ResourceReply {
    return resources.resourceFor(this.#turns, caller, id);
  }

  resources(caller: command.Caller, query: ResourcesQuery): ResourcesReply {
    return resources.resourcesFor(this.#turns, caller, query);
  }

  /** For what the gateway does by itself, without a caller. */
  findResource(id: string): Resource | null {
    return this.#turns.run(() => only(this.#turns.resources.store.resource(id)));
  }

  /** Returns whether it is gone; an open job stays until it has ended. */
  forgetResource(id: string): boolean {
    return this.#turns.run(() => only(this.#turns.resources.store.remove(id)));
  }

  // — what an operator does —

  create(id: string, plan: Plan): boolean {
    const created = operations.createAccount(this.#turns, id, plan);
    upkeep.renew(this.#turns);
    return created;
  }

  followPlan(plan: Plan, move = false): boolean {
    const followed = operations.followPlan(this.#turns, plan, move);
    upkeep.renew(this.#turns);
    return followed;
  }

  setStatus(status: AccountStatus, reason: string | null = null): boolean {
    return operations.setStatus(this.#turns, status, reason);
  }

  freeze(reason = "the ledger does not add up"): boolean {
    return operations.freeze(this.#turns, reason);
  }

  unfreeze(reason: string): boolean {
    return operations.unfreeze(this.#turns, reason);
  }

  reopen(carried: CarryOver): command.ReopenReply {
    const reply = reopening.reopenAccount(this.#turns, carried);
    this.#alarm.forgetOutbox();
    return reply;
  }

  grant(request: GrantCommand): command.GrantReply {
    return operations.grant(this.#turns, request);
  }

  voidGrant(grantId: string, reason: string): command.VoidReply | null {
    return operations.voidGrantOf(this.#turns, grantId, reason);
  }

  reclaim(grantId: string, total: number, reason: string): command.ReclaimReply | null {
    return operations.reclaimOf(this.#turns, grantId, total, reason);
  }

  refund(request: command.RefundRequest): command.RefundReply {
    return operations.refundRequest(this.#turns, request);
  }

  rerate(request: RerateCommand, dryRun = false): command.RerateReply {
    return operations.rerateRequest(this.#turns, request, dryRun);
  }

  addKey(key: StoredKey): boolean {
    return this.#turns.run((state) => {
      if (state) this.#turns.store.addKey(key);
      return only(state !== null);
    });
  }

  revokeKey(keyId: string): boolean {
    const known = this.#turns.run((_, now) => only(this.#turns.store.revokeKey(keyId, now)));
    this.#turns.forgetKeys();
    return known;
  }

  addOwnKey(request: command.OwnKeyRequest): command.OwnKeyReply {
    return ownKeys.addOwnKey(this.#turns, request);
  }

  revokeOwnKey(holder: command.Holder, keyId: string): command.OwnKeyRevoked {
    return ownKeys.revokeOwnKey(this.#turns, holder, keyId);
  }

  keys(): Omit<StoredKey, "digest">[] {
    return this.#turns.run(() => only(this.#turns.store.keys().map(({ digest: _, ...shown }) => shown)));
  }

  // — looking —

  open(holder: command.Holder): command.AccountReply | command.KeyRefused | command.PlanOutdated {
    upkeep.renew(this.#turns);
    return reading.openFor(this.#turns, holder);
  }

  describe(): command.AccountReply | null {
    upkeep.renew(this.#turns);
    return reading.describeAccount(this.#turns);
  }

  receipt(requestId: string): command.ReceiptReply | null {
    return reading.receiptOf(this.#turns, [this.#alarm.denials, this.#alarm.journaled], requestId);
  }

  pending(): Reservation[] {
    return this.#turns.run((state) => only(state ? [...state.pending.values()] : []));
  }

  // — the ledger —

  /** The ledger holds these entries: they leave the outbox. Another epoch's numbers are not ours. */
  confirm(epoch: number, seqs: readonly number[]): void {
    this.#turns.run((state) => {
      if (state?.row.epoch === epoch) this.#turns.store.confirm(seqs);
      return only(undefined);
    });
  }

  head(): command.HeadReply | null {
    return reading.headOf(this.#turns);
  }

  hashAt(seq: number): string | null {
    return reading.hashAt(this.#turns, seq);
  }

  /** Since when (epoch ms) the oldest entry waits that the ledger has not confirmed; `null` where none does. */
  waitingSince(): number | null {
    return this.#turns.run(() => only(this.#turns.store.outbox.oldestAt()));
  }

  /** Work done since the object was loaded, for measuring. */
  work(): command.WorkReply {
    const { calls, rowsWritten, rowsRead, alarmsSet, handedOver } = this.#turns;
    return { calls, rowsWritten, rowsRead, alarmsSet, handedOver };
  }

  /** All timers of the account. It never throws. */
  alarm(): Promise<void> {
    return this.#alarm.ring();
  }
}
