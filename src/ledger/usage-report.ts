import { type MicroCredits, quantity } from "../core/amount.ts";
import { STRETCHES_OF_ACCOUNT, UPDATES_WITHIN } from "./stretch.ts";

export const USAGE_GROUPS = ["day", "feature", "model"] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

export interface UsageQuery {
  /** From this instant (epoch ms) on … */
  readonly from: number;
  /** … up to and without this one. */
  readonly to: number;
  readonly groupBy: readonly UsageGroup[];
}

/** What was used and charged within one group; `null` for what it is not grouped by. */
export interface UsageTotal {
  /** The day in UTC, as `2026-11-22`. */
  readonly day: string | null;
  readonly feature: string | null;
  readonly model: string | null;
  /** Requests that were let through, whatever became of them. */
  readonly requests: number;
  /** Requests that were refused. */
  readonly denied: number;
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly seconds: number;
  readonly charge: MicroCredits;
  /** What of these charges nobody has paid: overshoot, and what refunds and corrections gave back, whenever that was. */
  readonly refunded: MicroCredits;
}

const GROUPS: Readonly<Record<UsageGroup, string>> = {
  day: "date(u.at / 1000, 'unixepoch')",
  feature: "u.feature",
  model: "u.model",
};

/** What one event adds to its group. */
const FIGURES = {
  // A late settlement or a correction is a further event of its request; a denial is no request that was served.
  requests: "u.outcome NOT IN ('late', 'corrected', 'denied')",
  // One event stands for all refusals of a minute with the same reason and key, and says how many.
  denied: "CASE u.outcome WHEN 'denied' THEN coalesce(u.decision ->> '$.denial.count', 1) ELSE 0 END",
  inputTokens: countSql("inputTokens"),
  cachedInputTokens: countSql("cachedInputTokens"),
  outputTokens: countSql("outputTokens"),
  reasoningTokens: countSql("reasoningTokens"),
  seconds: countSql("seconds"),
  charge: "coalesce(m.amount, 0)",
  // Overshoot goes back in the entry of its charge. Whatever undoes a charge later names it as its cause. The condition on
  // the kind is what the index is for. It has to be named: by itself SQLite reads the account's whole history for each of
  // its charges.
  refunded: `coalesce((
    SELECT sum(same.amount) FROM balance_updates same
    WHERE same.account_id = u.account_id AND same.epoch = u.epoch AND same.seq = u.seq AND same.kind = 'overshoot_refund'
  ), 0) + coalesce((
    SELECT sum(back.amount) FROM balance_updates back INDEXED BY refunds_by_cause
    WHERE back.account_id = u.account_id AND back.cause = m.id AND back.kind IN ('refund', 'grant')
  ), 0)`,
} as const;

/**
 * The late event of an expired request counts everything it used, and charges the difference: charges add up, while
 * quantities would count twice what the expiry knew of. A correction repeats the quantities that it prices again.
 */
function countSql(field: string): string {
  return `CASE WHEN u.outcome = 'corrected' THEN 0 WHEN u.outcome = 'expired' AND EXISTS (
    SELECT 1 FROM usage_events late WHERE late.account_id = u.account_id AND late.id = u.id || '~late'
  ) THEN 0 ELSE u.usage ->> '$.${field}' END`;
}

/**
 * The events of the span with what each of them adds. Ids mostly sort by time, so that events are read in the order of
 * their ids, which is how they lie. `LIMIT -1` keeps a subquery as it is: else SQLite would drop that order, and carry
 * the whole rows, not the figures, to where the groups are sorted.
 */
function eventsSql(groups: readonly UsageGroup[]): string {
  const columns = [
    ...groups.map((group) => `${GROUPS[group]} AS "${group}"`),
    ...Object.entries(FIGURES).map(([name, sql]) => `${sql} AS "${name}"`),
  ];
  return `SELECT ${columns.join(", ")} FROM (
      SELECT b.usage_id, b.epoch, b.seq FROM ${UPDATES_WITHIN}
      WHERE b.draw = 0 AND b.usage_id IS NOT NULL ORDER BY b.usage_id LIMIT -1
    ) entry
    CROSS JOIN usage_events u ON u.account_id = ?1 AND u.id = entry.usage_id AND u.epoch = entry.epoch AND u.seq = entry.seq
    LEFT JOIN monetization_events m ON m.account_id = ?1 AND m.id = 'mon_' || substr(u.id, 5)
    LIMIT -1`;
}

/** Sums an account's usage and charges, by group. Reads the entries of the span, however long the history is. */
export async function usageTotals(db: D1Database, accountId: string, query: UsageQuery): Promise<UsageTotal[]> {
  const groups = USAGE_GROUPS.filter((group) => query.groupBy.includes(group));
  const columns = [
    ...USAGE_GROUPS.map((group) => (groups.includes(group) ? `"${group}"` : `NULL AS "${group}"`)),
    ...Object.keys(FIGURES).map((name) => `sum("${name}") AS "${name}"`),
  ];
  const by = groups.map((group) => `"${group}"`).join(", ");
  const { results } = await db
    .prepare(
      `${STRETCHES_OF_ACCOUNT}
      SELECT ${columns.join(", ")} FROM (${eventsSql(groups)})
      ${by === "" ? "HAVING count(*) > 0" : `GROUP BY ${by} ORDER BY ${by}`}`,
    )
    .bind(accountId, query.from, query.to)
    .all<UsageTotal>();
  for (const { charge, refunded } of results) {
    quantity(charge, "the charges of a group");
    quantity(refunded, "the refunds of a group");
  }
  return results;
}
