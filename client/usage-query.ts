import type { RequestOptions } from "./transport.ts";

export type UsageGroup = "day" | "feature" | "model";

/** A span of time as ISO 8601 instants or dates, up to and without `to`. */
export interface Span {
  readonly from?: string;
  readonly to?: string;
}

export interface UsageQuery extends Span {
  readonly groupBy?: readonly UsageGroup[];
}

/** A report's query as the routes read it. */
export function usageParameters({ from, to, groupBy }: UsageQuery): NonNullable<RequestOptions["query"]> {
  return { from, to, group_by: groupBy?.join(",") };
}
