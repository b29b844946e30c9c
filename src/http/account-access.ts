import type { AccountReply } from "../../durable-objects/commands.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { identify, invalidKey } from "./authentication.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";
import { followingPlan } from "./follow-plan.ts";

/** The caller's own account, read from its object, together with the catalog that it was held against. */
export async function openAccount(c: HttpContext): Promise<{ account: AccountReply; catalog: Catalog }> {
  const { accountId, key } = identify(c);
  const { accounts, catalog: cache } = c.var.services;
  const catalog = await cache.get((work) => c.executionCtx.waitUntil(work));
  const caller = { key, planVersions: catalog.planVersions() };
  const reply = await followingPlan(accounts, catalog, accountId, () => accounts.open(accountId, caller));
  if (reply.kind === "key_refused") throw invalidKey();
  if (reply.kind === "plan_outdated")
    throw new HttpFault(503, "plan_changing", "Your plan is being changed; try again.");
  return { account: reply, catalog };
}
