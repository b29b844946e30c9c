import type { AccountState } from "../src/core/account.ts";
import { coversScopes } from "../src/core/scope.ts";
import type { StoredKey } from "./account-rows.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import { KEY_REFUSED, refuseKey, scopesOf } from "./callers.ts";
import type * as command from "./commands.ts";

/** Keys that an account's holder can have at the same time. */
const KEYS_MOST = 50;

/** Adds a key for the account's holder; with `replaces`, another key ends soon after, in the same turn. Repeatable. */
export function addOwnKey(turns: AccountTurns, request: command.OwnKeyRequest): command.OwnKeyReply {
  const reply = turns.run<command.OwnKeyReply>((state, now) => only(add(turns, state, request, now)));
  turns.forgetKeys();
  return reply;
}

function add(
  turns: AccountTurns,
  state: AccountState | null,
  { holder, key, replaces }: command.OwnKeyRequest,
  now: number,
): command.OwnKeyReply {
  const refused = refuseKey(turns, state, holder.key, "manage", now);
  if (refused || !state) return refused ?? KEY_REFUSED;
  const { store } = turns;
  if (store.key(key.id)?.digest === key.digest)
    return { kind: "added", replaced: replaced(store.key(replaces?.id ?? "")) };
  if (!coversScopes(scopesOf(turns, holder.key), key.scopes)) return { kind: "beyond_scopes" };
  const live = store.keys().filter((one) => isLive(one, now));
  const old = replaces && live.find(({ id }) => id === replaces.id);
  if (replaces && !old) return { kind: "unknown_key" };
  if (live.length >= KEYS_MOST) return { kind: "too_many_keys", most: KEYS_MOST };
  store.addKey(key);
  if (replaces) store.rollKey(replaces.id, replaces.expiresAt);
  return { kind: "added", replaced: replaced(store.key(replaces?.id ?? "")) };
}

/** Revokes a key for the account's holder, which may be the key itself. */
export function revokeOwnKey(turns: AccountTurns, holder: command.Holder, keyId: string): command.OwnKeyRevoked {
  const reply = turns.run<command.OwnKeyRevoked>((state, now) => {
    const refused = refuseKey(turns, state, holder.key, "manage", now);
    if (refused) return only(refused);
    return only({ kind: turns.store.revokeKey(keyId, now) ? "revoked" : "unknown_key" });
  });
  turns.forgetKeys();
  return reply;
}

function isLive({ revokedAt, expiresAt }: StoredKey, now: number): boolean {
  return revokedAt === null && (expiresAt === null || now < expiresAt);
}

function replaced(key: StoredKey | null): { id: string; expiresAt: number | null } | null {
  return key && { id: key.id, expiresAt: key.expiresAt };
}
