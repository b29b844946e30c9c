import type { AccountState, Change } from "./account.ts";
import { heldOfGrant, NO_CHANGE } from "./account.ts";
import { invariant, type MicroCredits, quantity } from "./amount.ts";
import type { GrantTerms, Reason, Sha256 } from "./event.ts";
import { type Grant, type GrantKind, owed, remaining } from "./grant.ts";
import { type UpdateDraft, writeEntry } from "./journal.ts";

export interface GrantCommand {
  readonly id: string;
  readonly kind: GrantKind;
  readonly amount: MicroCredits;
  readonly priority: number;
  readonly effectiveAt: number;
  readonly expiresAt: number | null;
  readonly features: readonly string[] | null;
  readonly reason: string;
}

/** The most an account can hold, far within what an integer can count. */
export const MOST_BALANCE: MicroCredits = 4_000_000_000_000_000;

/** Whether the account can hold `amount` more. */
export function canHold(state: AccountState, amount: MicroCredits): boolean {
  return state.row.balance + amount <= MOST_BALANCE;
}

/** Adds a grant to the account. The caller has checked that its id is new and that the account can hold it. */
export function addGrant(
  state: AccountState,
  command: GrantCommand,
  now: number,
  sha256: Sha256,
): { grant: Grant; change: Change } {
  const { id, amount, ...terms } = command;
  invariant(quantity(amount, "a grant") > 0 && canHold(state, amount), "a grant is above zero and can be held");
  const detail: GrantTerms = terms;
  const { row, entry } = writeEntry(
    state.row,
    {
      usage: null,
      monetization: null,
      updates: [{ kind: "grant", source: id, amount, delta: amount, cause: id, detail }],
    },
    now,
    sha256,
  );
  const grant: Grant = { ...command, createdAt: now, createdSeq: entry.seq, used: 0, lapsed: 0, voidedAt: null };
  return { grant, change: { ...NO_CHANGE, row, grants: [grant], entries: [entry] } };
}

/** Whether a repeated command asks for the grant that exists. The effective instant may have been filled in anew. */
export function sameTerms(grant: Grant, command: GrantCommand): boolean {
  return (
    grant.kind === command.kind &&
    grant.amount === command.amount &&
    grant.priority === command.priority &&
    grant.expiresAt === command.expiresAt &&
    grant.reason === command.reason &&
    JSON.stringify(grant.features) === JSON.stringify(command.features)
  );
}

/**
 * What is left of a grant that has ended and is not held by a request, or what is owed of one that has not. Held parts
 * stay good until they end.
 */
function lapsing(state: AccountState, grant: Grant, now: number): MicroCredits {
  const free = remaining(grant) - heldOfGrant(state, grant.id);
  return grant.voidedAt !== null || hasExpired(grant, now) ? free : Math.min(free, owed(grant));
}

function hasExpired({ expiresAt }: Grant, now: number): boolean {
  return expiresAt !== null && expiresAt <= now;
}

/** Takes away what is left of every grant that has expired or was voided, and what is owed; `null` without any. */
export function lapseGrants(state: AccountState, now: number, sha256: Sha256): Change | null {
  const grants: Grant[] = [];
  const updates: UpdateDraft[] = [];
  // In the order in which they burn: the same account always writes the same entry.
  for (const grant of state.grants.values()) {
    const amount = lapsing(state, grant, now);
    if (amount <= 0) continue;
    grants.push({ ...grant, lapsed: grant.lapsed + amount });
    const kind = grant.voidedAt === null && hasExpired(grant, now) ? "expiry" : "void";
    updates.push({ kind, source: grant.id, amount, delta: -amount, cause: grant.id });
  }
  if (updates.length === 0) return null;
  const { row, entry } = writeEntry(state.row, { usage: null, monetization: null, updates }, now, sha256);
  return { ...NO_CHANGE, row, grants, entries: [entry] };
}

/**
 * Voids a grant: what is left of it and not held is taken away now, the rest when the requests that hold it have ended.
 * Voiding it again changes nothing.
 */
export function voidGrant(
  state: AccountState,
  grant: Grant,
  reason: string,
  now: number,
  sha256: Sha256,
): { grant: Grant; change: Change } {
  if (grant.voidedAt !== null) return { grant, change: NO_CHANGE };
  return takeAway(state, { ...grant, voidedAt: now }, notHeld(state, grant), { reason }, now, sha256);
}

/** What is left of a grant and no request holds. */
export function notHeld(state: AccountState, grant: Grant): MicroCredits {
  return remaining(grant) - heldOfGrant(state, grant.id);
}

/** Takes `amount` of a grant for good. Where nothing can be taken yet, what was done and why is written all the same. */
export function takeAway(
  state: AccountState,
  grant: Grant,
  amount: MicroCredits,
  detail: Reason,
  now: number,
  sha256: Sha256,
): { grant: Grant; change: Change } {
  const taken: Grant = { ...grant, lapsed: grant.lapsed + amount };
  const cause = grant.id;
  const update: UpdateDraft =
    amount > 0
      ? { kind: "void", source: grant.id, amount, delta: -amount, cause, detail }
      : { kind: "none", source: null, amount: 0, delta: 0, cause, detail };
  const { row, entry } = writeEntry(state.row, { usage: null, monetization: null, updates: [update] }, now, sha256);
  return { grant: taken, change: { ...NO_CHANGE, row, grants: [taken], entries: [entry] } };
}
