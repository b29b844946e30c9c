import type { Resource, ResourceKind } from "../../core/resource.ts";
import { identify, keyRefusal } from "../../http/authentication.ts";
import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { followingPlan, planChanging } from "../../http/follow-plan.ts";
import { toldName } from "../../protocol/told-text.ts";
import { askAgainWhileInFlight } from "../admission.ts";

/** Something of the caller's own account, with that account's id. */
export interface Owned {
  readonly accountId: string;
  readonly resource: Resource;
}

/** Finds what the path names in the caller's account. What belongs to another account does not exist here. */
export function ownResource(c: HttpContext, kind: ResourceKind): Promise<Owned> {
  return ownSource(c, kind, c.req.param("id") ?? "");
}

/** Finds what a request of the caller names in the caller's account. */
export async function ownSource(c: HttpContext, kind: ResourceKind, id: string): Promise<Owned> {
  const { accountId, key } = identify(c);
  const { accounts, catalog: cache } = c.var.services;
  const catalog = await cache.get((work) => c.executionCtx.waitUntil(work));
  const caller = { key, planVersions: catalog.planVersions() };
  const ask = () => followingPlan(accounts, catalog, accountId, () => accounts.resource(accountId, caller, id));
  const reply = await askAgainWhileInFlight(ask);
  switch (reply.kind) {
    case "key_refused":
      throw keyRefusal(reply);
    case "plan_outdated":
      throw planChanging();
    case "unknown_reference":
      throw notFound(kind, id);
    case "resource":
      if (reply.resource.kind !== kind) throw notFound(kind, id);
      return { accountId, resource: reply.resource };
  }
}

function notFound(kind: ResourceKind, id: string): HttpFault {
  return new HttpFault(404, "not_found", `There is no ${kind} with the id '${toldName(id)}' in this account.`);
}
