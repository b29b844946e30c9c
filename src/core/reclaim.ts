import type { AccountState, Change } from "./account.ts";
import { NO_CHANGE } from "./account.ts";
import { invariant, type MicroCredits, quantity } from "./amount.ts";
import type { Sha256 } from "./event.ts";
import { type Grant, owed } from "./grant.ts";
import { notHeld, takeAway } from "./granting.ts";

/**
 * Takes back `total` of a grant, all former times included, because what was paid for it was paid back: what is left now,
 * and of what requests hold as much as they return. What they use stays used. The same or a smaller total changes
 * nothing, so repetitions and messages out of order are harmless.
 */
export function reclaim(
  state: AccountState,
  grant: Grant,
  total: MicroCredits,
  reason: string,
  now: number,
  sha256: Sha256,
): { grant: Grant; change: Change } {
  invariant(quantity(total, "what is taken back") <= grant.amount, "no more is taken back than was granted");
  if (total <= (grant.reclaimed ?? 0)) return { grant, change: NO_CHANGE };
  const wanted: Grant = { ...grant, reclaimed: total };
  const amount = Math.min(owed(wanted), notHeld(state, grant));
  return takeAway(state, wanted, amount, { reason, reclaimed: total }, now, sha256);
}
