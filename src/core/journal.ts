import type { AccountRow } from "./account.ts";
import { invariant, type MicroCredits, sum } from "./amount.ts";
import {
  type BalanceUpdate,
  type BalanceUpdateKind,
  balanceUpdateId,
  type ChainedEntry,
  chain,
  ENTRY_VERSION,
  type GrantTerms,
  type MonetizationEvent,
  type Reason,
  type Sha256,
  type UsageEvent,
} from "./event.ts";

/** A balance update before it has its place: no id, position or running balance yet. */
export interface UpdateDraft {
  readonly kind: BalanceUpdateKind;
  readonly source: string | null;
  readonly amount: MicroCredits;
  readonly delta: MicroCredits;
  readonly cause: string;
  readonly detail?: GrantTerms | Reason;
}

export interface EntryDraft {
  readonly usage: UsageEvent | null;
  readonly monetization: MonetizationEvent | null;
  readonly updates: readonly UpdateDraft[];
}

/**
 * Writes the next entry of an account: numbers it, carries the balance through its updates and links its hash.
 * Returns the entry and the account row after it.
 */
export function writeEntry(
  row: AccountRow,
  draft: EntryDraft,
  at: number,
  sha256: Sha256,
): { entry: ChainedEntry; row: AccountRow } {
  invariant(draft.updates.length > 0, "every entry has at least one balance update");
  const seq = row.seq + 1;
  let balance = row.balance;
  const updates: BalanceUpdate[] = draft.updates.map((update, draw) => {
    balance += update.delta;
    invariant(Number.isSafeInteger(balance), "a balance left the range of safe integers");
    return {
      id: balanceUpdateId(row.id, row.epoch, seq, draw),
      draw,
      kind: update.kind,
      source: update.source,
      amount: update.amount,
      delta: update.delta,
      balanceAfter: balance,
      cause: update.cause,
      detail: update.detail ?? null,
    };
  });
  invariant(balance >= 0, "a balance is never below zero");
  const { usage, monetization } = draft;
  const entry = chain(
    sha256,
    { v: ENTRY_VERSION, accountId: row.id, epoch: row.epoch, seq, at, usage, monetization, updates },
    row.head,
  );
  const amountOf = (kind: BalanceUpdateKind) => sum(updates.filter((u) => u.kind === kind).map((u) => u.amount));
  const used = row.used + amountOf("debit") - amountOf("refund");
  return { entry, row: { ...row, seq, head: entry.hash, balance, used } };
}
