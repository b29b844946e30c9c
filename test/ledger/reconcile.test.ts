import { describe, expect, it } from "vitest";
import { MOST_LISTED, type ObjectHead } from "../../src/ledger/account-audit.ts";
import { ledgerHealth } from "../../src/ledger/pipeline.ts";
import { type ReconcileDeps, reconcileAccount, reconcileAll } from "../../src/ledger/reconcile.ts";
import { type LedgerDifference, latestReconciliation } from "../../src/ledger/reconciliations.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { grantOf, HOUR, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { forked, fullHistory, History, rateOf } from "./history.ts";

function longHistory(id = "acct_1"): History {
  return new History(id)
    .give(grantOf("grt_a", 10, { expiresAt: T0 + HOUR }))
    .give(grantOf("grt_b", 20))
    .request("req_1", 3, 2)
    .request("req_2", 9, 12)
    .refused("req_3", 2)
    .late("req_4", 2, 3)
    .request("req_5", 1, 1);
}

interface World {
  readonly deps: ReconcileDeps;
  readonly sqlite: ReturnType<typeof migratedD1>["sqlite"];
  readonly frozen: [string, LedgerDifference][];
  readonly heads: Map<string, ObjectHead | Error>;
}

/** A ledger that holds `entries` of the histories (all by default), whose objects answer with their heads. */
async function world(histories: readonly History[], keep = (_: number): boolean => true): Promise<World> {
  const { db, sqlite } = migratedD1();
  const frozen: World["frozen"] = [];
  const heads: World["heads"] = new Map(histories.map((history) => [history.id, history.head()]));
  for (const { entries } of histories) {
    const kept = entries.filter(({ seq }) => keep(seq));
    if (kept.length > 0) await writeEntries(db, kept);
  }
  let ids = 0;
  const deps: ReconcileDeps = {
    db,
    rateOf,
    async headOf(accountId) {
      const head = heads.get(accountId);
      if (head instanceof Error) throw head;
      return head ?? null;
    },
    async freeze(accountId, first) {
      frozen.push([accountId, first]);
    },
    async accountsAfter(after, limit) {
      return [...heads.keys()].filter((id) => after === null || id > after).slice(0, limit);
    },
    newId() {
      ids += 1;
      return `rec_${ids}`;
    },
    now: () => T0,
  };
  return { deps, sqlite, frozen, heads };
}

/** Changes rows as somebody with access to the database could, past the triggers. */
function tamper({ sqlite }: World, table: string, sql: string): void {
  sqlite.exec(`DROP TRIGGER ${table}_no_update; DROP TRIGGER ${table}_no_delete`);
  sqlite.exec(sql);
}

/** A statement that D1 has no time for. */
const overloaded = {
  bind: () => overloaded,
  raw: () => Promise.reject(new Error("D1_ERROR: D1 DB is overloaded.")),
};

function brief(differences: readonly LedgerDifference[]): [string, number][] {
  return differences.map(({ rule, seq }) => [rule, seq]);
}

