import { DurableObject } from "cloudflare:workers";
import type { LedgerMessage } from "../src/core/ledger-message.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { Account } from "./account.ts";
import type { EndReply, HeldRequest, JobMessage, ReserveOutcome, ReserveReply, StepOutcome } from "./commands.ts";
import type { Platform } from "./platform.ts";

export interface AccountEnv {
  readonly LEDGER_QUEUE: Queue<LedgerMessage>;
  readonly JOB_QUEUE: Queue<JobMessage>;
}

type Arguments<Name extends keyof Account> = Parameters<Account[Name]>;

/** The account as a Durable Object: its platform and its RPC, and nothing else. What the methods do is in `account.ts`. */
export class AccountObject extends DurableObject<AccountEnv> {
  readonly #account: Account;

  constructor(ctx: DurableObjectState, env: AccountEnv) {
    super(ctx, env);
    this.#account = new Account(platformOf(ctx, () => this.env));
    ctx.blockConcurrencyWhile(async () => this.#account.alarmIsAt(await ctx.storage.getAlarm()));
  }

  override alarm(): Promise<void> {
    return this.#account.alarm();
  }

  reserve(...given: Arguments<"reserve">): ReserveReply {
    return toldOf(this.#account.reserve(...given));
  }
  together(...given: Arguments<"together">): StepOutcome[] {
    return this.#account.together(...given).map((outcome) => {
      if ("failure" in outcome) return outcome;
      const { answer } = outcome;
      return { answer: typeof answer === "boolean" ? answer : toldOf(answer) };
    });
  }
  quote(...given: Arguments<"quote">) {
    return this.#account.quote(...given);
  }
  settle(...given: Arguments<"settle">) {
    return this.#account.settle(...given);
  }
  release(...given: Arguments<"release">) {
    return this.#account.release(...given);
  }
  checkpoint(...given: Arguments<"checkpoint">) {
    return this.#account.checkpoint(...given);
  }
  attach(...given: Arguments<"attach">) {
    return this.#account.attach(...given);
  }
  resource(...given: Arguments<"resource">) {
    return this.#account.resource(...given);
  }
  resources(...given: Arguments<"resources">) {
    return this.#account.resources(...given);
  }
  findResource(...given: Arguments<"findResource">) {
    return this.#account.findResource(...given);
  }
  forgetResource(...given: Arguments<"forgetResource">) {
    return this.#account.forgetResource(...given);
  }
  create(...given: Arguments<"create">) {
    return this.#account.create(...given);
  }
  followPlan(...given: Arguments<"followPlan">) {
    return this.#account.followPlan(...given);
  }
  setStatus(...given: Arguments<"setStatus">) {
    return this.#account.setStatus(...given);
  }
  freeze(...given: Arguments<"freeze">) {
    return this.#account.freeze(...given);
  }
  unfreeze(...given: Arguments<"unfreeze">) {
    return this.#account.unfreeze(...given);
  }
  grant(...given: Arguments<"grant">) {
    return this.#account.grant(...given);
  }
  voidGrant(...given: Arguments<"voidGrant">) {
    return this.#account.voidGrant(...given);
  }
  reclaim(...given: Arguments<"reclaim">) {
    return this.#account.reclaim(...given);
  }
  refund(...given: Arguments<"refund">) {
    return this.#account.refund(...given);
  }
  rerate(...given: Arguments<"rerate">) {
    return this.#account.rerate(...given);
  }
  addKey(...given: Arguments<"addKey">) {
    return this.#account.addKey(...given);
  }
  revokeKey(...given: Arguments<"revokeKey">) {
    return this.#account.revokeKey(...given);
  }
  addOwnKey(...given: Arguments<"addOwnKey">) {
    return this.#account.addOwnKey(...given);
  }
  revokeOwnKey(...given: Arguments<"revokeOwnKey">) {
    return this.#account.revokeOwnKey(...given);
  }
  keys() {
    return this.#account.keys();
  }
  open(...given: Arguments<"open">) {
    return this.#account.open(...given);
  }
  describe() {
    return this.#account.describe();
  }
  receipt(...given: Arguments<"receipt">) {
    return this.#account.receipt(...given);
  }
  pending() {
    return this.#account.pending();
  }
  confirm(...given: Arguments<"confirm">) {
    return this.#account.confirm(...given);
  }
  head() {
    return this.#account.head();
  }
  wake() {
    return this.#account.alarm();
  }
  work() {
    return this.#account.work();
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

function platformOf(ctx: DurableObjectState, env: () => AccountEnv): Platform {
  return {
    sql: ctx.storage.sql,
    transactionSync: (work) => ctx.storage.transactionSync(work),
    setAlarm: (at) => void ctx.storage.setAlarm(at),
    now: () => Date.now(),
    send: async (messages) => {
      await env().LEDGER_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "json" })));
    },
    poll: async (messages) => {
      await env().JOB_QUEUE.sendBatch(messages.map((body) => ({ body, contentType: "json" })));
    },
    report: (event, detail) => console.error(JSON.stringify({ event, object: ctx.id.toString(), ...detail })),
  };
}
