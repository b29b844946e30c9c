import { USAGE_GROUPS, type UsageGroup, type UsageQuery } from "../ledger/usage-report.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";
import { instantOf } from "./query.ts";

const USUAL_MS = 30 * 24 * 3_600_000;

/** Where a report begins that is asked for with its end alone: thirty days before that, or before now. */
export function usualFrom(to: number): number {
  return Math.min(to, Date.now()) - USUAL_MS;
}

/** `?from=`, `?to=` and `?group_by=` of a report of usage; the last thirty days by day without them. */
export function usageQueryOf(c: HttpContext): UsageQuery {
  const to = instantOf(c, "to", Date.now() + 1);
  return { from: instantOf(c, "from", usualFrom(to)), to, groupBy: groupsOf(c) };
}

function groupsOf(c: HttpContext): UsageGroup[] {
  const asked = (c.req.query("group_by") ?? "day").split(",").filter((name) => name !== "");
  const groups = USAGE_GROUPS.filter((group) => asked.includes(group));
  if (groups.length !== new Set(asked).size) {
    throw new HttpFault(400, "invalid_group_by", `group_by takes any of ${USAGE_GROUPS.join(", ")}, comma-separated.`);
  }
  return groups;
}