describe("reconciling a good ledger", () => {
  it("finds nothing, freezes nobody and keeps the result", async () => {
    const history = longHistory();
    const it = await world([history]);
    const result = await reconcileAccount(it.deps, "acct_1");
    expect(result).toEqual({
      id: "rec_1",
      account: "acct_1",
      checked: { accounts: 1, events: 8 },
      pending: { reservations: 0, stale_reservations: 0, outbox: 0 },
      differences: [],
      difference_count: 0,
      unchecked: [],
      unchecked_count: 0,
      finished_at: "2026-11-22T12:00:00.000Z",
    });
    expect(it.frozen).toEqual([]);
    expect(await latestReconciliation(it.deps.db)).toEqual(result);
    expect((await ledgerHealth(it.deps.db)).lastReconciliation).toEqual(result);
  });

  it("finds nothing after refusals, refunds, voided grants and renewed entitlements", async () => {
    const history = fullHistory();
    const it = await world([history]);
    const { differences, checked } = await reconcileAccount(it.deps, "acct_1");
    expect(differences).toEqual([]);
    expect(checked.events).toBe(history.entries.length);
    expect(it.frozen).toEqual([]);
  });

  it("finds nothing after grants have lapsed, beyond one page of entries", async () => {
    const history = new History()
      .give(grantOf("grt_a", 2_000))
      .give(grantOf("grt_b", 5, { priority: 90, expiresAt: T0 + HOUR }));
    for (let index = 0; index < 1_010; index += 1) history.request(`req_${index}`, 1, 1);
    history.now = T0 + 2 * HOUR;
    history.lapse();
    const it = await world([history]);
    expect(await reconcileAccount(it.deps, "acct_1")).toMatchObject({ checked: { events: 1_013 }, differences: [] });
  });

  it("finds nothing in an account that was never used", async () => {
    const it = await world([]);
    expect(await reconcileAccount(it.deps, "acct_new")).toMatchObject({ differences: [], unchecked: [] });
  });

  it("counts open reservations and entries on their way, and takes neither for a difference", async () => {
    const history = longHistory();
    history.hold("req_open", 1);
    const it = await world([history], (seq) => seq !== 4 && seq !== 8);
    it.heads.set("acct_1", history.head({ unconfirmed: [2, 4, 8], staleReservations: 1 }));
    expect(await reconcileAccount(it.deps, "acct_1")).toMatchObject({
      checked: { accounts: 1, events: 3 },
      pending: { reservations: 1, stale_reservations: 1, outbox: 3 },
      differences: [],
    });
    expect(it.frozen).toEqual([]);
  });

  it("is not misled by entries that arrive while it runs", async () => {
    const history = longHistory();
    const it = await world([history], (seq) => seq <= 3);
    const early = history.head({ ...headAt(history, 3), unconfirmed: [] });
    const deps: ReconcileDeps = {
      ...it.deps,
      async headOf() {
        await writeEntries(it.deps.db, history.entries);
        return early;
      },
    };
    expect(await reconcileAccount(deps, "acct_1")).toMatchObject({ checked: { events: 3 }, differences: [] });
  });

  it("takes nothing for lost behind a full list of the outbox", async () => {
    const history = longHistory();
    const it = await world([history], (seq) => seq < 5);
    const unconfirmed = [...Array.from({ length: MOST_LISTED - 1 }, () => 1), 5];
    it.heads.set("acct_1", history.head({ unconfirmed }));
    expect((await reconcileAccount(it.deps, "acct_1")).differences).toEqual([]);
  });
});

/** What the object would have said when `seq` was its newest entry. */
function headAt(history: History, seq: number): ObjectHead {
  const { hash, updates } = history.at(seq);
  const left = new Map<string, number>();
  for (const entry of history.entries.slice(0, seq)) {
    for (const { source, delta } of entry.updates) {
      if (source !== null) left.set(source, (left.get(source) ?? 0) + delta);
    }
  }
  return { ...history.head(), seq, head: hash, balance: updates.at(-1)?.balanceAfter ?? 0, grants: [...left] };
}

