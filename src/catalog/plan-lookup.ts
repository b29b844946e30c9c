import { drizzle } from "drizzle-orm/d1";
import type { Plan } from "../core/plan.ts";
import { plans } from "./schema.ts";
import { planOf } from "./stored.ts";

/** Looks up a version of a plan; `null` when there is none. */
export type PlanLookup = (made: { readonly id: string; readonly version: number }) => Plan | null;

/** Every version of every plan, for running old usage again. A version is only opened when it is asked for. */
export async function readPlanLookup(database: D1Database): Promise<PlanLookup> {
  const rows = await drizzle(database).select().from(plans);
  const closed = new Map(rows.map((row) => [`${row.id}@${row.version}`, row]));
  const opened = new Map<string, Plan>();
  return ({ id, version }) => {
    const name = `${id}@${version}`;
    const row = closed.get(name);
    const plan = opened.get(name) ?? (row ? planOf(row) : null);
    if (plan) opened.set(name, plan);
    return plan;
  };
}
