import { Hono } from "hono";
import { holderOf, openAccount } from "../http/account-access.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { makeOwnKey, type NewKey, revokeOwnKey, rollOwnKey, type ShownKey } from "../http/own-keys.ts";
import { instant } from "../wire/time.ts";
import { ownKey, rolling } from "./body-schemas.ts";

const HOUR_MS = 3_600_000;

/** The keys of an account, for its holder. */
export function keyRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", list);
  routes.post("/", make);
  routes.post("/:id/roll", roll);
  routes.delete("/:id", revoke);
  return routes;
}

async function list(c: HttpContext): Promise<Response> {
  const { account } = await openAccount(c);
  const keys = await c.var.services.accounts.keys(account.id);
  return c.json({ data: keys.map(keyWire), has_more: false, next_cursor: null });
}

async function make(c: HttpContext): Promise<Response> {
  const holder = await holderOf(c);
  const { name, scopes, expires_at } = await readAs(c, ownKey);
  const terms = { name: name ?? null, scopes: scopes ?? null, expiresAt: expires_at ?? null };
  return c.json(newKeyWire(await makeOwnKey(c, holder, terms)), 201);
}

async function roll(c: HttpContext): Promise<Response> {
  const holder = await holderOf(c);
  const { overlap_hours: hours } = await readAs(c, rolling);
  const id = c.req.param("id") ?? "";
  const rolled = await rollOwnKey(c, holder, id, hours * HOUR_MS);
  return c.json({ ...newKeyWire(rolled), replaces: { id, expires_at: instant(rolled.oldExpiresAt) } }, 201);
}

async function revoke(c: HttpContext): Promise<Response> {
  const holder = await holderOf(c);
  const id = c.req.param("id") ?? "";
  await revokeOwnKey(c, holder, id);
  return c.json({ id, revoked: true, was_own: holder.key?.id === id });
}

function newKeyWire(key: NewKey) {
  return { ...keyWire(key), key: key.text };
}

function keyWire({ id, name, scopes, createdAt, expiresAt, revokedAt }: ShownKey) {
  return {
    id,
    name,
    scopes,
    created_at: instant(createdAt),
    expires_at: instant(expiresAt),
    revoked_at: instant(revokedAt),
  };
}