describe("reconciling a ledger that does not add up", () => {
  it("names the first missing entry that nobody has", async () => {
    const it = await world([longHistory()], (seq) => seq !== 4);
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(differences[0]).toMatchObject({ account: "acct_1", rule: "gap", seq: 4, expected: "4", found: "5" });
    expect(it.frozen).toEqual([["acct_1", differences[0]]]);
  });

  it("names an entry that is missing at the end", async () => {
    const it = await world([longHistory()], (seq) => seq < 7);
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(differences).toMatchObject([{ rule: "gap", seq: 7, expected: "8", found: "6" }]);
  });

  it("tells lost entries from pending ones, also behind the first pending one", async () => {
    const history = longHistory();
    const it = await world([history], (seq) => seq !== 3 && seq !== 4 && seq !== 6 && seq !== 7);
    it.heads.set("acct_1", history.head({ unconfirmed: [4] }));
    expect((await reconcileAccount(it.deps, "acct_1")).differences).toMatchObject([
      { rule: "gap", seq: 3, expected: "3 to 3" },
      { rule: "gap", seq: 6, expected: "6 to 7" },
    ]);
  });

  it("finds a changed amount", async () => {
    const it = await world([longHistory()]);
    tamper(it, "monetization_events", "UPDATE monetization_events SET amount = 1 WHERE seq = 3");
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(brief(differences)).toEqual([
      ["chain", 3],
      ["price", 3],
      ["sum", 3],
    ]);
  });

  it("finds a changed balance update", async () => {
    const it = await world([longHistory()]);
    tamper(it, "balance_updates", "UPDATE balance_updates SET amount = 1, delta = -1 WHERE seq = 3");
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(differences[0]).toMatchObject({ seq: 3, rule: "chain" });
    expect(brief(differences)).toContainEqual(["balance", 0]);
  });

  it.each([
    ["hash", "UPDATE balance_updates SET hash = 'x' WHERE seq = 5"],
    ["link", "UPDATE balance_updates SET prev = 'x' WHERE seq = 5"],
    ["instant", "UPDATE balance_updates SET at = at + 1 WHERE seq = 5"],
    ["hash of a further draw", "UPDATE balance_updates SET hash = 'x' WHERE seq = 4 AND draw = 1"],
  ])("finds a changed %s", async (_, sql) => {
    const it = await world([longHistory()]);
    tamper(it, "balance_updates", sql);
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(differences[0]).toMatchObject({ rule: "chain", seq: sql.includes("seq = 4") ? 4 : 5 });
  });

  it.each([
    ["usage", "UPDATE usage_events SET usage = json_set(usage, '$.outputTokens', 1) WHERE seq = 3"],
    ["decision", "UPDATE usage_events SET decision = json_set(decision, '$.reserved', 1) WHERE seq = 3"],
    ["instant", "UPDATE usage_events SET at = at + 1 WHERE seq = 3"],
  ])("finds a changed %s of a usage event", async (_, sql) => {
    const it = await world([longHistory()]);
    tamper(it, "usage_events", sql);
    expect((await reconcileAccount(it.deps, "acct_1")).differences[0]).toMatchObject({ rule: "chain", seq: 3 });
  });

  it("finds a removed event and an invented one", async () => {
    const removed = await world([longHistory()]);
    tamper(removed, "monetization_events", "DELETE FROM monetization_events WHERE seq = 3");
    expect(brief((await reconcileAccount(removed.deps, "acct_1")).differences)).toContainEqual(["orphan", 0]);

    const invented = await world([longHistory()]);
    invented.sqlite.exec(`INSERT INTO usage_events SELECT account_id, 'use_new.1', epoch, seq, at, 'req_new', attempt, key_id,
      feature, model, outcome, estimated, usage, decision FROM usage_events WHERE seq = 3`);
    expect(brief((await reconcileAccount(invented.deps, "acct_1")).differences)).toEqual([["orphan", 0]]);
  });

  it("finds a wrong balance and a wrong number of entries", async () => {
    const it = await world([longHistory()]);
    it.sqlite.exec("UPDATE balances SET balance = balance + 1, entries = entries + 1");
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(brief(differences)).toEqual([
      ["balance", 0],
      ["balance", 0],
    ]);
  });

  it("finds a charge at a rate that does not exist", async () => {
    const it = await world([longHistory()]);
    const { differences } = await reconcileAccount({ ...it.deps, rateOf: () => null }, "acct_1");
    expect(differences[0]).toMatchObject({ rule: "price", seq: 3, found: "none" });
  });

  it("finds an object that says something else", async () => {
    const history = longHistory();
    const it = await world([history]);
    it.heads.set("acct_1", history.head({ balance: 1, head: "other", grants: [["grt_x", 5]] }));
    const { differences } = await reconcileAccount(it.deps, "acct_1");
    expect(new Set(differences.map(({ rule }) => rule))).toEqual(new Set(["balance", "chain", "grant"]));
  });

  it("finds an object that wrote another history under the same numbers", async () => {
    const history = longHistory();
    const it = await world([history]);
    const { hash } = forked(history.at(8));
    it.heads.set("acct_1", history.head({ head: hash, unconfirmed: [8] }));
    expect((await reconcileAccount(it.deps, "acct_1")).differences).toMatchObject([{ rule: "chain", seq: 8 }]);
  });

  it("finds an object that lost its memory, in part or whole", async () => {
    const history = longHistory();
    const part = await world([history]);
    part.heads.set("acct_1", headAt(history, 5));
    expect((await reconcileAccount(part.deps, "acct_1")).differences).toMatchObject([
      { rule: "gap", seq: 6, expected: "1.8", found: "1.5" },
    ]);
    const whole = await world([history]);
    whole.heads.delete("acct_1");
    expect((await reconcileAccount(whole.deps, "acct_1")).differences).toMatchObject([{ rule: "gap", seq: 1 }]);
  });
});

