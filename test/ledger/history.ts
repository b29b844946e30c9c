import type { AccountRow, AccountState, Change } from "../../src/core/account.ts";
import { applyChange, openAccount } from "../../src/core/account.ts";
import type { RateLookup } from "../../src/core/audit.ts";
import { type Denials, foldDenial, writeDenials } from "../../src/core/denials.ts";
import { renewEntitlements } from "../../src/core/entitlement.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type Grant, remaining } from "../../src/core/grant.ts";
import { addGrant, type GrantCommand, lapseGrants, voidGrant } from "../../src/core/granting.ts";
import { MESSAGE_VERSION } from "../../src/core/ledger-message.ts";
import type { Plan } from "../../src/core/plan.ts";
import { refund } from "../../src/core/refund.ts";
import { chargedOf, rerate } from "../../src/core/rerate.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { type Ended, expire, release, settle, settleLate } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import type { ObjectHead } from "../../src/ledger/account-audit.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  commandOf,
  credits,
  DAY,
  demandOf,
  entitlementOf,
  grantOf,
  hold,
  PLAIN_RATE,
  planOf,
  reportOf,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";

/** An account that really works, with the journal it writes. */
export class History {
  readonly id: string;
  readonly state: AccountState;
  readonly entries: ChainedEntry[] = [];
  now = T0;
  /** Requests that have ended, and grants also when they are used up: what an operator may still come back to. */
  readonly #ended = new Map<string, Reservation>();
  readonly #grants = new Map<string, Grant>();

  constructor(id = "acct_1", plan: Plan = planOf(), state: AccountState = accountWith({ id, plan })) {
    this.id = id;
    this.state = state;
  }

  /** A history that goes on from a state. */
  static from(row: AccountRow, grants: readonly Grant[], now: number): History {
    const history = new History(row.id, row.plan, openAccount(row, grants, []));
    for (const grant of grants) history.#grants.set(grant.id, grant);
    history.now = now;
    return history;
  }

  give(grant: GrantCommand): this {
    return this.#keep(addGrant(this.state, grant, this.now, sha256).change);
  }

  /** A request that reserves `bound` credits and uses `used`. */
  request(requestId: string, bound: number, used: number): this {
    return this.ends(this.hold(requestId, bound), used);
  }

  /** A request that was held before ends. */
  ends(held: Reservation, used: number): this {
    return this.#end(settle(this.state, held, reportOf(worth(used)), this.now, sha256));
  }

  /** A request that upstream refused. */
  refused(requestId: string, bound: number): this {
    return this.#end(release(this.state, this.hold(requestId, bound), "rejected", this.now, sha256));
  }

  /** A request that expired and turned out to have used `used`. */
  late(requestId: string, bound: number, used: number): this {
    const ended = expire(this.state, { ...this.hold(requestId, bound), checkpoint: worth(1) }, this.now, sha256);
    this.#end(ended);
    return this.#end(settleLate(this.state, ended.reservation, reportOf(worth(used)), this.now, sha256));
  }

  lapse(): this {
    return this.#keepDue(lapseGrants(this.state, this.now, sha256));
  }

  renew(): this {
    return this.#keepDue(renewEntitlements(this.state, this.now, sha256));
  }

  voids(grantId: string, reason: string): this {
    return this.#keep(voidGrant(this.state, this.#grant(grantId), reason, this.now, sha256).change);
  }

