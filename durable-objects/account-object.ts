import { DurableObject } from "cloudflare:workers";
import type { Reservation } from "../src/core/reservation.ts";
import { Account } from "./account.ts";
import type { EndReply, HeldRequest, ReserveOutcome, ReserveReply } from "./commands.ts";
import type { Platform } from "./platform.ts";
import type { JobMessage } from "./resource-commands.ts";
import type { StepOutcome } from "./steps.ts";

export interface AccountEnv {
  readonly LEDGER_QUEUE: Queue<string>;
  readonly JOB_QUEUE: Queue<JobMessage>;
}

interface Billed {
  requests: number;
  messages: number;
  polls: number;
  confirmations: number;
}

type Arguments<Name extends keyof Account> = Parameters<Account[Name]>;

/** The account as a Durable Object: its platform and its RPC, and nothing else. What the methods do is in `account.ts`. */
export class AccountObject extends DurableObject<AccountEnv> {
  readonly #account: Account;
  /** What rows and time do not tell, since the object was loaded. */
  readonly #billed: Billed = { requests: 0, messages: 0, polls: 0, confirmations: 0 };

  constructor(ctx: DurableObjectState, env: AccountEnv) {
    super(ctx, env);
    this.#account = new Account(platformOf(ctx, () => this.env, this.#billed));
    ctx.blockConcurrencyWhile(async () => this.#account.alarmIsAt(await ctx.storage.getAlarm()));
  }

  /** The account, for one more call or alarm. */
  get #asked(): Account {
    this.#billed.requests += 1;
    return this.#account;
  }

  override alarm(): Promise<void> {
    return this.#asked.alarm();
  }

  reserve(...given: Arguments<"reserve">): ReserveReply {
    return toldOf(this.#asked.reserve(...given));
  }
  together(...given: Arguments<"together">): StepOutcome[] {
    return this.#asked.together(...given).map((outcome) => {
      if ("failure" in outcome) return outcome;
      const { answer } = outcome;
      return { answer: typeof answer === "boolean" ? answer : toldOf(answer) };
    });
  }
  quote(...given: Arguments<"quote">) {
    return this.#asked.quote(...given);
  }
  settle(...given: Arguments<"settle">) {
    return this.#asked.settle(...given);
  }
  release(...given: Arguments<"release">) {
    return this.#asked.release(...given);
  }
  checkpoint(...given: Arguments<"checkpoint">) {
    return this.#asked.checkpoint(...given);
  }
  attach(...given: Arguments<"attach">) {
    return this.#asked.attach(...given);
  }
  resource(...given: Arguments<"resource">) {
    return this.#asked.resource(...given);
  }
  resources(...given: Arguments<"resources">) {
    return this.#asked.resources(...given);
  }
  findResource(...given: Arguments<"findResource">) {
    return this.#asked.findResource(...given);
  }
  forgetResource(...given: Arguments<"forgetResource">) {
    return this.#asked.forgetResource(...given);
  }
  create(...given: Arguments<"create">) {
    return this.#asked.create(...given);
  }
  followPlan(...given: Arguments<"followPlan">) {
    return this.#asked.followPlan(...given);
  }
  setStatus(...given: Arguments<"setStatus">) {
    return this.#asked.setStatus(...given);
  }
  freeze(...given: Arguments<"freeze">) {
    return this.#asked.freeze(...given);
  }
  unfreeze(...given: Arguments<"unfreeze">) {
    return this.#asked.unfreeze(...given);
  }
  reopen(...given: Arguments<"reopen">) {
    return this.#asked.reopen(...given);
  }
  grant(...given: Arguments<"grant">) {
    return this.#asked.grant(...given);
  }
  voidGrant(...given: Arguments<"voidGrant">) {
    return this.#asked.voidGrant(...given);
  }
  reclaim(...given: Arguments<"reclaim">) {
    return this.#asked.reclaim(...given);
  }
  refund(...given: Arguments<"refund">) {
    return this.#asked.refund(...given);
  }
  rerate(...given: Arguments<"rerate">) {
    return this.#asked.rerate(...given);
  }
  addKey(...given: Arguments<"addKey">) {
    return this.#asked.addKey(...given);
  }
  revokeKey(...given: Arguments<"revokeKey">) {
    return this.#asked.revokeKey(...given);
  }
  addOwnKey(...given: Arguments<"addOwnKey">) {
    return this.#asked.addOwnKey(...given);
  }
  revokeOwnKey(...given: Arguments<"revokeOwnKey">) {
    return this.#asked.revokeOwnKey(...given);
  }
  keys() {
    return this.#asked.keys();
  }
  open(...given: Arguments<"open">) {
    return this.#asked.open(...given);
  }
  describe() {
    return this.#asked.describe();
  }
  receipt(...given: Arguments<"receipt">) {
    return this.#asked.receipt(...given);
  }
  pending() {
    return this.#asked.pending();
  }
  confirm(...given: Arguments<"confirm">) {
    this.#billed.confirmations += 1;
    return this.#asked.confirm(...given);
  }
  head() {
    return this.#asked.head();
  }
  hashAt(...given: Arguments<"hashAt">) {
    return this.#asked.hashAt(...given);
  }
  async wake() {
    await this.#asked.alarm();
    return this.#account.waitingSince();
  }
  work() {
    return { ...this.#account.work(), ...this.#billed };
  }
}

/** Callers are told less of a reservation than the object keeps. */
function toldOf(outcome: ReserveOutcome): ReserveReply;
function toldOf(outcome: ReserveOutcome | EndReply): ReserveReply | EndReply;
function toldOf(outcome: ReserveOutcome | EndReply): ReserveReply | EndReply {
  return "reservation" in outcome ? { ...outcome, reservation: heldOf(outcome.reservation) } : outcome;
}

function heldOf(reservation: Reservation): HeldRequest {
  const { requestId, attempt, state, feature, clampedTo, reserved, expiresAt, job } = reservation;
  const draws = reservation.draws.map(({ kind, source, amount }) => ({ kind, source, amount }));
  const last = reservation.late ?? reservation.settlement;
  const ended = last && { outcome: last.outcome, usage: last.usage, charge: last.charge };
  const held = { requestId, attempt, state, feature, clampedTo, reserved, draws, expiresAt, ended };
  return job === undefined ? held : { ...held, job };
}

function platformOf(ctx: DurableObjectState, env: () => AccountEnv, billed: Billed): Platform {
  return {
    sql: ctx.storage.sql,
    transactionSync: (work) => ctx.storage.transactionSync(work),
    setAlarm: (at) => void ctx.storage.setAlarm(at),
    soon: (ms, work) => ctx.waitUntil(scheduler.wait(ms).then(work)),
    now: () => Date.now(),
    send: async (messages) => {
      billed.messages += messages.length;
      await env().LEDGER_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "text" })));
    },
    poll: async (messages) => {
      billed.polls += messages.length;
      await env().JOB_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "json" })));
    },
    report: (event, detail) => console.error(JSON.stringify({ event, object: ctx.id.toString(), ...detail })),
  };
}
