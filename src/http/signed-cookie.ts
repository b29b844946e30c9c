import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import type { HttpContext } from "./context.ts";

/**
 * A value that a browser keeps for us and cannot change: HttpOnly, SameSite=Strict, signed, and of no use after its end,
 * whatever the browser does. On HTTPS it is bound to this host; only `http://localhost` goes without.
 */
export interface SignedCookie {
  /** Names the cookie, and keeps the signature of one kind from being good for another. */
  readonly name: string;
}

interface Sealed {
  readonly until: number;
  readonly value: unknown;
}

/** @param until epoch ms from which on it is void */
export async function writeSignedCookie(
  c: HttpContext,
  { name }: SignedCookie,
  value: unknown,
  until: number,
): Promise<void> {
  const sealed: Sealed = { until, value };
  const text = Buffer.from(JSON.stringify(sealed)).toString("base64url");
  await setSignedCookie(c, nameFor(c, name), text, signingKey(c, name), {
    ...attributes(c),
    maxAge: Math.max(0, Math.floor((until - Date.now()) / 1_000)),
  });
}

/** What was written; `null` when there is nothing, or nothing that is genuine and still good. */
export async function readSignedCookie(
  c: HttpContext,
  { name }: SignedCookie,
): Promise<{ readonly value: unknown; readonly until: number } | null> {
  const text = await getSignedCookie(c, signingKey(c, name), nameFor(c, name));
  if (typeof text !== "string") return null;
  const sealed: Sealed = JSON.parse(Buffer.from(text, "base64url").toString());
  return Date.now() < sealed.until ? sealed : null;
}

export function dropSignedCookie(c: HttpContext, { name }: SignedCookie): void {
  deleteCookie(c, nameFor(c, name), attributes(c));
}

/** A token that only a page made for this very value can know: what forms carry against cross-site requests. */
export function tokenFor(c: HttpContext, { name }: SignedCookie, value: string): string {
  return createHmac("sha256", signingKey(c, name)).update(`form ${value}`).digest("base64url");
}

function attributes(c: HttpContext) {
  return { path: "/", httpOnly: true, sameSite: "Strict", secure: !isPlainLocalhost(c.req.url) } as const;
}

/** The prefix makes browsers refuse the cookie from another host, and without HTTPS. */
function nameFor(c: HttpContext, name: string): string {
  return isPlainLocalhost(c.req.url) ? name : `__Host-${name}`;
}

const LOCALHOST = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Browsers take `http://localhost` for safe but do not all keep Secure cookies there. */
function isPlainLocalhost(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && LOCALHOST.has(hostname);
}

function signingKey(c: HttpContext, name: string): string {
  const { keySecret } = c.var.services.config;
  return createHmac("sha256", keySecret).update(`spillway cookie ${name} v1`).digest("hex");
}
