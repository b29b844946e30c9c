import { v7 } from "uuid";
import { expect, test } from "vitest";
import { accountOfJob, isKnownEvent, rememberEvent, rememberJob } from "../../src/catalog/jobs.ts";
import { latestReconciliation, type Reconciliation, saveReconciliation } from "../../src/ledger/reconciliations.ts";
import { pruneTables } from "../../src/upkeep/pruning.ts";
import { DAY, T0 } from "../support/core-fixtures.ts";
import { plansOf, scansOf } from "../support/query-plans.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const NOW = T0 + 1_000 * DAY;

async function reconciliationAt(db: D1Database, at: number): Promise<string> {
  const result: Reconciliation = {
    id: `rec_${v7({ msecs: at }).replaceAll("-", "")}`,
    account: null,
    checked: { accounts: 1, events: 1 },
    pending: { reservations: 0, stale_reservations: 0, outbox: 0 },
    differences: [],
    difference_count: 0,
    unchecked: [],
    unchecked_count: 0,
    finished_at: new Date(at).toISOString(),
  };
  await saveReconciliation(db, result, at);
  return result.id;
}

test("what upstream told of jobs is forgotten after 90 days, and not before", async () => {
  const { db } = migratedD1();
  for (const [name, days] of Object.entries({ old: 91, young: 89 })) {
    await rememberJob(db, `video_${name}`, "acct_1", NOW - days * DAY);
    await rememberEvent(db, `evt_${name}`, NOW - days * DAY);
  }
  await pruneTables(db, NOW);
  expect([await accountOfJob(db, "video_old"), await accountOfJob(db, "video_young")]).toEqual([null, "acct_1"]);
  expect([await isKnownEvent(db, "evt_old"), await isKnownEvent(db, "evt_young")]).toEqual([false, true]);
});

test("results of reconciliations are kept for more than a year, and the newest for ever", async () => {
  const { db, sqlite } = migratedD1();
  const ids = () =>
    sqlite
      .prepare("SELECT id FROM reconciliations ORDER BY id")
      .all()
      .map(({ id }) => id);
  await reconciliationAt(db, NOW - 500 * DAY);
  const newest = await reconciliationAt(db, NOW - 450 * DAY);
  await pruneTables(db, NOW);
  expect(ids()).toEqual([newest]);
  expect((await latestReconciliation(db))?.id).toBe(newest);
  const kept = [await reconciliationAt(db, NOW - 399 * DAY), await reconciliationAt(db, NOW)];
  await pruneTables(db, NOW);
  expect(ids()).toEqual(kept);
});

test("rows go some at a time, found without reading those that stay", async () => {
  const database = migratedD1();
  database.sqlite.exec(
    `INSERT INTO jobs (id, account_id, created_at) WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n
    WHERE i < 1200) SELECT 'video_' || i, 'acct_1', ${T0} + i FROM n`,
  );
  const plans = await plansOf(database, (db) => pruneTables(db, NOW));
  expect(scansOf(plans)).toEqual([]);
  const rest = database.sqlite.prepare("SELECT count(*) AS count, min(created_at) AS oldest FROM jobs").get();
  expect({ ...rest }).toEqual({ count: 700, oldest: T0 + 501 });
});
