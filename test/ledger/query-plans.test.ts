import { beforeAll, describe, expect, it } from "vitest";
import { readBurn } from "../../src/ledger/burn.ts";
import { readRequest } from "../../src/ledger/entry-rows.ts";
import { readGrantTerms } from "../../src/ledger/grant-terms.ts";
import { entriesOf } from "../../src/ledger/history.ts";
import { dailyTotals, kindTotals } from "../../src/ledger/kind-totals.ts";
import { restoreEntries } from "../../src/ledger/restore.ts";
import { usageTotals } from "../../src/ledger/usage-report.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { credits, DAY, grantOf, T0 } from "../support/core-fixtures.ts";
import { migratedD1, SqliteD1 } from "../support/sqlite-d1.ts";
import { History } from "./history.ts";

const { db, sqlite } = migratedD1();
const asked = new Set<string>();

/** The same database, noting every query. */
class Noted extends SqliteD1 {
  override prepare(query: string) {
    asked.add(query);
    return super.prepare(query);
  }
}
const noted = new Noted(sqlite) as unknown as D1Database;

const LEDGER = /^(usage_events|monetization_events|balance_updates|probe|\w)$/;

/** Parts of the ledger's tables that a query goes through from end to end, or a whole account of them. */
function wholeReads(query: string): string[] {
  const plan = sqlite.prepare(`EXPLAIN QUERY PLAN ${query}`).all() as { detail: string }[];
  return plan
    .map(({ detail }) => detail)
    .filter((detail) => LEDGER.test(detail.split(" ")[1] ?? ""))
    .filter((detail) => /^SCAN (?!json_each)/.test(detail) || detail.endsWith("(account_id=?)"));
}

const history = new History("acct_1")
  .give(grantOf("grt_a", 3))
  .give(grantOf("grt_b", 50))
  .request("req_1", 5, 4)
  .request("req_2", 2, 1);

beforeAll(() => writeEntries(db, history.entries));

describe("however long an account's history is", () => {
  it("a receipt reads the rows of its own request", async () => {
    asked.clear();
    expect(await readRequest(noted, "acct_1", "req_1")).toHaveLength(1);
    expect(asked.size).toBeGreaterThanOrEqual(3);
    expect([...asked].flatMap(wholeReads)).toEqual([]);
  });

  it("the terms of a grant are found without the rest", async () => {
    asked.clear();
    const terms = await readGrantTerms(noted, "acct_1", ["grt_a", "grt_b", "grt_none"]);
    expect([...terms.keys()].sort()).toEqual(["grt_a", "grt_b"]);
    expect([...asked].flatMap(wholeReads)).toEqual([]);
  });

  it("what is asked of a span of time is found by the numbers of its entries", async () => {
    asked.clear();
    const span = { from: T0, to: T0 + DAY };
    await usageTotals(noted, "acct_1", { ...span, groupBy: ["day", "model"] });
    await kindTotals(noted, { ...span, accountId: "acct_1" });
    await dailyTotals(noted, { ...span, accountId: null });
    for await (const page of entriesOf(noted, "acct_1", span)) expect(page).toHaveLength(4);
    expect(asked.size).toBeGreaterThanOrEqual(5);
    expect([...asked].flatMap(wholeReads)).toEqual([]);
  });

  it("putting entries back reads what stands at their places", async () => {
    asked.clear();
    const put = await restoreEntries(noted, "acct_1", history.entries.slice(1, 3));
    expect(put).toEqual({ kind: "restored", present: 2, restored: [] });
    expect(asked.size).toBe(1);
    expect([...asked].flatMap(wholeReads)).toEqual([]);
  });

  it("entries are written without a look at it", async () => {
    asked.clear();
    await writeEntries(noted, history.entries);
    expect(asked.size).toBe(5);
    expect([...asked].flatMap(wholeReads)).toEqual([]);
  });

  it("a look at all of an account would be noticed", () => {
    const query = "SELECT * FROM balance_updates WHERE account_id = ? AND cause = ? AND kind IN ('refund', 'grant')";
    expect(wholeReads(query)).toHaveLength(1);
  });

  it("its pace is read from the newest part, and says so", async () => {
    const long = new History("acct_long").give(grantOf("grt_long", 100_000));
    for (let request = 1; request <= 5_100; request += 1) {
      long.now = T0 + request * 1_000;
      long.request(`req_${request}`, 1, 1);
    }
    for (let first = 0; first < long.entries.length; first += 100) {
      await writeEntries(db, long.entries.slice(first, first + 100));
    }
    const burn = await readBurn(db, "acct_long", T0);
    expect(burn).toEqual({ amount: credits(5_000), firstAt: T0 + 101_000, complete: false });
    const newest = await readBurn(db, "acct_long", T0 + 5_000_000);
    expect(newest).toEqual({ amount: credits(101), firstAt: T0 + 5_000_000, complete: true });
    expect(await readBurn(db, "acct_1", T0)).toMatchObject({ amount: credits(5), complete: true });
    expect(await readBurn(db, "acct_none", T0)).toEqual({ amount: 0, firstAt: null, complete: true });
  }, 30_000);
});
