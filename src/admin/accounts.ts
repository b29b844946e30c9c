import { Hono } from "hono";
import { customAlphabet } from "nanoid";
import type { AccountReply } from "../../durable-objects/commands.ts";
import { createAccount } from "../catalog/write.ts";
import { tellAct } from "../http/admin-act.ts";
import { mintApiKey } from "../http/api-key.ts";
import { readAs } from "../http/body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { readNewest } from "../ledger/extent.ts";
import { accountWire } from "../wire/account.ts";
import { instant } from "../wire/time.ts";
import { accountHistoryRoutes } from "./account-history.ts";
import { accountList } from "./account-list.ts";
import { existing, type KnownAccount } from "./existing-account.ts";
import { grant, refund, voidGrant } from "./grants.ts";
import { planOf } from "./named-plan.ts";
import { reopen } from "./reopening.ts";
import { resolveReservation } from "./resolving.ts";
import { restoreLedger } from "./restoring.ts";
import { accountPatch, newAccount, newKey } from "./schemas.ts";

const newAccountId = customAlphabet("0123456789abcdefghijklmnopqrstuvwxyz", 16);

/** Accounts, their keys, grants and histories. */
export function accountAdminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", accountList);
  routes.post("/", create);
  routes.get("/:id", async (c) => c.json(await shown(c, await existing(c))));
  routes.patch("/:id", patch);
  routes.get("/:id/keys", listKeys);
  routes.post("/:id/keys", createKey);
  routes.delete("/:id/keys/:key", revokeKey);
  routes.post("/:id/grants", grant);
  routes.delete("/:id/grants/:grant", voidGrant);
  routes.post("/:id/refunds", refund);
  routes.post("/:id/reopen", reopen);
  routes.post("/:id/reservations/:request/resolve", resolveReservation);
  routes.post("/:id/ledger/entries", restoreLedger);
  routes.get("/:id/work", async (c) => {
    const work = await c.var.services.accounts.work((await existing(c)).id);
    return c.json({
      calls: work.calls,
      rows_written: work.rowsWritten,
      rows_read: work.rowsRead,
      alarms_set: work.alarmsSet,
      requests: work.requests,
      messages: work.messages,
      polls: work.polls,
      handed_over: work.handedOver,
      confirmations: work.confirmations,
      flushed: c.var.services.flush?.flushed,
    });
  });
  routes.route("/", accountHistoryRoutes());
  return routes;
}

async function shown(c: HttpContext, account: KnownAccount) {
  return shownAs(await described(c, account.id), account);
}

function shownAs(reply: AccountReply, { name }: KnownAccount) {
  return { ...accountWire(reply), name, status_reason: reply.statusReason };
}

async function described(c: HttpContext, id: string): Promise<AccountReply> {
  const reply = await c.var.services.accounts.describe(id);
  if (!reply)
    throw new HttpFault(409, "account_incomplete", "The account was not created to its end; create it again.");
  return reply;
}

async function create(c: HttpContext): Promise<Response> {
  const body = await readAs(c, newAccount);
  const plan = await planOf(c, body.plan);
  const id = body.id ?? `acct_${newAccountId()}`;
  await refuseLost(c, id);
  const registered = await createAccount(c.env.DB, { id, name: body.name ?? null }, Date.now());
  const created = await c.var.services.accounts.create(id, plan);
  // What was begun and not ended is completed by the repetition: an account that was registered but whose object was
  // never reached, and one whose object is there but which a restored database has lost. The object stays as it is.
  if (!registered && !(created && body.id !== undefined)) {
    throw new HttpFault(409, "account_exists", `The account ${id} exists already.`);
  }
  const name = body.name ?? null;
  const account = await shown(c, { id, name });
  tellAct(c, { action: "account.create", account: id, after: { plan: account.plan.id, name } });
  return c.json(account, 201);
}

/** An account with a ledger and no object is never made anew: it would write another history under the same numbers. */
async function refuseLost(c: HttpContext, id: string): Promise<void> {
  if ((await readNewest(c.env.DB, id)) === null || (await c.var.services.accounts.head(id))) return;
  throw new HttpFault(409, "account_lost", `The account ${id} has a ledger and no object; reopen it.`);
}

async function patch(c: HttpContext): Promise<Response> {
  const account = await existing(c);
  const body = await readAs(c, accountPatch);
  const { accounts } = c.var.services;
  const reason = body.reason ?? null;
  const before = await described(c, account.id);
  if (before.status === "frozen" && body.status === "active" && reason === null) {
    const message = "Its ledger did not add up. Say in `reason` what was found before paid use is opened again.";
    throw new HttpFault(400, "reason_required", message);
  }
  const plan = body.plan === undefined ? null : await planOf(c, body.plan);
  if (plan) await accounts.followPlan(account.id, plan, true);
  if (body.status) await accounts.setStatus(account.id, body.status, reason);
  const after = await described(c, account.id);
  tellAct(c, {
    action: body.status ? "account.status" : "account.plan",
    account: account.id,
    reason,
    before: standing(before),
    after: standing(after),
  });
  return c.json(shownAs(after, account));
}

/** What a change of an account is told by. */
function standing({ plan, status, statusReason }: AccountReply) {
  return { plan: plan.id, version: plan.version, status, reason: statusReason };
}

async function listKeys(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const keys = await c.var.services.accounts.keys(id);
  const data = keys.map((key) => ({
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    created_at: instant(key.createdAt),
    expires_at: instant(key.expiresAt),
    revoked_at: instant(key.revokedAt),
  }));
  return c.json({ data, has_more: false, next_cursor: null });
}

async function createKey(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const body = await readAs(c, newKey);
  const { accounts, config } = c.var.services;
  const now = Date.now();
  const expiresAt = body.expires_at ?? null;
  if (expiresAt !== null && expiresAt <= now) {
    throw new HttpFault(400, "invalid_request", "expires_at: must be in the future");
  }
  const key = mintApiKey(config.keySecret, id);
  const stored = await accounts.addKey(id, {
    id: key.keyId,
    digest: key.digest,
    name: body.name ?? null,
    scopes: body.scopes ?? null,
    createdAt: now,
    expiresAt,
    revokedAt: null,
  });
  if (!stored) await described(c, id);
  tellAct(c, {
    action: "key.create",
    account: id,
    target: key.keyId,
    after: { name: body.name ?? null, scopes: body.scopes ?? null, expires_at: instant(expiresAt) },
  });
  const shownKey = { id: key.keyId, key: key.text, name: body.name ?? null, scopes: body.scopes ?? null };
  return c.json({ ...shownKey, created_at: instant(now), expires_at: instant(expiresAt) }, 201);
}

async function revokeKey(c: HttpContext): Promise<Response> {
  const { id } = await existing(c);
  const keyId = c.req.param("key") ?? "";
  const known = await c.var.services.accounts.revokeKey(id, keyId);
  if (!known) throw new HttpFault(404, "key_not_found", "There is no such key in this account.");
  tellAct(c, { action: "key.revoke", account: id, target: keyId });
  return c.json({ id: keyId, revoked: true });
}
