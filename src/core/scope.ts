/**
 * What a key may be used for: requests to models, looking at the account, changing what belongs to it (keys, payments,
 * alerts). A key without scopes may do all of it.
 */
export const SCOPES = ["inference", "read", "manage"] as const;
export type Scope = (typeof SCOPES)[number];

/** Whether a key with these scopes may do what `needed` names. */
export function hasScope(scopes: readonly string[] | null, needed: Scope): boolean {
  return scopes === null || scopes.includes(needed);
}

/** Whether a key with `scopes` may hand on `wanted`: nobody gives what they do not have. */
export function coversScopes(scopes: readonly string[] | null, wanted: readonly string[] | null): boolean {
  if (scopes === null) return true;
  return wanted?.every((scope) => scopes.includes(scope)) ?? false;
}
