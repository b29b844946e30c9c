import { DurableObject } from "cloudflare:workers";
import {
  type AccountRow,
  type AccountState,
  type AccountStatus,
  applyChange,
  type Change,
  keepMeters,
  NO_CHANGE,
  openAccount,
} from "../src/core/account.ts";
import { viewGrants, viewLimits } from "../src/core/account-view.ts";
import { checkpoint } from "../src/core/checkpoint.ts";
import { genesis } from "../src/core/event.ts";
import { remaining } from "../src/core/grant.ts";
import { addGrant, canHold, expireGrants, type GrantCommand, sameTerms } from "../src/core/granting.ts";
import type { LedgerMessage } from "../src/core/ledger-message.ts";
import type { Plan } from "../src/core/plan.ts";
import { firstIdAt } from "../src/core/request-id.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { REPLAY_MS, type ReserveAnswer, reserve } from "../src/core/reserve.ts";
import { acceptsLate, expire, release, settle, settleLate } from "../src/core/settlement.ts";
import { sha256Hex } from "../src/sha256.ts";
import { migrateAccount } from "./account-schema.ts";
import { AccountStore, type StoredKey } from "./account-store.ts";
import type * as command from "./commands.ts";
import { isKeyGood } from "./key.ts";
import { deliver, FLUSH_DELAY_MS, outboxDueAt } from "./outbox.ts";

export interface AccountEnv {
  readonly LEDGER_QUEUE: Queue<LedgerMessage>;
}

/** The first epoch of an object; a restore from a backup would raise it. */
const FIRST_EPOCH = 1;
const STALE_AFTER_MS = 6 * 60_000;
const PRUNE_EVERY_MS = 3_600_000;
const PRUNE_ROWS = 1_000;
const HEAD_SEQS = 10_000;

/**
 * One account: decides, numbers and hashes everything that changes it. A thin shell: every command is one synchronous
 * turn that loads, asks the core, stores the change in one transaction and only then applies it in memory. There is no
 * `await` between reading and writing, and nothing in memory is the truth.
 */
export class AccountObject extends DurableObject<AccountEnv> {
  readonly #store: AccountStore;
  /** `undefined`: not loaded. `null`: there is no such account. */
  #state: AccountState | null | undefined;
  #alarmAt: number | null = null;
  #prunedAt = 0;
  #calls = 0;
  #alarmsSet = 0;

  constructor(ctx: DurableObjectState, env: AccountEnv) {
    super(ctx, env);
    this.#store = new AccountStore(ctx.storage.sql);
    ctx.blockConcurrencyWhile(async () => {
      ctx.storage.transactionSync(() => migrateAccount(ctx.storage.sql));
      this.#alarmAt = await ctx.storage.getAlarm();
    });
  }

  // — the way of a request —

