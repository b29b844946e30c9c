import type { Env } from "../env.ts";
import { type Alert, alertIdOf } from "./alert.ts";
import { type AlertMessage, askToDeliver } from "./messages.ts";

export type AlertEnv = Pick<Env, "DB" | "ALERT_QUEUE">;

/** Raises an alert, once however often it is called, and asks for its delivery. */
export async function raise({ DB: db, ALERT_QUEUE: queue }: AlertEnv, alert: Alert, now: number): Promise<void> {
  await db.batch(raising(db, alert, now));
  await deliverAll(db, queue, [alertIdOf(alert)]);
}

/** Names the version of a watch that an alert belongs to: when another one was faster, nothing is raised. */
export interface Guard {
  readonly accountId: string;
  readonly version: number;
}

/**
 * The statements that raise an alert and put its deliveries on the list: to the account's endpoints and the operator's
 * that were there when it came about.
 */
export function raising(
  db: D1Database,
  alert: Alert,
  now: number,
  guard: Guard | null = null,
  endpointId: string | null = null,
): D1PreparedStatement[] {
  const id = alertIdOf(alert);
  const { accountId, rule, message, data } = alert;
  return [
    db
      .prepare(
        `INSERT INTO alerts (id, account_id, rule, message, data, at)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?7 IS NULL
          OR coalesce((SELECT version FROM alert_watches WHERE account_id = ?7), 0) = ?8
        ON CONFLICT DO NOTHING`,
      )
      .bind(id, accountId, rule, message, JSON.stringify(data), now, guard?.accountId ?? null, guard?.version ?? 0),
    db
      .prepare(
        `INSERT INTO alert_deliveries (id, alert_id, endpoint_id, state, attempts, next_at, claimed_until)
        SELECT a.id || '.' || e.id, a.id, e.id, 'pending', 0, ?2, 0
        FROM alerts a JOIN alert_endpoints e ON (e.account_id = a.account_id OR e.account_id IS NULL)
        WHERE a.id = ?1 AND e.disabled_at IS NULL AND e.created_at <= a.at AND (?3 IS NULL OR e.id = ?3)
          AND (e.rules IS NULL OR a.rule = 'test' OR EXISTS (SELECT 1 FROM json_each(e.rules) WHERE value = a.rule))
        ON CONFLICT DO NOTHING`,
      )
      .bind(id, now, endpointId),
  ];
}

/** Asks for the deliveries of new alerts. What is lost on the way is asked for again later. */
export async function deliverAll(db: D1Database, queue: Queue<AlertMessage>, alertIds: readonly string[]) {
  if (alertIds.length === 0) return;
  const { results } = await db
    .prepare(
      `SELECT id FROM alert_deliveries
      WHERE alert_id IN (SELECT value FROM json_each(?1)) AND state = 'pending' AND attempts = 0`,
    )
    .bind(JSON.stringify(alertIds))
    .all<{ id: string }>();
  await askToDeliver(
    queue,
    results.map(({ id }) => id),
  );
}
