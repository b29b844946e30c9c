import { beforeEach, describe, expect, test } from "vitest";
import { type Alert, alertIdOf } from "../../src/alerts/alert.ts";
import type { Rule } from "../../src/alerts/body-schemas.ts";
import { overdueDeliveries } from "../../src/alerts/deliveries.ts";
import { pruneAlerts } from "../../src/alerts/pruning.ts";
import { raising } from "../../src/alerts/raise.ts";
import { DAY, T0 } from "../support/core-fixtures.ts";
import { plansOf, scansOf } from "../support/query-plans.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

let database = migratedD1();

beforeEach(() => {
  database = migratedD1();
  database.sqlite.exec(
    `INSERT INTO alert_endpoints (id, account_id, url, secret_version, created_at)
    VALUES ('whk_all', NULL, 'https://hooks.example.com', 1, 0)`,
  );
});

function alertOf(rule: Rule, instance = "1"): Alert {
  return { rule, accountId: "acct_1", instance, message: "told", data: {} };
}

async function raiseAt(at: number, ...alerts: Alert[]): Promise<void> {
  await database.db.batch(alerts.flatMap((alert) => raising(database.db, alert, at)));
}

/** The rules of the alerts that are there, and for how many of them there is a delivery. */
function left(): { rules: string[]; deliveries: number } {
  const { sqlite } = database;
  const rules = sqlite.prepare("SELECT rule FROM alerts ORDER BY rule").all();
  const deliveries = sqlite.prepare("SELECT count(*) AS count FROM alert_deliveries").get();
  return { rules: rules.map(({ rule }) => String(rule)), deliveries: Number(deliveries?.count) };
}

test("deliveries whose message was lost are found without reading those that have ended", async () => {
  const plans = await plansOf(database, (db) => overdueDeliveries(db, T0, 10));
  expect(plans).toEqual([expect.stringContaining("alert_deliveries_due (next_at<?)")]);
});

describe("alerts", () => {
  test("go after 90 days, with their deliveries, and not before", async () => {
    await raiseAt(T0, alertOf("credits_low"), alertOf("test"));
    await raiseAt(T0 + DAY, alertOf("account_frozen"));
    await pruneAlerts(database.db, T0 + 90 * DAY);
    expect(left()).toEqual({ rules: ["account_frozen", "credits_low", "test"], deliveries: 3 });
    await pruneAlerts(database.db, T0 + 90 * DAY + 1);
    expect(left()).toEqual({ rules: ["account_frozen"], deliveries: 1 });
  });

  test("of a window stay as long as the longest window, so that it is not told of twice", async () => {
    await raiseAt(T0, alertOf("window_used"));
    await pruneAlerts(database.db, T0 + 366 * DAY);
    await raiseAt(T0 + 366 * DAY, alertOf("window_used"));
    expect(left()).toEqual({ rules: ["window_used"], deliveries: 1 });
    await pruneAlerts(database.db, T0 + 368 * DAY);
    expect(left()).toEqual({ rules: [], deliveries: 0 });
  });

  test("of a difference stay for as long as it may be found again: it is told once in all", async () => {
    const found = alertOf("payments_differ");
    await raiseAt(T0, found);
    database.sqlite.exec("UPDATE alert_deliveries SET state = 'delivered'");
    for (const days of [100, 1_000, 10_000]) {
      await pruneAlerts(database.db, T0 + days * DAY);
      await raiseAt(T0 + days * DAY, found);
    }
    const rows = database.sqlite.prepare("SELECT a.id, a.at, d.state FROM alerts a, alert_deliveries d").all();
    expect(rows.map((row) => ({ ...row }))).toEqual([{ id: alertIdOf(found), at: T0, state: "delivered" }]);
  });

  test("go some at a time, found without reading those that stay", async () => {
    const many = Array.from({ length: 600 }, (_, index) => alertOf("credits_low", String(index)));
    await raiseAt(T0, ...many);
    const plans = await plansOf(database, (db) => pruneAlerts(db, T0 + 100 * DAY));
    expect(left()).toMatchObject({ rules: { length: 100 }, deliveries: 100 });
    expect(plans.length).toBeGreaterThan(3);
    expect(scansOf(plans)).toEqual([]);
    await pruneAlerts(database.db, T0 + 100 * DAY);
    expect(left()).toEqual({ rules: [], deliveries: 0 });
  });
});
