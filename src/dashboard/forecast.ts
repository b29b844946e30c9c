import type { AllowanceView } from "../core/account-view.ts";
import type { MicroCredits } from "../core/amount.ts";
import { type Grant, remaining } from "../core/grant.ts";
import type { Burn } from "../ledger/burn.ts";

const DAY_MS = 24 * 3_600_000;

/** How far back the pace looks. */
export const PACE_DAYS = 7;

/** The newest part of a busy account's use tells its pace from so long on. */
const MOMENT_MS = 60_000;

/** Credits a day that grants pay, as of late; use that began today counts as a whole day's. */
export function paceOf({ amount, firstAt, complete }: Burn, now: number): MicroCredits {
  if (firstAt === null) return 0;
  const span = Math.min(PACE_DAYS * DAY_MS, Math.max(complete ? DAY_MS : MOMENT_MS, now - firstAt));
  return Math.round((amount / span) * DAY_MS);
}

/** What becomes of the credits if they go on being used at the same pace. */
export interface Forecast {
  /** When nothing is left (epoch ms); `null` when that is more than a year away, or nothing is used. */
  readonly exhaustedAt: number | null;
  /** What will expire before it is used, by grant. */
  readonly lapsing: readonly { readonly id: string; readonly amount: MicroCredits; readonly at: number }[];
}

const HORIZON_MS = 366 * DAY_MS;

/** Burns `grants`, which are in burn order, at `perDay` from `now` on. */
export function forecast(grants: readonly Grant[], perDay: MicroCredits, now: number): Forecast {
  if (perDay <= 0) return { exhaustedAt: null, lapsing: [] };
  const left = grants
    .filter(({ voidedAt, expiresAt }) => voidedAt === null && (expiresAt === null || now < expiresAt))
    .map((grant) => ({ grant, amount: remaining(grant) }))
    .filter(({ amount }) => amount > 0);
  const lapsing: { id: string; amount: MicroCredits; at: number }[] = [];
  const until = now + HORIZON_MS;
  for (let at = now; at < until; ) {
    const burning = left.find(({ grant, amount }) => amount >= 1 && isOpen(grant, at));
    if (!burning) return { exhaustedAt: left.length > 0 ? at : null, lapsing };
    const usedUpAt = at + (burning.amount / perDay) * DAY_MS;
    const next = Math.min(usedUpAt, nextChange(left, at), until);
    burning.amount = next === usedUpAt ? 0 : burning.amount - ((next - at) / DAY_MS) * perDay;
    at = next;
    for (const one of left) {
      if (one.grant.expiresAt === null || one.grant.expiresAt > at || one.amount < 1) continue;
      lapsing.push({ id: one.grant.id, amount: Math.round(one.amount), at: one.grant.expiresAt });
      one.amount = 0;
    }
  }
  return { exhaustedAt: null, lapsing };
}

function isOpen({ effectiveAt, expiresAt }: Grant, at: number): boolean {
  return effectiveAt <= at && (expiresAt === null || at < expiresAt);
}

/** The next instant after `at` at which a grant begins or ends. */
function nextChange(left: readonly { readonly grant: Grant }[], at: number): number {
  const instants = left.flatMap(({ grant }) => [grant.effectiveAt, grant.expiresAt ?? Number.POSITIVE_INFINITY]);
  return Math.min(...instants.filter((instant) => instant > at));
}

type Window = AllowanceView["windows"][number];

/** When a window will be full at the pace since its start (epoch ms); `null` when it resets before, or moves along. */
export function fullAt({ rule, used, startedAt, resetsAt }: Window, now: number): number | null {
  if (rule.kind === "sliding" || startedAt === null || resetsAt === null || used <= 0 || used >= rule.limit)
    return null;
  const elapsed = now - startedAt;
  // What the first moments of a window say of its rest is chance.
  if (elapsed < rule.periodMs / 20) return null;
  const at = startedAt + elapsed * (rule.limit / used);
  return at < resetsAt ? Math.round(at) : null;
}
