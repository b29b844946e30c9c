import type { AccountRow } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import type { RateLookup } from "./audit.ts";
import { CarriedGrants } from "./carried-grants.ts";
import { CarriedMeters } from "./carried-meters.ts";
import { type CarriedCorrection, CarriedRequests } from "./carried-requests.ts";
import { balanceUpdateId, type ChainedEntry, chain, ENTRY_VERSION, type Sha256 } from "./event.ts";
import type { Grant } from "./grant.ts";
import type { Plan } from "./plan.ts";
import type { Reservation } from "./reservation.ts";

/** What an account's object goes on from where its own memory is behind the ledger, or gone. */
export interface CarryOver {
  readonly row: AccountRow;
  /** All grants of the account, also those that are used up. */
  readonly grants: readonly Grant[];
  /** Requests that have ended and may come again. */
  readonly requests: readonly Reservation[];
  readonly corrections: readonly CarriedCorrection[];
}

/** Where a ledger ends. */
export interface LedgerEnd {
  readonly accountId: string;
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
  readonly balance: MicroCredits;
}

/**
 * The entry with which the next epoch begins: it links to the last one of the epoch before and carries its balance over,
 * so nothing moves. All of it follows from the ledger.
 */
export function openingEntry(sha256: Sha256, end: LedgerEnd, reason: string, now: number): ChainedEntry {
  const { accountId, balance } = end;
  const [epoch, seq] = [end.epoch + 1, end.seq + 1];
  const update = {
    id: balanceUpdateId(accountId, epoch, seq, 0),
    draw: 0,
    kind: "carry_over",
    source: null,
    amount: balance,
    delta: 0,
    balanceAfter: balance,
    cause: balanceUpdateId(accountId, end.epoch, end.seq, 0),
    detail: { reason },
  } as const;
  const entry = { v: ENTRY_VERSION, accountId, epoch, seq, at: now, usage: null, monetization: null } as const;
  return chain(sha256, { ...entry, updates: [update] }, end.head);
}

/** Whether a further epoch begins with `entry`. */
export function isOpening({ updates }: ChainedEntry): boolean {
  return updates.some(({ kind }) => kind === "carry_over");
}

/** Gathers what is carried over, entry by entry, from an account's first one on. */
export class Carrying {
  readonly #plan: Plan;
  readonly #grants: CarriedGrants;
  readonly #meters: CarriedMeters;
  readonly #requests: CarriedRequests;

  constructor(accountId: string, plan: Plan, sha256: Sha256, rateOf: RateLookup, now: number) {
    this.#plan = plan;
    this.#grants = new CarriedGrants(accountId, sha256);
    this.#meters = new CarriedMeters(plan);
    this.#requests = new CarriedRequests(now, rateOf);
  }

  take(entry: ChainedEntry): void {
    this.#grants.take(entry);
    this.#meters.take(entry);
    this.#requests.take(entry);
  }

  /**
   * What was gathered, for an object that goes on from `end`. What only the object knew begins anew: requests that were
   * under way, and what was learnt of how much requests produce.
   */
  until({ accountId: id, epoch, seq, head, balance }: LedgerEnd, statusReason: string): CarryOver {
    const { used, renewals } = this.#grants;
    const row: AccountRow = {
      id,
      epoch,
      seq,
      head,
      status: "frozen",
      statusReason,
      plan: this.#plan,
      balance,
      used,
      meters: this.#meters.all,
      renewals,
      learned: {},
    };
    const { corrections } = this.#requests;
    return { row, grants: this.#grants.all(), requests: this.#requests.all(), corrections };
  }
}