describe("reconciling all accounts", () => {
  it("checks each, freezes only those that differ, and tells its progress", async () => {
    const it = await world(["acct_1", "acct_2", "acct_3"].map((id) => longHistory(id)));
    tamper(it, "balance_updates", "DELETE FROM balance_updates WHERE account_id = 'acct_2' AND seq = 4");
    const told: [string, number][] = [];
    const result = await reconcileAll(it.deps, (id, differences) => told.push([id, differences.length]));
    expect(result).toMatchObject({ account: null, checked: { accounts: 3 }, unchecked: [] });
    expect(told.map(([id, count]) => [id, count > 0])).toEqual([
      ["acct_1", false],
      ["acct_2", true],
      ["acct_3", false],
    ]);
    expect(it.frozen).toMatchObject([["acct_2", { rule: "gap", seq: 4 }]]);
  });

  it("says which accounts it could not check or freeze, and goes on", async () => {
    const it = await world(["acct_1", "acct_2", "acct_3"].map((id) => longHistory(id)));
    it.heads.set("acct_1", new Error("the object is away"));
    it.heads.set("acct_2", { ...longHistory("acct_2").head(), balance: 1 });
    const deps: ReconcileDeps = { ...it.deps, freeze: () => Promise.reject(new Error("not frozen")) };
    expect(await reconcileAll(deps)).toMatchObject({
      checked: { accounts: 2 },
      differences: [{ account: "acct_2", rule: "balance" }],
      unchecked: [
        { account: "acct_1", reason: "the object is away" },
        { account: "acct_2", reason: "not frozen" },
      ],
      unchecked_count: 2,
    });
  });

  it("says why D1 failed, not only what it was asked", async () => {
    const it = await world([longHistory()]);
    const failing = new Proxy(it.deps.db, {
      get: (db, name) =>
        name === "prepare"
          ? (sql: string) => (sql.includes("left join") ? overloaded : db.prepare(sql))
          : Reflect.get(db, name).bind(db),
    });
    const { unchecked } = await reconcileAccount({ ...it.deps, db: failing }, "acct_1");
    expect(unchecked).toEqual([{ account: "acct_1", reason: "D1_ERROR: D1 DB is overloaded." }]);
  });

  it("counts those in a result from before they were counted", async () => {
    const it = await world([]);
    it.heads.set("acct_1", new Error("the object is away"));
    const result = await reconcileAll(it.deps);
    it.sqlite.exec("UPDATE reconciliations SET result = json_remove(result, '$.unchecked_count')");
    expect(await latestReconciliation(it.deps.db)).toEqual(result);
  });

  it("stops reading an account of which everything differs", async () => {
    const history = new History("acct_1").give(grantOf("grt_a", 100_000));
    for (let request = 1; request <= 6_000; request += 1) history.request(`req_${request}`, 1, 1);
    const it = await world([history]);
    const result = await reconcileAccount({ ...it.deps, rateOf: () => null }, "acct_1");
    expect(result.differences[0]).toMatchObject({ rule: "price", seq: 2 });
    expect(result.checked.events).toBeLessThan(3_000);
    expect(result.difference_count).toBeLessThan(4_000);
    expect(it.frozen).toMatchObject([["acct_1", { rule: "price", seq: 2 }]]);
  });

  it("keeps a result that fits its row, however many accounts it could not check", async () => {
    const it = await world([]);
    for (let account = 1; account <= 5_000; account += 1) {
      it.heads.set(`acct_${account}`, new Error("the object is away ".repeat(50)));
    }
    const ids = [...it.heads.keys()].sort();
    const accountsAfter = async (after: string | null, limit: number) =>
      ids.slice(after === null ? 0 : ids.indexOf(after) + 1).slice(0, limit);
    const result = await reconcileAll({ ...it.deps, accountsAfter });
    expect(result.unchecked_count).toBe(5_000);
    expect(result.unchecked[0]?.account).toBe("acct_1");
    expect(await latestReconciliation(it.deps.db)).toEqual(result);
    expect(JSON.stringify(result).length).toBeLessThan(200_000);
  });
});
