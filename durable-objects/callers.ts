import type { AccountState } from "../src/core/account.ts";
import { hasScope, type Scope } from "../src/core/scope.ts";
import type { AccountTurns } from "./account-turns.ts";
import type * as command from "./commands.ts";
import { isKeyGood, type KeyClaim } from "./key.ts";

export const KEY_REFUSED: command.KeyRefused = { kind: "key_refused" };

/** Gates that count for each key show somebody without one what a key that was never used has. */
export const NO_KEY = "";

/** Why a caller is not served, or `null`. A revoked key is refused from the turn after its revocation. */
export function refuseCaller(
  turns: AccountTurns,
  state: AccountState | null,
  { key, planVersions }: command.Holder,
  needed: Scope,
  now: number,
): command.KeyRefused | command.PlanOutdated | null {
  const refused = refuseKey(turns, state, key, needed, now);
  if (refused || !state) return refused ?? KEY_REFUSED;
  const { id, version } = state.row.plan;
  return (planVersions[id] ?? 0) > version ? { kind: "plan_outdated", planId: id } : null;
}

/** Why a key may not do what `needed` names, or `null`. Without a key the edge answers for the account's holder. */
export function refuseKey(
  turns: AccountTurns,
  state: AccountState | null,
  key: KeyClaim | null,
  needed: Scope,
  now: number,
): command.KeyRefused | null {
  if (!state) return KEY_REFUSED;
  if (key === null) return null;
  if (!isKeyGood(turns.key(key.id), key, now)) return KEY_REFUSED;
  return hasScope(scopesOf(turns, key), needed) ? null : { ...KEY_REFUSED, lacks: needed };
}

/** What the holder may do; `null` is everything. */
export function scopesOf(turns: AccountTurns, key: KeyClaim | null): readonly string[] | null {
  return key === null ? null : (turns.key(key.id)?.scopes ?? null);
}
