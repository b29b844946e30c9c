import type { AccountState, Change } from "../../src/core/account.ts";
import { applyChange } from "../../src/core/account.ts";
import type { RateLookup } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { remaining } from "../../src/core/grant.ts";
import { addGrant, expireGrants, type GrantCommand } from "../../src/core/granting.ts";
import { MESSAGE_VERSION } from "../../src/core/ledger-message.ts";
import type { Plan } from "../../src/core/plan.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { type Ended, expire, release, settle, settleLate } from "../../src/core/settlement.ts";
import type { ObjectHead } from "../../src/ledger/account-audit.ts";
import {
  accountWith,
  commandOf,
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

  constructor(id = "acct_1", plan: Plan = planOf()) {
    this.id = id;
    this.state = accountWith({ id, plan });
  }

  give(grant: GrantCommand): this {
    return this.#keep(addGrant(this.state, grant, this.now, sha256).change);
  }

  /** A request that reserves `bound` credits and uses `used`. */
  request(requestId: string, bound: number, used: number): this {
    return this.#end(settle(this.state, this.hold(requestId, bound), reportOf(worth(used)), this.now, sha256));
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
    const change = expireGrants(this.state, this.now, sha256);
    if (!change) throw new Error("no grant has expired");
    return this.#keep(change);
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

  #end(ended: Ended): this {
    return this.#keep(ended.change);
  }

  #keep(change: Change): this {
    applyChange(this.state, change);
    this.entries.push(...change.entries);
    this.now += 1_000;
    return this;
  }
}

/** The rate that the fixtures charge at. */
export const rateOf: RateLookup = (cardId, cardVersion, model) =>
  cardId === "default" && cardVersion === 1 && model === "gpt-5.4" ? PLAIN_RATE : null;

/** What the queue carries: these entries, all of one account. */
export function messageOf(entries: readonly ChainedEntry[]): unknown {
  return { v: MESSAGE_VERSION, accountId: entries[0]?.accountId, entries };
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
