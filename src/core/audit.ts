import type { MicroCredits } from "./amount.ts";
import {
  type BalanceUpdate,
  type BalanceUpdateKind,
  type ChainedEntry,
  chain,
  type Entry,
  genesis,
  type MonetizationEvent,
  type Sha256,
} from "./event.ts";
import { price, type Rate } from "./rate-card.ts";

/** One thing that does not add up, at the first place where it shows. */
export interface Difference {
  readonly rule: "gap" | "chain" | "price" | "orphan" | "sum" | "balance" | "grant";
  /** The sequence number of the first entry concerned; 0 when none is. */
  readonly seq: number;
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
}

/** Looks up the rate at which an event was charged; `null` when no such rate exists. */
export type RateLookup = (cardId: string, cardVersion: number, model: string) => Rate | null;

/** What an audit carries from one page of entries to the next. Start with {@link beginAudit}. */
export interface AuditState {
  readonly accountId: string;
  epoch: number;
  seq: number;
  head: string;
  balance: MicroCredits;
  /** What is left of each grant, by the ledger alone. */
  readonly grants: Map<string, MicroCredits>;
  readonly differences: Difference[];
}

export function beginAudit(sha256: Sha256, accountId: string, epoch: number): AuditState {
  return {
    accountId,
    epoch,
    seq: 0,
    head: genesis(sha256, accountId, epoch),
    balance: 0,
    grants: new Map(),
    differences: [],
  };
}

/** Checks the next entry, in order of sequence numbers, against everything before it. Differences are collected. */
export function auditEntry(state: AuditState, entry: ChainedEntry, rateOf: RateLookup, sha256: Sha256): void {
  checkPlace(state, entry, sha256);
  checkEpoch(state, entry);
  checkCharge(state, entry, rateOf);
  checkUpdates(state, entry);
  state.epoch = entry.epoch;
  state.seq = entry.seq;
  state.head = entry.hash;
}

function report(
  state: AuditState,
  seq: number,
  rule: Difference["rule"],
  subject: string,
  expected: unknown,
  found: unknown,
): void {
  state.differences.push({ rule, seq, subject, expected: String(expected), found: String(found) });
}

function checkPlace(state: AuditState, entry: ChainedEntry, sha256: Sha256): void {
  if (entry.seq !== state.seq + 1) report(state, state.seq + 1, "gap", "sequence number", state.seq + 1, entry.seq);
  if (entry.prev !== state.head) report(state, entry.seq, "chain", "link to the entry before", state.head, entry.prev);
  const { prev, hash, ...rest } = entry;
  const recomputed = chain(sha256, rest satisfies Entry, prev).hash;
  if (recomputed !== hash) report(state, entry.seq, "chain", "hash of the entry", recomputed, hash);
}

/** A further epoch begins with an entry that carries over what the ledger has; no other entry does. */
function checkEpoch(state: AuditState, { epoch, seq, updates }: ChainedEntry): void {
  const carried = updates.find(({ kind }) => kind === "carry_over");
  if (epoch === state.epoch && !carried) return;
  if (epoch !== state.epoch + (carried ? 1 : 0)) report(state, seq, "chain", "epoch", state.epoch, epoch);
  else if (carried && (carried.amount !== state.balance || updates.length > 1)) {
    report(state, seq, "balance", "balance carried over", state.balance, carried.amount);
  }
}

function checkCharge(state: AuditState, entry: ChainedEntry, rateOf: RateLookup): void {
  const { usage, monetization, updates, seq } = entry;
  if (!monetization) {
    const ofCharges: BalanceUpdateKind[] = ["debit", "allowance", "overshoot", "overshoot_refund"];
    if (updates.some(({ kind }) => ofCharges.includes(kind))) {
      report(state, seq, "orphan", "a charge without a monetization event", "none", updates[0]?.id);
    }
    return;
  }
  if (!usage || monetization.usageId !== usage.id) {
    report(state, seq, "orphan", monetization.id, monetization.usageId, usage?.id ?? "none");
    return;
  }
  checkPrice(state, entry, monetization, rateOf);
  const total = (...kinds: BalanceUpdateKind[]): MicroCredits =>
    updates.filter(({ kind }) => kinds.includes(kind)).reduce((amount, update) => amount + update.amount, 0);
  const paid = total("debit", "allowance", "overshoot");
  if (paid !== monetization.amount) report(state, seq, "sum", `who paid ${monetization.id}`, monetization.amount, paid);
  const overshoot = total("overshoot");
  const refunded = total("overshoot_refund");
  if (overshoot !== refunded) report(state, seq, "sum", `overshoot of ${monetization.id}`, overshoot, refunded);
}

