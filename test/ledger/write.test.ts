import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chain } from "../../src/core/event.ts";
import { readEntries } from "../../src/ledger/entry-rows.ts";
import { chunkByBytes, writeEntries } from "../../src/ledger/write.ts";
import { credits, grantOf, sha256 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { forked, fullHistory, History } from "./history.ts";

function dump(sqlite: ReturnType<typeof migratedD1>["sqlite"]): unknown {
  return ["usage_events", "monetization_events", "balance_updates", "balances"].map((table) =>
    sqlite.prepare(`SELECT * FROM ${table}`).all(),
  );
}

function changes(sqlite: ReturnType<typeof migratedD1>["sqlite"]): number {
  return Number(sqlite.prepare("SELECT total_changes() AS total").get()?.total);
}

describe("writing entries", () => {
  it("rebuilds every entry exactly as the object hashed it", async () => {
    const { db } = migratedD1();
    const history = fullHistory();
    await writeEntries(db, history.entries);
    const read = await readEntries(db, history.id, 1, { after: 0, to: 1_000 });
    expect(read).toEqual(history.entries);
    const kinds = new Set(read.flatMap((entry) => entry.updates.map((update) => update.kind)));
    expect([...kinds].sort()).toEqual([
      "allowance",
      "debit",
      "expiry",
      "grant",
      "none",
      "overshoot",
      "overshoot_refund",
      "refund",
      "void",
    ]);
    for (const { prev, hash, ...entry } of read) expect(chain(sha256, entry, prev).hash).toBe(hash);
  });

  it("keeps the reason of what a person took away or gave back, and the refusals that an event stands for", async () => {
    const { db } = migratedD1();
    const history = fullHistory();
    await writeEntries(db, history.entries);
    const read = await readEntries(db, history.id, 1, { after: 0, to: 1_000 });
    const byPeople = read.flatMap(({ updates }) => updates).filter(({ kind }) => kind === "void" || kind === "refund");
    expect(byPeople.map(({ kind, source, amount, detail }) => [kind, source, amount, detail])).toEqual([
      ["refund", "grt_c", credits(2), { reason: 'a "late" answer ✓' }],
      ["void", "grt_d", credits(4), { reason: "given by mistake" }],
      ["refund", "grt_a", credits(5), { reason: "one of its grants has ended" }],
    ]);
    const [adjustment] = read
      .flatMap(({ updates }) => updates)
      .filter(({ detail }) => {
        return detail !== null && "kind" in detail && detail.kind === "adjustment";
      });
    expect(adjustment).toMatchObject({ kind: "grant", amount: credits(1), cause: "mon_2.1" });
    const denied = read.flatMap(({ usage }) => (usage?.outcome === "denied" ? [usage] : []));
    expect(denied.map(({ attempt, requestId, decision }) => [attempt, requestId, decision.denial?.count])).toEqual([
      [0, "req_8", 3],
      [0, "req_6", 1],
    ]);
    expect(denied.every(({ id }) => /^use_\d\.0~\d+$/.test(id))).toBe(true);
  });

  it("costs a simple request four rows written", async () => {
    const { db, sqlite } = migratedD1();
    const history = new History().give(grantOf("grt_a", 10)).request("req_1", 2, 1);
    await writeEntries(db, [history.at(1)]);
    const before = changes(sqlite);
    await writeEntries(db, [history.at(2)]);
    expect(changes(sqlite) - before).toBe(4);
  });

  it("costs many of an account one row of the balances for all of them", async () => {
    const { db, sqlite } = migratedD1();
    const history = new History().give(grantOf("grt_a", 100));
    for (let request = 1; request <= 10; request += 1) history.request(`req_${request}`, 2, 1);
    const before = changes(sqlite);
    // One of them twice, as a queue may bring it.
    await writeEntries(db, [...history.entries, history.at(3)]);
    expect(changes(sqlite) - before).toBe(1 + 10 * 3 + 1);
    expect(sqlite.prepare("SELECT balance, entries, max_seq FROM balances").get()).toEqual({
      balance: credits(90),
      entries: 11,
      max_seq: 11,
    });
    await writeEntries(db, history.entries);
    expect(changes(sqlite) - before).toBe(1 + 10 * 3 + 1);
  });

  it("moves the balance also for a version that leaves that to the trigger", async () => {
    const { db, sqlite } = migratedD1();
    const history = new History().give(grantOf("grt_a", 10)).request("req_1", 2, 1);
    await writeEntries(db, history.entries);
    const columns =
      "account_id, epoch, 3, draw, 'bal_1.1.3.0', v, at, kind, source, amount, delta, balance_after - 1, cause";
    sqlite.exec(`INSERT INTO balance_updates (account_id, epoch, seq, draw, id, v, at, kind, source, amount, delta,
      balance_after, cause, prev, hash) SELECT ${columns}, hash, 'h' FROM balance_updates WHERE seq = 2`);
    expect(sqlite.prepare("SELECT balance, entries FROM balances").get()).toEqual({ balance: credits(8), entries: 3 });
  });

  it("gives the same database for any order, batching and repetition, and a replay writes nothing", async () => {
    const entries = [...fullHistory("acct_1").entries, ...fullHistory("acct_2").entries];
    const once = migratedD1();
    await writeEntries(once.db, entries);
    const expected = dump(once.sqlite);
    const indexes = fc.array(fc.array(fc.nat(entries.length - 1), { minLength: 1, maxLength: 8 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(indexes, fc.shuffledSubarray(entries, { minLength: entries.length }), async (batches, rest) => {
        const { db, sqlite } = migratedD1();
        for (const batch of batches)
          await writeEntries(
            db,
            batch.flatMap((index) => entries[index] ?? []),
          );
        await writeEntries(db, rest);
        expect(dump(sqlite)).toEqual(expected);
        const before = changes(sqlite);
        await writeEntries(db, rest);
        expect(changes(sqlite)).toBe(before);
        sqlite.close();
      }),
      { numRuns: 25 },
    );
  });

  it("keeps the balance, the number of entries and the newest instant of each account", async () => {
    const { db, sqlite } = migratedD1();
    const history = fullHistory();
    await writeEntries(db, history.entries);
    const { balance, seq } = history.state.row;
    expect({ ...sqlite.prepare("SELECT * FROM balances").get() }).toEqual({
      account_id: history.id,
      balance,
      entries: history.entries.length,
      max_seq: seq,
      updated_at: history.at(seq).at,
    });
  });

  it("refuses another history under the same place, and nothing moves", async () => {
    const { db, sqlite } = migratedD1();
    const history = fullHistory();
    await writeEntries(db, history.entries.slice(0, 4));
    const before = dump(sqlite);
    const other = forked(history.at(2));
    await expect(writeEntries(db, [history.at(5), other])).rejects.toThrow("fork");
    expect(dump(sqlite)).toEqual(before);
  });

  it("refuses to charge one request in two places of a history", async () => {
    const { db, sqlite } = migratedD1();
    const first = new History().give(grantOf("grt_a", 10)).request("req_1", 2, 1);
    const second = new History().give(grantOf("grt_a", 10)).give(grantOf("grt_b", 10)).request("req_1", 2, 1);
    await writeEntries(db, first.entries);
    const before = dump(sqlite);
    await expect(writeEntries(db, [second.at(3)])).rejects.toThrow("reused event");
    expect(dump(sqlite)).toEqual(before);
  });

  it.each(["usage_events", "monetization_events", "balance_updates"])(
    "lets nobody change or remove %s",
    async (table) => {
      const { db, sqlite } = migratedD1();
      await writeEntries(db, fullHistory().entries);
      expect(() => sqlite.exec(`UPDATE ${table} SET at = 0`)).toThrow("append-only");
      expect(() => sqlite.exec(`DELETE FROM ${table}`)).toThrow("append-only");
    },
  );
});

describe("splitting what is written", () => {
  const items = fullHistory().entries.map((entry) => ({ entry }));

  it("keeps every entry whole and in its order, with no parameter above the limit", () => {
    const chunks = chunkByBytes(items, 3_000);
    expect(chunks.length).toBeGreaterThan(1);
    expect(chunks.flat()).toEqual(items);
  });

  it("sends an entry that is too large alone", () => {
    expect(chunkByBytes(items, 1)).toEqual(items.map((item) => [item]));
  });

  it("leaves what fits together", () => {
    expect(chunkByBytes(items)).toEqual([items]);
    expect(chunkByBytes([])).toEqual([]);
  });
});
