import { invariant, type MicroCredits } from "./amount.ts";

export const GRANT_KINDS = ["entitlement", "promotional", "paid", "adjustment"] as const;

export type GrantKind = (typeof GRANT_KINDS)[number];

/** An allotment of credits. Its terms never change; `used` moves by settlements and refunds. */
export interface Grant {
  readonly id: string;
  readonly kind: GrantKind;
  readonly amount: MicroCredits;
  readonly priority: number;
  readonly effectiveAt: number;
  readonly expiresAt: number | null;
  /** The features it can pay for; `null` pays for all. */
  readonly features: readonly string[] | null;
  readonly reason: string;
  readonly createdAt: number;
  /** The sequence number of the journal entry that created it: breaks ties, so that the burn order is total. */
  readonly createdSeq: number;
  readonly used: MicroCredits;
  /** What was taken away unused, by expiry or because the grant was voided. */
  readonly lapsed: MicroCredits;
  /** When an operator voided it; nothing is drawn from it after that. */
  readonly voidedAt: number | null;
  /** How much of it is taken back in all, because what was paid for it was paid back. */
  readonly reclaimed?: MicroCredits;
}

/** What is left of a grant, reserved parts included. */
export function remaining(grant: Grant): MicroCredits {
  const left = grant.amount - grant.used - grant.lapsed;
  invariant(left >= 0, `grant ${grant.id} is overdrawn`);
  return left;
}

/** Whether what was used and taken away of a grant fits into it. */
export function isSound({ amount, used, lapsed }: Grant): boolean {
  return used >= 0 && lapsed >= 0 && used + lapsed <= amount;
}

/** What is to be taken back of a grant and was not yet, because requests hold it or have used it. */
export function owed({ reclaimed = 0, lapsed }: Grant): MicroCredits {
  return Math.max(0, reclaimed - lapsed);
}

/** Whether new draws may be taken from the grant at `now`. */
export function isLive(grant: Grant, now: number): boolean {
  if (grant.voidedAt !== null || now < grant.effectiveAt || owed(grant) > 0) return false;
  return grant.expiresAt === null || now < grant.expiresAt;
}

const PAID_LAST: Readonly<Record<GrantKind, number>> = { entitlement: 0, promotional: 0, adjustment: 1, paid: 1 };

/**
 * The order in which grants are burnt, total: smaller priority, earlier expiry (none last), promotional and
 * entitlement before paid, earlier effective, earlier created, id.
 */
export function burnOrder(a: Grant, b: Grant): number {
  return (
    a.priority - b.priority ||
    compareExpiry(a.expiresAt, b.expiresAt) ||
    PAID_LAST[a.kind] - PAID_LAST[b.kind] ||
    a.effectiveAt - b.effectiveAt ||
    a.createdAt - b.createdAt ||
    a.createdSeq - b.createdSeq ||
    (a.id < b.id ? -1 : 1)
  );
}

function compareExpiry(a: number | null, b: number | null): number {
  if (a === b) return 0;
  if (a === null) return 1;
  return b === null ? -1 : a - b;
}
