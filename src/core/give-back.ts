import { invariant, type MicroCredits } from "./amount.ts";
import type { Sha256 } from "./event.ts";
import { type Grant, owed, remaining } from "./grant.ts";
import type { UpdateDraft } from "./journal.ts";

/** What a grant paid of a charge. */
export interface Payer {
  readonly source: string;
  readonly amount: MicroCredits;
}

/** Credits that go back to those who paid, by whose act and why. */
export interface GiveBack {
  /** Names the act; the grant that may take the place of an ended one is named after it. */
  readonly id: string;
  readonly amount: MicroCredits;
  /** What went back before, of the same payers. */
  readonly before: MicroCredits;
  readonly at: number;
  /** The monetization event whose charge it undoes. */
  readonly cause: string;
  readonly reason: string;
  /** The number of the entry that will say so. */
  readonly seq: number;
}

/** The changed grants and what the journal says of them. */
export interface GivenBack {
  readonly grants: readonly Grant[];
  readonly updates: readonly UpdateDraft[];
}

/**
 * Gives credits back to the grants that paid, last payer first. It undoes use and grants nothing new, so what was granted
 * stays what it was; only for what a grant paid that has ended since, an adjustment grant takes its place. What was paid
 * back for a grant is given to no other: it goes to that grant, and is taken away with what is left of it. `grantOf` finds
 * a paying grant, also one that is used up.
 */
export function giveBack(
  payers: readonly Payer[],
  act: GiveBack,
  grantOf: (id: string) => Grant | null,
  sha256: Sha256,
): GivenBack {
  const { amount, before, at, cause, reason } = act;
  // A grant may have paid more than once.
  const changed = new Map<string, Grant>();
  const updates: UpdateDraft[] = [];
  let left = amount;
  let lost = 0;
  for (const { source, room } of roomOf(payers, before)) {
    const part = Math.min(left, room);
    if (part === 0) continue;
    const grant = changed.get(source) ?? grantOf(source);
    invariant(grant !== null && grant.used >= part, `grant ${source} did not pay what is given back`);
    left -= part;
    const undone = hasEnded(grant, at) ? Math.min(part, stillOwed(grant)) : part;
    lost += part - undone;
    if (undone === 0) continue;
    changed.set(source, { ...grant, used: grant.used - undone });
    updates.push({ kind: "refund", source, amount: undone, delta: undone, cause, detail: { reason } });
  }
  invariant(left === 0, "what is given back was paid");
  if (lost > 0) {
    const grant = replacementOf(act, lost, sha256);
    const { id, kind, priority, effectiveAt, expiresAt, features } = grant;
    const detail = { kind, priority, effectiveAt, expiresAt, features, reason };
    changed.set(id, grant);
    updates.push({ kind: "grant", source: id, amount: lost, delta: lost, cause, detail });
  }
  return { grants: [...changed.values()], updates };
}

/** What each payer can still take back, last payer first, after what went back before. */
function roomOf(payers: readonly Payer[], before: MicroCredits): { source: string; room: MicroCredits }[] {
  let gone = before;
  return [...payers].reverse().map(({ source, amount }) => {
    const back = Math.min(gone, amount);
    gone -= back;
    return { source, room: amount - back };
  });
}

/** What is to be taken back of a grant beyond what is left of it. */
function stillOwed(grant: Grant): MicroCredits {
  return Math.max(0, owed(grant) - remaining(grant));
}

function hasEnded({ voidedAt, expiresAt }: Grant, at: number): boolean {
  return voidedAt !== null || (expiresAt !== null && expiresAt <= at);
}

const REPLACEMENT_PRIORITY = 50;

function replacementOf({ id, at, reason, seq }: GiveBack, amount: MicroCredits, sha256: Sha256): Grant {
  return {
    id: `grt_${sha256(`given back|${id}`).slice(0, 32)}`,
    kind: "adjustment",
    amount,
    priority: REPLACEMENT_PRIORITY,
    effectiveAt: at,
    expiresAt: null,
    features: null,
    reason,
    createdAt: at,
    createdSeq: seq,
    used: 0,
    lapsed: 0,
    voidedAt: null,
  };
}
