import { type AccountState, applyChange, type Change, heldOfGrant } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import { periodAt } from "./calendar.ts";
import type { ChainedEntry, Sha256 } from "./event.ts";
import { type Grant, remaining } from "./grant.ts";
import { addGrant, canHold, lapseGrants } from "./granting.ts";
import type { Entitlement } from "./plan.ts";

/** When the next entitlement of the account is due (epoch ms); `null` when its plan has none. */
export function nextRenewalAt(state: AccountState, now: number): number | null {
  let next: number | null = null;
  for (const entitlement of state.row.plan.entitlements) {
    const at = isDue(state, entitlement, now) ? now : periodAt(entitlement.period, now).end;
    next = Math.min(next ?? at, at);
  }
  return next;
}

/** Whether an entitlement of the present period was not granted yet. */
export function isRenewalDue(state: AccountState, now: number): boolean {
  return state.row.plan.entitlements.some((entitlement) => isDue(state, entitlement, now));
}

/** A clock that goes back over the edge of a period grants nothing again. */
function isDue({ row }: AccountState, { id, period }: Entitlement, now: number): boolean {
  const before = row.renewals[id];
  return before === undefined || before < periodAt(period, now).start;
}

/**
 * Grants what the plan entitles to in the present period, once per period; `null` when nothing is due. What was left of
 * the period before lapses at its end; up to the cap it is granted again for one more period.
 */
export function renewEntitlements(state: AccountState, now: number, sha256: Sha256): Change | null {
  const due = state.row.plan.entitlements.filter((entitlement) => isDue(state, entitlement, now));
  if (due.length === 0) return null;
  // Each step builds on the one before, on a copy: the caller stores all of it as one change.
  const draft: AccountState = { ...state, grants: new Map(state.grants) };
  const grants = new Map<string, Grant>();
  const entries: ChainedEntry[] = [];
  const take = (change: Change | null): void => {
    if (!change) return;
    for (const grant of change.grants) grants.set(grant.id, grant);
    entries.push(...change.entries);
    applyChange(draft, change);
  };
  for (const entitlement of due) renew(draft, entitlement, now, sha256, take);
  return { row: draft.row, grants: [...grants.values()], reservations: [], entries };
}

function renew(
  draft: AccountState,
  entitlement: Entitlement,
  now: number,
  sha256: Sha256,
  take: (change: Change | null) => void,
): void {
  const { id, period, amount, rolloverCap } = entitlement;
  const present = periodAt(period, now);
  const before = draft.row.renewals[id];
  const left = before === undefined ? 0 : leftOver(draft, grantId(sha256, draft.row.id, id, before, ""));
  take(lapseGrants(draft, now, sha256));
  const grant = (part: "" | "rollover", granted: MicroCredits, reason: string): void => {
    // What the account cannot hold is not granted: an entitlement must not stop the account.
    if (granted === 0 || !canHold(draft, granted)) return;
    const command = {
      id: grantId(sha256, draft.row.id, id, present.start, part),
      kind: "entitlement" as const,
      amount: granted,
      priority: entitlement.priority,
      effectiveAt: present.start,
      expiresAt: present.end,
      features: entitlement.features,
      reason,
    };
    take(addGrant(draft, command, now, sha256).change);
  };
  grant("rollover", Math.min(left, rolloverCap), `${id}: rolled over`);
  grant("", amount, `${id}: renewed`);
  draft.row = { ...draft.row, renewals: { ...draft.row.renewals, [id]: present.start } };
}

/** Whether a grant, by its terms in the ledger, was made by a plan and not by an operator. */
export function isRenewal({ kind, reason }: { readonly kind: string; readonly reason: string }): boolean {
  return kind === "entitlement" && /: (?:renewed|rolled over)$/.test(reason);
}

/** Which entitlement a grant has renewed, and from when its period is; `null` for one that no plan has made. */
export function renewalOf(
  sha256: Sha256,
  accountId: string,
  { id, kind, effectiveAt, reason }: Pick<Grant, "id" | "kind" | "effectiveAt" | "reason">,
): { readonly entitlement: string; readonly start: number } | null {
  if (!isRenewal({ kind, reason })) return null;
  const entitlement = reason.slice(0, reason.lastIndexOf(": "));
  const known = (["", "rollover"] as const).some(
    (part) => grantId(sha256, accountId, entitlement, effectiveAt, part) === id,
  );
  return known ? { entitlement, start: effectiveAt } : null;
}

/** What lapses of a period's grant; held parts stay with their requests and do not roll over. */
function leftOver(draft: AccountState, id: string): MicroCredits {
  const grant = draft.grants.get(id);
  return grant ? remaining(grant) - heldOfGrant(draft, id) : 0;
}

/** The same period of the same entitlement of the same account is always the same grant. */
function grantId(sha256: Sha256, accountId: string, entitlementId: string, start: number, part: string): string {
  return `grt_${sha256(`entitlement|${accountId}|${entitlementId}|${start}|${part}`).slice(0, 32)}`;
}
