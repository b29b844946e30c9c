import type { Rule } from "./body-schemas.ts";

const DAY_MS = 24 * 3_600_000;
const USUAL_DAYS = 90;
/** No window is longer than 366 days. */
const WINDOW_DAYS = 367;
const ALERTS_PER_RUN = 500;

/**
 * How many days an alert is kept; `null` for ever. An alert that is there keeps the same one from being raised again, so
 * it stays for as long as its instance can come about: a window until it is over, a grant until it has expired (it is
 * told at most 90 days before), and a difference for as long as nobody has put it right. Other instances come about once.
 */
const KEPT_DAYS: Readonly<Record<Rule, number | null>> = {
  window_used: WINDOW_DAYS,
  credits_low: USUAL_DAYS,
  spend_rate: USUAL_DAYS,
  grant_expires: USUAL_DAYS + 1,
  account_frozen: USUAL_DAYS,
  top_up_succeeded: USUAL_DAYS,
  top_up_failed: USUAL_DAYS,
  payment_parked: USUAL_DAYS,
  payments_differ: null,
  test: USUAL_DAYS,
};

const OLD = `SELECT a.id FROM json_each(?1) kept CROSS JOIN alerts a
  ON a.rule = kept.key AND a.at < ?2 - kept.value LIMIT ?3`;

const DROP_DELIVERIES = `DELETE FROM alert_deliveries WHERE id IN (
  SELECT d.id FROM json_each(?1) old CROSS JOIN alert_deliveries d ON d.id > old.value || '.' AND d.id < old.value || '/'
)`;

const DROP_ALERTS = "DELETE FROM alerts WHERE id IN (SELECT value FROM json_each(?1))";

/** Removes some alerts that nobody needs any more. Their deliveries go with them, never before: they would be made anew. */
export async function pruneAlerts(db: D1Database, now: number): Promise<void> {
  const kept = Object.entries(KEPT_DAYS).flatMap(([rule, days]) => (days === null ? [] : [[rule, days * DAY_MS]]));
  const found = await db
    .prepare(OLD)
    .bind(JSON.stringify(Object.fromEntries(kept)), now, ALERTS_PER_RUN)
    .all<{ id: string }>();
  if (found.results.length === 0) return;
  const ids = JSON.stringify(found.results.map(({ id }) => id));
  await db.batch([DROP_DELIVERIES, DROP_ALERTS].map((sql) => db.prepare(sql).bind(ids)));
}
