import { beforeAll, describe, expect, it } from "vitest";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { decodeCursor, encodeCursor, type Page } from "../../src/ledger/cursor.ts";
import { readRequest } from "../../src/ledger/entry-rows.ts";
import { ledgerHealth } from "../../src/ledger/pipeline.ts";
import { type ListQuery, listBalanceUpdates, listMonetizationEvents, listUsageEvents } from "../../src/ledger/read.ts";
import { readSweep, saveSweep } from "../../src/ledger/sweep.ts";
import { usageTotals } from "../../src/ledger/usage-report.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { credits, DAY, grantOf, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory, History } from "./history.ts";

const { db, sqlite } = migratedD1();
const mine = new History("acct_1")
  .give(grantOf("grt_a", 3))
  .give(grantOf("grt_b", 50))
  .request("req_1", 5, 4)
  .refused("req_2", 2)
  .request("req_10", 2, 1);
mine.now = T0 + DAY;
mine.late("req_3", 3, 5).request("req_4", 1, 1);
const others = new History("acct_2").give(grantOf("grt_a", 9)).request("req_1", 2, 2);

beforeAll(() => writeEntries(db, [...mine.entries, ...others.entries].reverse()));

const NEWEST: ListQuery = { after: null, limit: 50, order: "newest" };

/** Every item of a list, read in pages of `limit`. */
async function everything<T>(list: (query: ListQuery) => Promise<Page<T>>, query: ListQuery): Promise<T[]> {
  const page = await list(query);
  expect(page.data.length).toBeLessThanOrEqual(query.limit);
  if (page.nextCursor === null) return [...page.data];
  return [...page.data, ...(await everything(list, { ...query, after: decodeCursor(page.nextCursor) }))];
}

const usage = mine.entries.flatMap((entry) => entry.usage ?? []);
const monetization = mine.entries.flatMap((entry) => entry.monetization ?? []);
const updates = mine.entries.flatMap((entry) => entry.updates);

describe("an account's lists", () => {
  it.each([1, 2, 3, 50])(
    "show every row of the account once, in the order of its history, in pages of %i",
    async (limit) => {
      for (const order of ["newest", "oldest"] as const) {
        const query = { ...NEWEST, limit, order };
        const sorted = <T>(items: T[]): T[] => (order === "newest" ? [...items].reverse() : items);
        const usageRead = await everything((page) => listUsageEvents(db, "acct_1", page), query);
        expect(usageRead.map(({ event }) => event)).toEqual(sorted(usage));
        const monetizationRead = await everything((page) => listMonetizationEvents(db, "acct_1", page), query);
        expect(monetizationRead.map(({ event }) => event)).toEqual(sorted(monetization));
        const updatesRead = await everything((page) => listBalanceUpdates(db, "acct_1", page), query);
        expect(updatesRead.map(({ update }) => update)).toEqual(sorted(updates));
      }
    },
  );

  it("tell of each usage event what was charged for it, and of one that cost nothing that nothing was", async () => {
    const { data } = await listUsageEvents(db, "acct_1", NEWEST);
    const charged = new Map(monetization.map(({ usageId, amount }) => [usageId, amount]));
    expect(data.map(({ event, charge }) => [event.id, charge])).toEqual(
      [...usage].reverse().map(({ id }) => [id, charged.get(id) ?? null]),
    );
    expect(data.map(({ charge }) => charge)).toEqual(expect.arrayContaining([null, credits(4)]));
  });

  it("name the place, the instant and the events of each row", async () => {
    const { data } = await listBalanceUpdates(db, "acct_1", { ...NEWEST, limit: 1 });
    expect(data).toMatchObject([
      {
        place: { epoch: 1, seq: 8, draw: 0 },
        at: mine.at(8).at,
        usageId: "use_4.1",
        monetizationId: "mon_4.1",
        hash: mine.at(8).hash,
      },
    ]);
  });

  it("are ranges of a primary key: no other account's rows are read, and nothing is sorted", async () => {
    const seen: string[] = [];
    const prepare = (sql: string): D1PreparedStatement => {
      seen.push(sql);
      return db.prepare(sql);
    };
    const spy = { prepare } as unknown as D1Database;
    const query = { ...NEWEST, after: { epoch: 1, seq: 5, draw: 0 } };
    await listUsageEvents(spy, "acct_1", query);
    await listMonetizationEvents(spy, "acct_1", query);
    await listBalanceUpdates(spy, "acct_1", query);
    await readRequest(spy, "acct_1", "req_1");
    expect(seen.length).toBeGreaterThanOrEqual(5);
    for (const sql of seen) {
      const plan = sqlite.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
      const steps = plan.map(({ detail }) => String(detail));
      expect(steps.filter((step) => /SCAN (?!json_each)|TEMP B-TREE/.test(step))).toEqual([]);
      expect(steps[0]).toContain("account_id=?");
    }
    expect(sqlite.prepare(`EXPLAIN QUERY PLAN ${seen[0]}`).all()[0]?.detail).toContain("(epoch,seq,draw)<");
  });
});

