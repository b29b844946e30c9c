import type { StoredKey } from "../../durable-objects/account-rows.ts";
import type { KeyRefused, OwnKeyReply, OwnKeyRevoked } from "../../durable-objects/commands.ts";
import type { Scope } from "../core/scope.ts";
import type { AccountHolder } from "./account-access.ts";
import { mintApiKey } from "./api-key.ts";
import { keyRefusal } from "./authentication.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

export type ShownKey = Omit<StoredKey, "digest">;

/** A new key. `text` is told once and kept by nobody here. */
export interface NewKey extends ShownKey {
  readonly text: string;
}

export interface KeyTerms {
  readonly name: string | null;
  /** `null` is everything. */
  readonly scopes: readonly Scope[] | null;
  /** Epoch ms. */
  readonly expiresAt: number | null;
}

/** A key that took over from another one, which works on until `oldExpiresAt`. */
export interface RolledKey extends NewKey {
  readonly oldExpiresAt: number | null;
}

/** Makes a key for the account's holder. Throws {@link HttpFault}. */
export async function makeOwnKey(c: HttpContext, holder: AccountHolder, terms: KeyTerms): Promise<NewKey> {
  const { key, text } = mint(c, holder, terms);
  await add(c, holder, key, undefined);
  return { ...key, text };
}

/**
 * Makes a key with the name, the scopes and the length of life of another one, which ends after `overlapMs`: long enough
 * to change it wherever it is used. Throws {@link HttpFault}.
 */
export async function rollOwnKey(
  c: HttpContext,
  holder: AccountHolder,
  keyId: string,
  overlapMs: number,
): Promise<RolledKey> {
  const old = (await c.var.services.accounts.keys(holder.accountId)).find(({ id }) => id === keyId);
  if (!old) throw unknownKey();
  const now = Date.now();
  // Rolled once more, because the first answer was lost perhaps, its own end is that of the overlap.
  const { expiresAt } = old.unrolled ?? old;
  const life = expiresAt === null ? null : expiresAt - old.createdAt;
  const { key, text } = mint(c, holder, {
    name: old.name,
    scopes: old.scopes,
    expiresAt: life === null ? null : now + life,
  });
  const replaced = await add(c, holder, key, { id: keyId, expiresAt: now + overlapMs });
  return { ...key, text, oldExpiresAt: replaced?.expiresAt ?? null };
}

/** Revokes a key of the account, which may be the caller's own. Throws {@link HttpFault}. */
export async function revokeOwnKey(c: HttpContext, holder: AccountHolder, keyId: string): Promise<void> {
  const reply = await c.var.services.accounts.revokeOwnKey(holder.accountId, asHolder(holder), keyId);
  if (isRefused(reply)) throw keyRefusal(reply);
  if (reply.kind === "unknown_key") throw unknownKey();
}

function mint(
  c: HttpContext,
  { accountId }: AccountHolder,
  terms: Omit<KeyTerms, "scopes"> & Pick<StoredKey, "scopes">,
) {
  const { keyId, digest, text } = mintApiKey(c.var.services.config.keySecret, accountId);
  const key: StoredKey = { id: keyId, digest, ...terms, createdAt: Date.now(), revokedAt: null };
  return { key, text };
}

async function add(
  c: HttpContext,
  holder: AccountHolder,
  key: StoredKey,
  replaces: { id: string; expiresAt: number } | undefined,
) {
  const request = { holder: asHolder(holder), key, ...(replaces ? { replaces } : {}) };
  const reply = await c.var.services.accounts.addOwnKey(holder.accountId, request);
  if (reply.kind === "added") return reply.replaced;
  throw refusalOf(reply);
}

function refusalOf(reply: Exclude<OwnKeyReply, { kind: "added" }>): HttpFault {
  switch (reply.kind) {
    case "key_refused":
      return keyRefusal(reply);
    case "too_many_keys":
      return new HttpFault(
        409,
        "too_many_keys",
        `An account has at most ${reply.most} keys at a time; revoke one first.`,
      );
    case "unknown_key":
      return unknownKey();
    case "beyond_scopes":
      return new HttpFault(
        403,
        "missing_scope",
        "A key cannot be given scopes that the one asking for it does not have.",
      );
  }
}

function asHolder({ key }: AccountHolder) {
  return { key, planVersions: {} };
}

function isRefused(reply: OwnKeyRevoked): reply is KeyRefused {
  return reply.kind === "key_refused";
}

function unknownKey(): HttpFault {
  return new HttpFault(404, "key_not_found", "There is no such key in this account, or it has ended.");
}
