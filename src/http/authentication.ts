import { timingSafeEqual } from "node:crypto";
import type { KeyRefused } from "../../durable-objects/commands.ts";
import type { KeyClaim } from "../../durable-objects/key.ts";
import { sha256Hex } from "../sha256.ts";
import type { HttpContext } from "./context.ts";
import { isToldApart, noteFailure, waitAt } from "./failed-attempts.ts";
import { HttpFault } from "./fault.ts";

/** Who asks, by a key that was minted here. Whether it still stands is for the account's object to say. */
export interface Identity {
  readonly accountId: string;
  readonly key: KeyClaim;
}

/** The caller of a client-facing or self-service route. Throws {@link HttpFault}. */
export function identify(c: HttpContext): Identity {
  const token = bearer(c.req.header("authorization"));
  const key = token === null ? null : c.var.services.keys.read(token);
  if (!key) throw invalidKey();
  return { accountId: key.accountId, key: { id: key.keyId, digest: key.digest } };
}

/**
 * Lets only the operator pass. An address that has sent too many wrong tokens is refused whatever it sends, so that
 * trying on tells nothing. Throws {@link HttpFault}.
 */
export function requireOperator(c: HttpContext): void {
  const token = bearer(c.req.header("authorization"));
  const wait = token === null ? 0 : waitAt(c, "operator");
  const mayPass = wait === 0 || !isToldApart(c);
  if (token !== null && mayPass && isAdminToken(c, token)) return;
  if (wait > 0) throw tooManyAttempts(wait);
  if (token !== null) noteFailure(c, "operator");
  throw new HttpFault(401, "invalid_admin_token", "Send the operator's token as `Authorization: Bearer …`.");
}

function tooManyAttempts(waitSeconds: number): HttpFault {
  const message = "Too many wrong tokens came from your address. Try again later.";
  return new HttpFault(429, "too_many_attempts", message, { "retry-after": String(waitSeconds) });
}

/** Whether `token` is the operator's. */
export function isAdminToken(c: HttpContext, token: string): boolean {
  const expected = sha256Hex(c.var.services.config.adminToken);
  // Digests have one length, so the comparison tells nothing about the token's.
  return timingSafeEqual(new TextEncoder().encode(sha256Hex(token)), new TextEncoder().encode(expected));
}

function invalidKey(): HttpFault {
  return new HttpFault(
    401,
    "invalid_api_key",
    "The API key is missing or not valid. Send a current Spillway key as `Authorization: Bearer sk-spill-…`.",
  );
}

/** What to tell the caller whose key the account's object has refused. */
export function keyRefusal({ lacks }: KeyRefused): HttpFault {
  if (lacks === undefined) return invalidKey();
  return new HttpFault(403, "missing_scope", `This API key may not do that: it lacks the scope "${lacks}".`);
}

/** The token of a bearer header; `null` without one. Two headers arrive joined by a comma and are ambiguous. */
function bearer(header: string | undefined): string | null {
  if (header === undefined) return null;
  if (header.includes(",")) throw new HttpFault(400, "ambiguous_auth", "Send exactly one Authorization header.");
  const match = /^bearer ([\x21-\x7e]+)$/i.exec(header);
  return match?.[1] ?? null;
}