/** Prices the usage again. A counted charge may be lower than its price, never higher; a late one and a correction are differences. */
function checkPrice(
  state: AuditState,
  { usage, seq }: ChainedEntry,
  monetization: MonetizationEvent,
  rateOf: RateLookup,
): void {
  if (!usage) return;
  const rate = rateOf(monetization.cardId, monetization.cardVersion, monetization.model);
  const priced = rate ? price(rate, usage.usage) : null;
  if (typeof priced !== "number") {
    report(state, seq, "price", monetization.id, "a rate that prices it", "none");
    return;
  }
  const mayBeLess = usage.estimated || usage.outcome === "late" || usage.outcome === "corrected";
  const right = mayBeLess ? monetization.amount <= priced : monetization.amount === priced;
  if (!right) report(state, seq, "price", monetization.id, priced, monetization.amount);
}

function checkUpdates(state: AuditState, entry: ChainedEntry): void {
  for (const update of entry.updates) {
    const delta = deltaOf(update);
    if (update.delta !== delta) report(state, entry.seq, "sum", `delta of ${update.id}`, delta, update.delta);
    state.balance += update.delta;
    if (update.balanceAfter !== state.balance) {
      report(state, entry.seq, "balance", `running balance at ${update.id}`, state.balance, update.balanceAfter);
      state.balance = update.balanceAfter;
    }
    if (state.balance < 0) report(state, entry.seq, "balance", "balance below zero", 0, state.balance);
    if (update.source !== null && update.delta !== 0) moveGrant(state, entry.seq, update.source, update.delta);
  }
}

/** Every kind of update moves the balance in one way by the whole of its amount, or not at all. */
function deltaOf({ kind, amount }: BalanceUpdate): MicroCredits {
  switch (kind) {
    case "grant":
    case "refund":
    case "overshoot_refund":
      return amount;
    case "debit":
    case "expiry":
    case "void":
    case "overshoot":
      return -amount;
    case "allowance":
    case "none":
    case "carry_over":
      return 0;
  }
}

function moveGrant(state: AuditState, seq: number, grantId: string, delta: MicroCredits): void {
  const left = (state.grants.get(grantId) ?? 0) + delta;
  state.grants.set(grantId, left);
  if (left < 0) report(state, seq, "grant", `grant ${grantId} is overdrawn`, 0, left);
}

/** What an account's object says of itself, to be held against the ledger. */
export interface AccountHead {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
  readonly balance: MicroCredits;
  /** What is left of each open grant, reserved parts included. */
  readonly grants: ReadonlyMap<string, MicroCredits>;
}

/** Compares the audited ledger with the object at the same sequence number. */
export function auditHead(state: AuditState, head: AccountHead): void {
  if (state.seq !== head.seq) report(state, state.seq + 1, "gap", "newest entry in the ledger", head.seq, state.seq);
  if (state.seq !== head.seq) return;
  if (state.epoch !== head.epoch) report(state, head.seq, "chain", "epoch", head.epoch, state.epoch);
  if (state.head !== head.head) report(state, head.seq, "chain", "head of the chain", head.head, state.head);
  const left = [...state.grants.values()].reduce((total, grant) => total + grant, 0);
  if (left !== state.balance) report(state, head.seq, "grant", "what is left of all grants", state.balance, left);
  if (state.balance !== head.balance) report(state, head.seq, "balance", "balance", head.balance, state.balance);
  for (const id of new Set([...state.grants.keys(), ...head.grants.keys()])) {
    const ledger = state.grants.get(id) ?? 0;
    const object = head.grants.get(id) ?? 0;
    if (ledger !== object) report(state, head.seq, "grant", `what is left of grant ${id}`, object, ledger);
  }
}