  /** Gives back `amount` credits of what the grants paid for a request. */
  refunds(requestId: string, amount: number, reason: string): this {
    const ended = this.#ended.get(requestId);
    if (!ended) throw new Error(`${requestId} has not ended`);
    const wanted = { id: `refund of ${requestId}`, amount: credits(amount), at: this.now, reason };
    const { reservation, change } = refund(this.state, ended, wanted, (id) => this.#grant(id), sha256);
    this.#ended.set(requestId, reservation);
    return this.#keep(change);
  }

  /** Prices a request again, at `factor` times the rate, under another version of the card. */
  corrects(requestId: string, factor: number, cardVersion: number): this {
    const ended = this.#ended.get(requestId);
    const entries = this.entries.filter(({ usage }) => usage?.requestId === requestId);
    const charged = ended && chargedOf(entries, ended.attempt);
    if (!charged) throw new Error(`${requestId} has not ended`);
    const tokens = { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(1_000_000) * factor };
    const quote = { cardId: "default", cardVersion, model: "gpt-5.4", rate: { ...PLAIN_RATE, tokens } };
    const command = { charged, quote, reason: "wrong price" };
    const { change } = rerate(this.state, ended, command, (id) => this.#grant(id), this.now, sha256);
    for (const reservation of change.reservations) this.#ended.set(requestId, reservation);
    return this.#keep(change);
  }

  /** Requests for `bound` credits that are refused within one minute: one entry, named after the last of them. */
  denied(requestIds: readonly string[], bound: number): this {
    const denials: Denials = new Map();
    for (const requestId of requestIds) {
      const demand = demandOf(bound);
      const denial = decide(this.state, demand, this.now);
      if (denial.outcome === "allowed") throw new Error(`${requestId} was not refused`);
      foldDenial(denials, { requestId, demand, denial, at: this.now });
    }
    return this.#keep(writeDenials(this.state, denials, this.now, sha256));
  }

  hold(requestId: string, bound: number): Reservation {
    return hold(this.state, commandOf(requestId, bound), this.now);
  }

  at(seq: number): ChainedEntry {
    const entry = this.entries[seq - 1];
    if (!entry) throw new Error(`no entry ${seq}`);
    return entry;
  }

  head(part: Partial<ObjectHead> = {}): ObjectHead {
    const { epoch, seq, head, balance } = this.state.row;
    return {
      epoch,
      seq,
      head,
      balance,
      grants: [...this.state.grants.values()].map((grant) => [grant.id, remaining(grant)] as const),
      unconfirmed: [],
      pendingReservations: this.state.pending.size,
      staleReservations: 0,
      ...part,
    };
  }

  #grant(id: string): Grant {
    const grant = this.#grants.get(id);
    if (!grant) throw new Error(`no grant ${id}`);
    return grant;
  }

  #end(ended: Ended): this {
    this.#ended.set(ended.reservation.requestId, ended.reservation);
    return this.#keep(ended.change);
  }

  #keepDue(change: Change | null): this {
    if (!change) throw new Error("nothing is due");
    return this.#keep(change);
  }

  #keep(change: Change): this {
    for (const grant of change.grants) this.#grants.set(grant.id, grant);
    applyChange(this.state, change);
    this.entries.push(...change.entries);
    this.now += 1_000;
    return this;
  }
}

/**
 * A history with every kind of entry: grants, several draws, overshoot, nothing charged, late, refusals, refunds (also of
 * what a grant paid that has ended), voided and expired grants, a renewed entitlement.
 */
export function fullHistory(id = "acct_1"): History {
  const plan = planOf({
    allowances: [allowanceOf("included", [anchored(DAY, credits(5))])],
    entitlements: [entitlementOf("monthly", 2, { rolloverCap: credits(1) })],
  });
  const history = new History(id, plan)
    .give(grantOf("grt_a", 10, { features: ["codex"], reason: 'héllo "quoted" \u0000 \ud800 ✓' }))
    .give(grantOf("grt_b", 20, { expiresAt: T0 + DAY }))
    .request("req_1", 12, 8)
    .request("req_2", 25, 22)
    .refused("req_3", 3)
    .request("req_4", 4, 9)
    .give(grantOf("grt_c", 50, { expiresAt: T0 + DAY }))
    .late("req_5", 3, 7)
    .denied(["req_6", "req_7", "req_8"], 500)
    .refunds("req_5", 2, 'a "late" answer ✓')
    .give(grantOf("grt_d", 4))
    .voids("grt_d", "given by mistake")
    .renew();
  history.now = T0 + 2 * DAY;
  history.lapse().refunds("req_2", 6, "one of its grants has ended");
  history.now = T0 + 40 * DAY;
  return history.denied(["req_6"], 500).renew();
}

/** The rate that the fixtures charge at. */
export const rateOf: RateLookup = (cardId, cardVersion, model) =>
  cardId === "default" && cardVersion === 1 && model === "gpt-5.4" ? PLAIN_RATE : null;

/** What the queue carries. */
export function messageOf(entries: readonly ChainedEntry[]): unknown {
  return { v: MESSAGE_VERSION, entries };
}

/** Another entry under the place of `entry`, as an object that lost its memory would write it. */
export function forked(entry: ChainedEntry): ChainedEntry {
  const other = new History(entry.accountId);
  while (other.entries.length < entry.seq) {
    other.give({
      id: `grt_other_${other.entries.length}`,
      kind: "paid",
      amount: 1,
      priority: 1,
      effectiveAt: 0,
      expiresAt: null,
      features: null,
      reason: "another history",
    });
  }
  return other.at(entry.seq);
}
