import { beforeAll, expect, it } from "vitest";
import { dailyTotals, type KindQuery, type KindTotal, kindTotals } from "../../src/ledger/kind-totals.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { credits, DAY, grantOf, T0 } from "../support/core-fixtures.ts";
import { plansOf } from "../support/query-plans.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { History } from "./history.ts";

const database = migratedD1();
const idle = new History("acct_1").give(grantOf("grt_a", 5)).request("req_1", 2, 1);
const moved = new History("acct_2").give(grantOf("grt_a", 9)).request("req_1", 2, 2);
moved.now = T0 + 2 * DAY;
moved.request("req_2", 3, 3);

beforeAll(() => writeEntries(database.db, [...idle.entries, ...moved.entries]));

const ALL: KindQuery = { accountId: null, from: 0, to: T0 + 10 * DAY };

function amounts(totals: readonly KindTotal[]) {
  return totals.map(({ kind, count, amount }) => [kind, count, amount]);
}

it("sums over all accounts what was moved within the span, and nothing else", async () => {
  expect(amounts(await kindTotals(database.db, ALL))).toEqual([
    ["debit", 3, credits(6)],
    ["grant", 2, credits(14)],
  ]);
  expect(amounts(await kindTotals(database.db, { ...ALL, from: T0 + DAY }))).toEqual([["debit", 1, credits(3)]]);
  expect(amounts(await kindTotals(database.db, { ...ALL, to: T0 + DAY }))).toEqual([
    ["debit", 2, credits(3)],
    ["grant", 2, credits(14)],
  ]);
  expect(amounts(await kindTotals(database.db, { ...ALL, from: T0 + 3 * DAY }))).toEqual([]);
  expect((await dailyTotals(database.db, ALL)).map(({ day }) => day)).toEqual(["2026-11-22", "2026-11-24"]);
});

it("reads of each history what the span can have, and none of accounts that have not moved since", async () => {
  for (const read of [kindTotals, dailyTotals]) {
    const plans = await plansOf(database, (db) => read(db, { ...ALL, from: T0 + DAY }));
    expect(plans).toContain("SEARCH b USING PRIMARY KEY (account_id=? AND epoch=? AND seq>? AND seq<?)");
    expect(plans.filter((step) => step.startsWith("SEARCH") && step.endsWith("(account_id=?)"))).toEqual([]);
    expect(plans.filter((step) => /^SCAN (balance_updates|probe|b)\b/.test(step))).toEqual([]);
    expect(plans.filter((step) => step.startsWith("SCAN balances"))).toHaveLength(1);
  }
});
