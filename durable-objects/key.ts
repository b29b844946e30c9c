import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { StoredKey } from "./account-rows.ts";

/** What a request shows of its key: the id, and the SHA-256 (hex) of its secret. */
export interface KeyClaim {
  readonly id: string;
  readonly digest: string;
}

/** Whether the key may be used at `now`. Unknown, wrong, revoked and expired look the same from outside. */
export function isKeyGood(stored: StoredKey | null, claim: KeyClaim, now: number): boolean {
  const expected = stored?.digest ?? "0".repeat(64);
  const same = equalDigests(expected, claim.digest);
  if (!stored || !same || stored.revokedAt !== null) return false;
  return stored.expiresAt === null || now < stored.expiresAt;
}

function equalDigests(a: string, b: string): boolean {
  const left = Buffer.from(a, "hex");
  const right = Buffer.from(b, "hex");
  return left.length === right.length && timingSafeEqual(left, right);
}
