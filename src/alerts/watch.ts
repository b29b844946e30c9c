import { AccountUnreachable } from "../../durable-objects/client.ts";
import type { Services } from "../http/services.ts";
import { rootOf } from "../ledger/failure.ts";
import { recentReconciliations } from "../ledger/reconciliations.ts";
import { alertIdOf } from "./alert.ts";
import { evaluate, type WatchState } from "./evaluate.ts";
import { deliverAll, raising } from "./raise.ts";
import { readSettings } from "./settings.ts";

const ACCOUNTS_PER_RUN = 200;
const AT_ONCE = 10;
/** So many may end between two looks: the whole one, and those that a person asks for of single accounts. */
const RECONCILIATIONS = 10;

interface Watch {
  readonly accountId: string;
  readonly seq: number;
  readonly version: number;
  readonly state: WatchState | null;
}

interface Row {
  account_id: string;
  seq: number;
  version: number;
  state: string | null;
}

/**
 * Accounts with entries that were not looked at yet, and those that are due: what an idle one needs is known beforehand.
 * One that differed is looked at once after its reconciliation; every look leaves a sample with its time.
 * Where they are too many they are drawn by lot: those whose look always fails would hold the front of any order.
 */
const TO_WATCH = `WITH differed(account_id, at) AS MATERIALIZED (SELECT key, value FROM json_each(?2))
  SELECT b.account_id, b.max_seq AS seq, coalesce(w.version, 0) AS version, w.state
  FROM balances b LEFT JOIN alert_watches w ON w.account_id = b.account_id
    LEFT JOIN differed d ON d.account_id = b.account_id
  WHERE w.seq IS NULL OR w.seq < b.max_seq OR w.due_at <= ?1
    OR json_extract(w.state, '$.samples[#-1][0]') <= d.at
  ORDER BY random() LIMIT ?3`;

/**
 * Looks at the accounts that have moved since the last look and raises what has come about. Not on the way of any
 * request: an account costs one call to its object at most once a minute, and nothing while it is idle.
 */
export async function watchMoved(services: Services, now: number): Promise<void> {
  const { DB } = services.env;
  const differing = JSON.stringify(await differedAt(DB));
  const { results } = await DB.prepare(TO_WATCH).bind(now, differing, ACCOUNTS_PER_RUN).all<Row>();
  for (let first = 0; first < results.length; first += AT_ONCE) {
    await Promise.all(results.slice(first, first + AT_ONCE).map((row) => watch(services, watchOf(row), now)));
  }
}

/** Accounts that were frozen by a recent reconciliation, and when the last such ended: that moves nothing in the ledger. */
async function differedAt(db: D1Database): Promise<Record<string, number>> {
  const recent = await recentReconciliations(db, RECONCILIATIONS);
  return Object.fromEntries(
    recent
      .toReversed()
      .flatMap(({ differences, finished_at }) =>
        differences.map(({ account }) => [account, Date.parse(finished_at)] as const),
      ),
  );
}

function watchOf({ account_id: accountId, seq, version, state }: Row): Watch {
  return { accountId, seq, version, state: state === null ? null : (JSON.parse(state) as WatchState) };
}

async function watch(services: Services, { accountId, seq, version, state }: Watch, now: number): Promise<void> {
  const { env, accounts } = services;
  try {
    const account = await accounts.describe(accountId);
    if (!account) return;
    const { settings } = await readSettings(env.DB, accountId);
    const evaluation = evaluate(account, settings, state, now);
    // Of two looks at once, one counts: the alerts are raised only with the version that they were found with.
    const guard = { accountId, version };
    const statements = evaluation.alerts.flatMap((alert) => raising(env.DB, alert, now, guard));
    const remember = env.DB.prepare(
      `INSERT INTO alert_watches (account_id, seq, due_at, version, state) VALUES (?1, ?2, ?3, ?4 + 1, ?5)
      ON CONFLICT (account_id) DO UPDATE SET seq = excluded.seq, due_at = excluded.due_at, version = excluded.version,
        state = excluded.state WHERE alert_watches.version = ?4`,
    ).bind(accountId, seq, evaluation.dueAt, version, JSON.stringify(evaluation.state));
    await env.DB.batch([...statements, remember]);
    await deliverAll(env.DB, env.ALERT_QUEUE, evaluation.alerts.map(alertIdOf));
  } catch (error) {
    // It is looked at again in a minute; others are not kept waiting.
    const event = error instanceof AccountUnreachable ? "account_unwatched" : "watch_failed";
    console.error(JSON.stringify({ event, account: accountId, message: String(rootOf(error)).slice(0, 300) }));
  }
}

/** Says that an account has changed in a way that its ledger does not show. */
export async function watchSoon(db: D1Database, accountId: string, now: number): Promise<void> {
  await db.prepare("UPDATE alert_watches SET due_at = ?2 WHERE account_id = ?1").bind(accountId, now).run();
}
