import { timingSafeEqual } from "node:crypto";
import { nanoid } from "nanoid";
import * as z from "zod";
import type { KeyClaim } from "../../durable-objects/key.ts";
import type { HttpContext } from "./context.ts";
import { dropSignedCookie, readSignedCookie, tokenFor, writeSignedCookie } from "./signed-cookie.ts";

/**
 * A person who signed in to the dashboard. It holds no right of its own: every page and call asks the account's object
 * anew, so that a revoked key ends it at once.
 */
export interface Session {
  readonly id: string;
  readonly accountId: string;
  /** What is known of the key that signed in; `null` when the platform's own sign-in vouched for the account. */
  readonly key: KeyClaim | null;
}

const COOKIE = { name: "spillway" };
const HOURS_12_MS = 12 * 3_600_000;

const stored = z.object({
  id: z.string(),
  accountId: z.string(),
  key: z.object({ id: z.string(), digest: z.string() }).nullable(),
});

/** Begins a session of at most twelve hours. @param until epoch ms at which it ends sooner */
export async function beginSession(
  c: HttpContext,
  who: Omit<Session, "id">,
  until = Number.POSITIVE_INFINITY,
): Promise<void> {
  await writeSignedCookie(c, COOKIE, { id: nanoid(), ...who }, Math.min(until, Date.now() + HOURS_12_MS));
}

/** The session of a request, or `null`. */
export async function readSession(c: HttpContext): Promise<Session | null> {
  const sealed = await readSignedCookie(c, COOKIE);
  const read = sealed && stored.safeParse(sealed.value);
  return read?.success ? read.data : null;
}

export function endSession(c: HttpContext): void {
  dropSignedCookie(c, COOKIE);
}

/** The token that the forms of a session carry: a request that changes something is good only with it. */
export function csrfTokenOf(c: HttpContext, session: Session): string {
  return tokenFor(c, COOKIE, session.id);
}

export function isCsrfToken(c: HttpContext, session: Session, token: string): boolean {
  const encoder = new TextEncoder();
  const [given, expected] = [encoder.encode(token), encoder.encode(csrfTokenOf(c, session))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}
