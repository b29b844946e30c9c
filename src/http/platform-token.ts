import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { TokenConfig } from "../env.ts";

/** Who the platform's own sign-in says is there. */
export interface PlatformIdentity {
  readonly accountId: string;
  /** When the token ends (epoch ms). */
  readonly until: number;
}

/** Signatures with a private key only: with a shared secret, or without any, whoever can check a token could make one. */
const ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];
const JWKS_TIMEOUT_MS = 5_000;
/** Unknown key ids ask for the keys again at most this often. */
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_KEPT_MS = 10 * 60_000;
const CLOCKS_APART_S = 30;
const ACCOUNT_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

const keySets = new WeakMap<TokenConfig, JWTVerifyGetKey>();

/**
 * Checks a token of the platform: its signature, issuer, audience and times. `null` when it does not stand or names no
 * account; throws when the platform's keys cannot be had.
 */
export async function readPlatformToken(config: TokenConfig, token: string): Promise<PlatformIdentity | null> {
  try {
    const { payload } = await jwtVerify(token, keySetOf(config), {
      issuer: config.issuer,
      audience: config.audience,
      algorithms: ALGORITHMS,
      requiredClaims: ["exp", config.accountClaim],
      clockTolerance: CLOCKS_APART_S,
    });
    const accountId = payload[config.accountClaim];
    if (typeof accountId !== "string" || !ACCOUNT_ID.test(accountId) || payload.exp === undefined) return null;
    return { accountId, until: payload.exp * 1_000 };
  } catch (error) {
    if (error instanceof errors.JOSEError && !isUnreachable(error)) return null;
    throw error;
  }
}

function keySetOf(config: TokenConfig): JWTVerifyGetKey {
  const known = keySets.get(config);
  if (known) return known;
  const keySet = createRemoteJWKSet(new URL(config.jwksUrl), {
    timeoutDuration: JWKS_TIMEOUT_MS,
    cooldownDuration: JWKS_COOLDOWN_MS,
    cacheMaxAge: JWKS_KEPT_MS,
  });
  keySets.set(config, keySet);
  return keySet;
}

/** The plain class is what is thrown for an answer that is no key set. */
function isUnreachable(error: errors.JOSEError): boolean {
  return (
    error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error.code === "ERR_JOSE_GENERIC"
  );
}
