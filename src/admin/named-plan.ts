import type { Plan } from "../core/plan.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";

/** The newest version of a plan; read afresh, because an operator may have just written it elsewhere. */
export async function planOf(c: HttpContext, planId: string): Promise<Plan> {
  const { catalog } = c.var.services;
  catalog.drop();
  const plan = (await catalog.get((work) => c.executionCtx.waitUntil(work))).plan(planId);
  if (!plan) throw new HttpFault(400, "unknown_plan", `There is no plan ${planId}; PUT /admin/plans/${planId} first.`);
  return plan;
}
