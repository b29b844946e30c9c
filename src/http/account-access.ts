import type { AccountReply } from "../../durable-objects/commands.ts";
import type { KeyClaim } from "../../durable-objects/key.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { Scope } from "../core/scope.ts";
import { identify, keyRefusal } from "./authentication.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";
import { followingPlan, planChanging } from "./follow-plan.ts";
import { isCsrfToken, readSession } from "./session.ts";

/** Who looks after an account: the holder of one of its keys, or a person who signed in (then `key` may be `null`). */
export interface AccountHolder {
  readonly accountId: string;
  readonly key: KeyClaim | null;
}

export interface OpenedAccount {
  readonly account: AccountReply;
  readonly catalog: Catalog;
}

const SAFE_METHODS = new Set(["GET", "HEAD"]);

/**
 * The caller of a self-service route: by its key, or by the session of the dashboard. A session changes something only
 * with its token in `x-csrf-token`, which no other site can know. Throws {@link HttpFault}.
 */
export async function holderOf(c: HttpContext): Promise<AccountHolder> {
  const session = c.req.header("authorization") === undefined ? await readSession(c) : null;
  if (!session) return identify(c);
  if (!SAFE_METHODS.has(c.req.method) && !isCsrfToken(c, session, c.req.header("x-csrf-token") ?? "")) {
    throw new HttpFault(403, "invalid_csrf_token", "Send the session's token in the header x-csrf-token.");
  }
  return session;
}

/** The caller's own account, as a self-service route shows it, together with the catalog that it was held against. */
export async function openAccount(c: HttpContext): Promise<OpenedAccount> {
  return openFor(c, await holderOf(c), "read");
}

/** The same for a client-facing route: only a key that may make requests opens it. */
export async function openForClient(c: HttpContext): Promise<OpenedAccount> {
  return openFor(c, identify(c), "inference");
}

/** Reads an account from its object for one who may do what `needs` names. Throws {@link HttpFault}. */
export async function openFor(c: HttpContext, { accountId, key }: AccountHolder, needs: Scope): Promise<OpenedAccount> {
  const { accounts, catalog: cache } = c.var.services;
  const catalog = await cache.get((work) => c.executionCtx.waitUntil(work));
  const holder = { key, planVersions: catalog.planVersions(), needs };
  const reply = await followingPlan(accounts, catalog, accountId, () => accounts.open(accountId, holder));
  if (reply.kind === "key_refused") throw keyRefusal(reply);
  if (reply.kind === "plan_outdated") throw planChanging();
  return { account: reply, catalog };
}