describe("cursors", () => {
  it("come back as they went", () => {
    const place = { epoch: 2, seq: 123_456_789_012, draw: 7 };
    expect(decodeCursor(encodeCursor(place))).toEqual(place);
    expect(encodeCursor(place)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each(["", "!", "MQ", "MS4y", btoa("1.2.-3"), btoa("1.2.9999999999999999"), "a", "%00"])("refuse %s", (cursor) => {
    expect(decodeCursor(cursor)).toBeNull();
  });
});

describe("the rows of one request", () => {
  it("are found by its id, and nobody else's with them", async () => {
    expect(await readRequest(db, "acct_1", "req_1")).toEqual([mine.at(3)]);
    expect(await readRequest(db, "acct_2", "req_1")).toEqual([others.at(2)]);
    expect(await readRequest(db, "acct_1", "req_2")).toEqual([mine.at(4)]);
    expect(await readRequest(db, "acct_1", "req_3")).toEqual([mine.at(6), mine.at(7)]);
    expect(await readRequest(db, "acct_2", "req_3")).toEqual([]);
    expect(await readRequest(db, "acct_1", "req_")).toEqual([]);
  });

  it("hold its refusals, and what was given back of its charge", async () => {
    const other = migratedD1();
    const history = fullHistory();
    await writeEntries(other.db, history.entries);
    const denied = history.entries.filter(({ usage }) => usage?.requestId === "req_6");
    expect(denied).toHaveLength(1);
    expect(await readRequest(other.db, "acct_1", "req_6")).toEqual(denied);
    expect(await readRequest(other.db, "acct_1", "req_7")).toEqual([]);
    const receipt = receiptFromLedger(await readRequest(other.db, "acct_1", "req_2"));
    expect(receipt?.charge?.amount).toBe(credits(22));
    expect(receipt?.refunded).toBe(credits(6));
  });
});

describe("usage totals", () => {
  const all = { from: 0, to: T0 + 10 * DAY };

  it("add up quantities and charges, and count a late request once", async () => {
    const [total, ...more] = await usageTotals(db, "acct_1", { ...all, groupBy: [] });
    expect(more).toEqual([]);
    expect(total).toMatchObject({
      day: null,
      feature: null,
      model: null,
      requests: 5,
      denied: 0,
      outputTokens: 4 + 1 + 5 + 1,
    });
    expect(total?.charge).toBe(credits(11));
    expect(total?.charge).toBe(monetization.reduce((sum, { amount }) => sum + amount, 0));
  });

  it("are grouped by day, feature and model", async () => {
    const totals = await usageTotals(db, "acct_1", { ...all, groupBy: ["model", "day"] });
    expect(totals.map(({ day, feature, model, requests }) => [day, feature, model, requests])).toEqual([
      ["2026-11-22", null, "gpt-5.4", 3],
      ["2026-11-23", null, "gpt-5.4", 2],
    ]);
    expect(await usageTotals(db, "acct_1", { ...all, groupBy: ["feature"] })).toMatchObject([{ feature: "codex" }]);
  });

  it("tell refused requests apart: they are no requests that were served, and an event may stand for many", async () => {
    const other = migratedD1();
    const history = new History()
      .give(grantOf("grt_a", 3))
      .request("req_1", 2, 1)
      .denied(["req_2", "req_3", "req_4"], 50)
      .denied(["req_5"], 50)
      .refused("req_6", 2);
    await writeEntries(other.db, history.entries);
    const [total] = await usageTotals(other.db, "acct_1", { ...all, groupBy: ["feature"] });
    expect(total).toMatchObject({ requests: 2, denied: 4, outputTokens: 1, charge: credits(1) });
    const onlyRefused = { from: history.at(3).at, to: history.at(4).at, groupBy: [] };
    expect(await usageTotals(other.db, "acct_1", onlyRefused)).toMatchObject([{ requests: 0, denied: 3, charge: 0 }]);
  });

  it("tell what was given back of the charges, on the day of the use, whoever it went back to and whenever", async () => {
    const other = migratedD1();
    const history = new History()
      .give(grantOf("grt_a", 9))
      .request("req_1", 5, 4)
      .request("req_2", 5, 3)
      .refunds("req_1", 1, "poor answer");
    history.now = T0 + DAY;
    // What the voided grant had paid goes to one that takes its place.
    history
      .give(grantOf("grt_b", 50))
      .request("req_3", 3, 3)
      .voids("grt_a", "closed")
      .refunds("req_2", 2, "poor answer");
    await writeEntries(other.db, history.entries);
    const figures = ({ charge, refunded }: { charge: number; refunded: number }) => [charge, refunded];
    const byDay = await usageTotals(other.db, "acct_1", { ...all, groupBy: ["day"] });
    expect(byDay.map(figures)).toEqual([
      [credits(7), credits(3)],
      [credits(3), 0],
    ]);
    expect((await usageTotals(other.db, "acct_1", { ...all, groupBy: [] })).map(figures)).toEqual([
      [credits(10), credits(3)],
    ]);
  });

  it("take in the first instant and leave out the last", async () => {
    const { at } = mine.at(3);
    expect(await usageTotals(db, "acct_1", { from: at, to: at + 1, groupBy: [] })).toMatchObject([{ requests: 1 }]);
    expect(await usageTotals(db, "acct_1", { from: at - 5, to: at, groupBy: [] })).toEqual([]);
  });
});

describe("the ledger's health", () => {
  it("tells the newest update, open quarantine and the last reconciliation", async () => {
    expect(await ledgerHealth(db)).toEqual({
      newestUpdateAt: mine.at(8).at,
      lateSince: null,
      quarantined: 0,
      lastReconciliation: null,
    });
  });

  it("remembers where the sweep stands", async () => {
    const begun = { cursor: null, lateSince: null, lastLateSince: null };
    expect(await readSweep(db)).toEqual(begun);
    await saveSweep(db, { ...begun, cursor: "acct_1" });
    await saveSweep(db, { cursor: "acct_2", lateSince: 5, lastLateSince: 4 });
    expect(await readSweep(db)).toEqual({ cursor: "acct_2", lateSince: 5, lastLateSince: 4 });
    expect((await ledgerHealth(db)).lateSince).toBe(4);
    await saveSweep(db, begun);
    expect(await readSweep(db)).toEqual(begun);
  });
});