  reserve(request: command.ReserveRequest): command.ReserveReply {
    const answer = this.#turn<command.KeyRefused | command.PlanOutdated | ReserveAnswer>((state, now) => {
      const refused = this.#refuse(state, request.caller, now);
      if (refused || !state) return { answer: refused ?? KEY_REFUSED, change: NO_CHANGE };
      const existing = this.#reservation(state, request.command.requestId);
      return reserve(state, existing, { ...request.command, keyId: request.caller.key.id }, now);
    });
    if (answer.kind === "key_refused" || answer.kind === "plan_outdated") return answer;
    const state = this.#state;
    return state ? { ...answer, limits: viewLimits(state, Date.now()) } : KEY_REFUSED;
  }

  settle(request: command.SettleRequest): command.EndReply {
    return this.#turn<command.EndReply>((state, now) => {
      const reservation = state && this.#reservation(state, request.requestId);
      const known = endedAlready(reservation, request.attempt);
      if (known) return { answer: known, change: NO_CHANGE };
      if (!state || !reservation) return { answer: { kind: "unknown" }, change: NO_CHANGE };
      if (reservation.state === "expired") {
        if (!acceptsLate(reservation, now)) return { answer: lastSettlement(reservation), change: NO_CHANGE };
        const late = settleLate(state, reservation, request.report, now, sha256Hex);
        return { answer: { kind: "ended", settlement: late.settlement }, change: late.change };
      }
      const ended = settle(state, reservation, request.report, now, sha256Hex);
      return { answer: { kind: "ended", settlement: ended.settlement }, change: ended.change };
    });
  }

  release(request: command.ReleaseRequest): command.EndReply {
    return this.#turn<command.EndReply>((state, now) => {
      const reservation = state && this.#reservation(state, request.requestId);
      const known = endedAlready(reservation, request.attempt);
      if (known) return { answer: known, change: NO_CHANGE };
      if (!state || !reservation) return { answer: { kind: "unknown" }, change: NO_CHANGE };
      if (reservation.state === "expired") return { answer: lastSettlement(reservation), change: NO_CHANGE };
      const ended = release(state, reservation, request.outcome, now, sha256Hex);
      return { answer: { kind: "ended", settlement: ended.settlement }, change: ended.change };
    });
  }

  /** Keeps a pending reservation alive and records what it has used; returns whether it is still pending. */
  checkpoint(request: command.CheckpointRequest): boolean {
    return this.#turn((state, now) => {
      const reservation = state?.pending.get(request.requestId);
      if (!reservation || reservation.attempt !== request.attempt) return { answer: false, change: NO_CHANGE };
      const kept = checkpoint(reservation, request.usage, now, request.holdMs);
      return { answer: true, change: { ...NO_CHANGE, reservations: [kept] } };
    });
  }

  // — what an operator does —

  /** Creates the account; `false` when it exists already. */
  create(id: string, plan: Plan): boolean {
    return this.#turn((state) => {
      if (state) return { answer: false, change: NO_CHANGE };
      const row: AccountRow = {
        id,
        epoch: FIRST_EPOCH,
        seq: 0,
        head: genesis(sha256Hex, id, FIRST_EPOCH),
        status: "active",
        plan,
        balance: 0,
        used: 0,
        meters: {},
      };
      this.#store.writePlan(plan);
      this.#store.writeAccount(row);
      this.#state = undefined;
      return { answer: true, change: NO_CHANGE };
    });
  }

  /** Moves the account to `plan`: a newer version of its own, or, when `move` is set, another one. */
  followPlan(plan: Plan, move = false): boolean {
    return this.#turn((state) => {
      if (!state) return { answer: false, change: NO_CHANGE };
      const present = state.row.plan;
      const newer = plan.id === present.id ? plan.version > present.version : move;
      if (!newer) return { answer: plan.id === present.id, change: NO_CHANGE };
      this.#store.writePlan(plan);
      const row = { ...state.row, plan, meters: keepMeters(state.row.meters, plan) };
      return { answer: true, change: { ...NO_CHANGE, row } };
    });
  }

  setStatus(status: AccountStatus): boolean {
    return this.#turn((state) => {
      if (!state) return { answer: false, change: NO_CHANGE };
      return { answer: true, change: { ...NO_CHANGE, row: { ...state.row, status } } };
    });
  }

  /** Stops paid use only; a suspended account stays suspended. */
  freeze(): boolean {
    return this.#turn((state) => {
      if (state?.row.status !== "active") return { answer: false, change: NO_CHANGE };
      return { answer: true, change: { ...NO_CHANGE, row: { ...state.row, status: "frozen" } } };
    });
  }

  grant(request: GrantCommand): command.GrantReply {
    return this.#turn<command.GrantReply>((state, now) => {
      if (!state) return { answer: { kind: "no_account" }, change: NO_CHANGE };
      const existing = this.#store.grant(request.id);
      if (existing) {
        const answer: command.GrantReply = sameTerms(existing, request)
          ? { kind: "granted", grant: existing, created: false }
          : { kind: "mismatch" };
        return { answer, change: NO_CHANGE };
      }
      if (!canHold(state, request.amount)) return { answer: { kind: "too_large" }, change: NO_CHANGE };
      const { grant, change } = addGrant(state, request, now, sha256Hex);
      return { answer: { kind: "granted", grant, created: true }, change };
    });
  }

  addKey(key: StoredKey): boolean {
    return this.#turn((state) => {
      if (state) this.#store.addKey(key);
      return { answer: state !== null, change: NO_CHANGE };
    });
  }

  revokeKey(keyId: string): boolean {
    return this.#turn((_, now) => ({ answer: this.#store.revokeKey(keyId, now), change: NO_CHANGE }));
  }

  keys(): Omit<StoredKey, "digest">[] {
    return this.#turn(() => ({
      answer: this.#store.keys().map(({ digest: _, ...shown }) => shown),
      change: NO_CHANGE,
    }));
  }

  // — looking —

  /** The account as its owner sees it, for the holder of a good key. */
  open(caller: command.Caller): command.AccountReply | command.KeyRefused | command.PlanOutdated {
    return this.#turn<command.AccountReply | command.KeyRefused | command.PlanOutdated>((state, now) => {
      const refused = this.#refuse(state, caller, now);
      if (refused || !state) return { answer: refused ?? KEY_REFUSED, change: NO_CHANGE };
      return { answer: describe(state, caller.key.id, now), change: NO_CHANGE };
    });
  }

  /** The account as an operator sees it; `null` when there is none. */
  describe(): command.AccountReply | null {
    return this.#turn((state, now) => ({ answer: state && describe(state, null, now), change: NO_CHANGE }));
  }

  receipt(requestId: string): command.ReceiptReply | null {
    return this.#turn((state) => {
      const reservation = state && this.#reservation(state, requestId);
      if (!reservation) return { answer: null, change: NO_CHANGE };
      const seq = (reservation.late ?? reservation.settlement)?.seq;
      const confirmed = seq === undefined ? null : !this.#store.isUnconfirmed(seq);
      return { answer: { reservation, confirmed }, change: NO_CHANGE };
    });
  }

  pending(): Reservation[] {
    return this.#turn((state) => ({ answer: state ? [...state.pending.values()] : [], change: NO_CHANGE }));
  }

  // — the ledger —

  /** The ledger holds these entries: they leave the outbox. Another epoch's numbers are not ours. */
  confirm(epoch: number, seqs: readonly number[]): void {
    this.#turn((state) => {
      if (state?.row.epoch === epoch) this.#store.confirm(seqs);
      return { answer: undefined, change: NO_CHANGE };
    });
  }

  head(): command.HeadReply | null {
    return this.#turn((state, now) => {
      if (!state) return { answer: null, change: NO_CHANGE };
      const { epoch, seq, head, balance } = state.row;
      const stale = [...state.pending.values()].filter(({ expiresAt }) => expiresAt + STALE_AFTER_MS < now);
      const answer: command.HeadReply = {
        epoch,
        seq,
        head,
        balance,
        grants: [...state.grants.values()].map((grant) => [grant.id, remaining(grant)] as const),
        unconfirmed: this.#store.unconfirmedSeqs(HEAD_SEQS),
        pendingReservations: state.pending.size,
        staleReservations: stale.length,
      };
      return { answer, change: NO_CHANGE };
    });
  }

  /** Does now what the alarm would do: for accounts whose alarm was lost, and before a reconciliation. */
  async wake(): Promise<void> {
    await this.alarm();
  }

  work(): command.WorkReply {
    return { calls: this.#calls, rowsWritten: this.#store.rowsWritten, alarmsSet: this.#alarmsSet };
  }

  /**
   * All timers of the account: expires reservations and grants, forgets old requests, sends the outbox. It never throws,
   * because the platform drops an alarm that failed six times, and it always sets the next one.
   */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    try {
      this.#sweep();
      await this.#deliver();
    } catch (error) {
      this.#state = undefined;
      console.error(JSON.stringify({ event: "alarm_failed", object: this.ctx.id.toString(), message: String(error) }));
    } finally {
      this.#arm();
    }
  }

  #sweep(): void {
    const expired = this.#turn((state, now) => ({
      answer: state ? [...state.pending.values()].filter(({ expiresAt }) => expiresAt <= now) : [],
      change: NO_CHANGE,
    }));
    for (const { requestId } of expired) {
      this.#turn((state, now) => {
        const reservation = state?.pending.get(requestId);
        const due = state && reservation && reservation.expiresAt <= now;
        const change = due ? expire(state, reservation, now, sha256Hex).change : NO_CHANGE;
        return { answer: undefined, change };
      });
    }
    this.#turn((state, now) => {
      const change = state ? expireGrants(state, now, sha256Hex) : null;
      if (now - this.#prunedAt > PRUNE_EVERY_MS) {
        this.#prunedAt = now;
        this.#store.prune(firstIdAt(now - REPLAY_MS), PRUNE_ROWS);
      }
      return { answer: undefined, change: change ?? NO_CHANGE };
    });
  }

  async #deliver(): Promise<void> {
    const state = this.#load();
    if (!state) return;
    const delivery = await deliver(this.#store, state.row.id, Date.now(), async (messages) => {
      await this.env.LEDGER_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "json" })));
    });
    if (delivery) this.ctx.storage.transactionSync(() => this.#store.writeDelivery(delivery));
  }

  /** Sets the alarm to the earliest thing that is due. */
  #arm(): void {
    try {
      const now = Date.now();
      const state = this.#load();
      const due = outboxDueAt(this.#store, now);
      if (due !== null) this.#armBy(due, now);
      for (const reservation of state?.pending.values() ?? []) this.#armBy(reservation.expiresAt, now);
      for (const { expiresAt } of state?.grants.values() ?? []) {
        if (expiresAt !== null && expiresAt > now) this.#armBy(expiresAt, now);
      }
    } catch (error) {
      // The sweeper wakes the account from outside.
      console.error(JSON.stringify({ event: "alarm_not_set", object: this.ctx.id.toString(), message: String(error) }));
    }
  }

  #armBy(at: number, now: number): void {
    // An alarm that should have run a minute ago was lost.
    const armed = this.#alarmAt !== null && this.#alarmAt > now - 60_000 ? this.#alarmAt : null;
    if (armed !== null && armed <= at) return;
    this.#alarmAt = at;
    this.#alarmsSet += 1;
    void this.ctx.storage.setAlarm(at);
  }

  #armForChange(change: Change, now: number): void {
    if (change.entries.length > 0) this.#armBy(now + FLUSH_DELAY_MS, now);
    for (const { state, expiresAt } of change.reservations) if (state === "pending") this.#armBy(expiresAt, now);
    for (const { expiresAt } of change.grants) if (expiresAt !== null && expiresAt > now) this.#armBy(expiresAt, now);
  }

  // — one turn —

  /**
   * Runs one command. The change is stored and the alarm set in one transaction that rolls back as a whole; only then is
   * it applied in memory. Whatever throws leaves storage as it was, and memory is read again.
   */
  #turn<Answer>(work: (state: AccountState | null, now: number) => { answer: Answer; change: Change }): Answer {
    this.#calls += 1;
    const now = Date.now();
    try {
      const state = this.#load();
      const { answer, change } = this.ctx.storage.transactionSync(() => {
        const done = work(state, now);
        if (done.change !== NO_CHANGE) {
          this.#store.write(done.change);
          this.#armForChange(done.change, now);
        }
        return done;
      });
      if (state) applyChange(state, change);
      return answer;
    } catch (error) {
      this.#state = undefined;
      this.#alarmAt = null;
      throw error;
    }
  }

  #load(): AccountState | null {
    if (this.#state === undefined) {
      const row = this.#store.account();
      this.#state = row && openAccount(row, this.#store.openGrants(), this.#store.pendingReservations());
    }
    return this.#state;
  }

  #reservation(state: AccountState, requestId: string): Reservation | null {
    return state.pending.get(requestId) ?? this.#store.reservation(requestId);
  }

  #refuse(
    state: AccountState | null,
    { key, planVersions }: command.Caller,
    now: number,
  ): command.KeyRefused | command.PlanOutdated | null {
    if (!isKeyGood(this.#store.key(key.id), key, now)) return KEY_REFUSED;
    if (!state) return KEY_REFUSED;
    const { id, version } = state.row.plan;
    return (planVersions[id] ?? 0) > version ? { kind: "plan_outdated", planId: id } : null;
  }
}

const KEY_REFUSED: command.KeyRefused = { kind: "key_refused" };

/** What a command that would end a reservation is answered when there is nothing left to end. */
function endedAlready(reservation: Reservation | null, attempt: number): command.EndReply | null {
  if (!reservation) return { kind: "unknown" };
  if (reservation.attempt !== attempt) return { kind: "fenced" };
  if (reservation.state === "released") return { kind: "released" };
  return reservation.state === "settled" ? lastSettlement(reservation) : null;
}

function lastSettlement(reservation: Reservation): command.EndReply {
  const settlement = reservation.late ?? reservation.settlement;
  return settlement ? { kind: "ended", settlement } : { kind: "unknown" };
}

function describe(state: AccountState, keyId: string | null, now: number): command.AccountReply {
  const { id, status, plan, seq } = state.row;
  return { kind: "account", id, status, plan, seq, keyId, limits: viewLimits(state, now), grants: viewGrants(state) };
}
