import type { AccountState } from "../src/core/account.ts";
import type { AccountTurns } from "./account-turns.ts";
import type * as command from "./commands.ts";
import { isKeyGood } from "./key.ts";

export const KEY_REFUSED: command.KeyRefused = { kind: "key_refused" };

/** Why a caller is not served, or `null`. A revoked key is refused from the turn after its revocation. */
export function refuseCaller(
  turns: AccountTurns,
  state: AccountState | null,
  { key, planVersions }: command.Caller,
  now: number,
): command.KeyRefused | command.PlanOutdated | null {
  if (!isKeyGood(turns.key(key.id), key, now) || !state) return KEY_REFUSED;
  const { id, version } = state.row.plan;
  return (planVersions[id] ?? 0) > version ? { kind: "plan_outdated", planId: id } : null;
}
