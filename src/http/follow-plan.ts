import type { AccountClient } from "../../durable-objects/client.ts";
import type { PlanOutdated } from "../../durable-objects/commands.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { HttpFault } from "./fault.ts";

/**
 * Asks an account's object, and where its plan has a newer version than it knows, gives it that and asks again. So a new
 * version reaches an account with its next request, without a look at D1 on the way.
 */
export async function followingPlan<Reply extends { readonly kind: string }>(
  accounts: AccountClient,
  catalog: Catalog,
  accountId: string,
  ask: () => Promise<Reply | PlanOutdated>,
): Promise<Reply | PlanOutdated> {
  const reply = await ask();
  if (!isOutdated(reply)) return reply;
  const plan = catalog.plan(reply.planId);
  if (plan) await accounts.followPlan(accountId, plan);
  return ask();
}

/** For a plan that has changed again meanwhile. */
export function planChanging(): HttpFault {
  return new HttpFault(503, "plan_changing", "Your plan is being changed; try again.");
}

function isOutdated(reply: { readonly kind: string }): reply is PlanOutdated {
  return reply.kind === "plan_outdated";
}
