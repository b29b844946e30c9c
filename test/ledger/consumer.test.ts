import { describe, expect, it } from "vitest";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type ConsumerDeps, consumeLedger } from "../../src/ledger/consumer.ts";
import { classify, retryDelay } from "../../src/ledger/failure.ts";
import { grantOf } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { forked, History, messageOf } from "./history.ts";
import { batchOf, type Delivered, delivered } from "./queue.ts";

interface World {
  readonly deps: ConsumerDeps;
  readonly sqlite: ReturnType<typeof migratedD1>["sqlite"];
  readonly confirmed: [accountId: string, epoch: number, seqs: readonly number[]][];
  /** Accounts whose paid use was to be stopped; the object cannot be reached. */
  readonly frozen: string[];
  /** Runs at every batch sent to D1: `before` and `after` its commit. Throw to make it fail there. */
  onBatch: { before: (count: number) => void; after: (count: number) => void };
}

function world(): World {
  const { db, sqlite } = migratedD1();
  const confirmed: World["confirmed"] = [];
  const frozen: World["frozen"] = [];
  const onBatch: World["onBatch"] = { before: () => {}, after: () => {} };
  let count = 0;
  const observed = {
    prepare: (sql: string) => db.prepare(sql),
    async batch(statements: D1PreparedStatement[]) {
      count += 1;
      onBatch.before(count);
      const results = await db.batch(statements);
      onBatch.after(count);
      return results;
    },
  } as unknown as D1Database;
  const deps: ConsumerDeps = {
    db: observed,
    now: () => 1_000,
    random: () => 0,
    async confirm(accountId, epoch, seqs) {
      confirmed.push([accountId, epoch, seqs]);
    },
    async freeze(accountId) {
      frozen.push(accountId);
      throw new Error("the object cannot be reached");
    },
  };
  return { deps, sqlite, confirmed, frozen, onBatch };
}

function seqsIn({ sqlite }: World, accountId = "acct_1"): number[] {
  return sqlite
    .prepare("SELECT DISTINCT seq FROM balance_updates WHERE account_id = ? ORDER BY seq")
    .all(accountId)
    .map(({ seq }) => Number(seq));
}

function quarantined({ sqlite }: World): Record<string, unknown>[] {
  return sqlite
    .prepare("SELECT account_id, reason, count, redriven_at FROM quarantine ORDER BY reason")
    .all()
    .map((row) => ({ ...row }));
}

function requests(count: number, id = "acct_1"): History {
  const history = new History(id).give(grantOf("grt_a", count));
  for (let index = 1; index < count; index += 1) history.request(`req_${index}`, 1, 1);
  return history;
}

/** One message for each entry. */
function singly(entries: readonly ChainedEntry[]): Delivered[] {
  return entries.map((entry) => delivered(messageOf([entry]), `m${entry.seq}`));
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("consuming the ledger's queue", () => {
  it("writes, confirms exact sequence numbers and acknowledges", async () => {
    const it = world();
    const history = requests(5);
    const message = delivered(messageOf([history.at(5), history.at(2), history.at(4)]));
    expect(await consumeLedger(batchOf([message]), it.deps)).toEqual({ written: 3, quarantined: 0, retried: 0 });
    expect(message.outcome).toBe("acked");
    expect(it.confirmed).toEqual([["acct_1", 1, [2, 4, 5]]]);
    expect(seqsIn(it)).toEqual([2, 4, 5]);
  });

  it("confirms each account its own", async () => {
    const it = world();
    const messages = [requests(2, "acct_1"), requests(3, "acct_2")].map(({ entries }) => delivered(messageOf(entries)));
    await consumeLedger(batchOf([...messages, ...messages]), it.deps);
    expect(it.confirmed).toEqual([
      ["acct_1", 1, [1, 2]],
      ["acct_2", 1, [1, 2, 3]],
    ]);
  });

  it.each(["one message each", "one message for all"])("isolates one poison among 100 entries: %s", async (packing) => {
    const it = world();
    const history = requests(100);
    await consumeLedger(batchOf([delivered(messageOf([history.at(50)]))]), it.deps);
    const entries = history.entries.map((entry) => (entry.seq === 50 ? forked(entry) : entry));
    const messages = packing === "one message each" ? singly(entries) : [delivered(messageOf(entries))];
    const consumed = await consumeLedger(batchOf(messages), it.deps);
    expect(consumed).toEqual({ written: 99, quarantined: 1, retried: 0 });
    expect(messages.every((message) => message.outcome === "acked")).toBe(true);
    expect(seqsIn(it)).toEqual(range(1, 100));
    expect(it.confirmed[1]).toEqual(["acct_1", 1, [...range(1, 49), ...range(51, 100)]]);
    expect(quarantined(it)).toEqual([{ account_id: "acct_1", reason: "fork", count: 1, redriven_at: null }]);
  });

  it("isolates several poisons of different kinds and writes the rest", async () => {
    const it = world();
    const history = requests(40);
    await consumeLedger(batchOf([delivered(messageOf([history.at(3), history.at(30)]))]), it.deps);
    const entries: unknown[] = [...history.entries];
    entries[2] = forked(history.at(3));
    entries[9] = { ...history.at(10), at: 0 };
    entries[29] = forked(history.at(30));
    const messages = [
      delivered({ v: 1, accountId: "acct_1", entries }),
      delivered("not a message"),
      delivered({ v: 7, accountId: "acct_1", entries }),
    ];
    const consumed = await consumeLedger(batchOf(messages), it.deps);
    expect(consumed).toEqual({ written: 37, quarantined: 5, retried: 0 });
    expect(seqsIn(it)).toEqual([...range(1, 9), ...range(11, 40)]);
    expect(quarantined(it).map(({ reason }) => reason)).toEqual([
      "fork",
      "fork",
      "shape: Invalid input: expected object, received string",
      "shape: hash does not match the content",
      "version 7 is not known",
    ]);
    expect(it.frozen).toEqual(["acct_1"]);
  });

  it("moves nothing for a fork, counts it when it comes again, and asks each time to stop paid use", async () => {
    const it = world();
    const history = requests(3);
    await consumeLedger(batchOf([delivered(messageOf(history.entries))]), it.deps);
    const before = it.sqlite.prepare("SELECT * FROM balances").all();
    const fork = messageOf([forked(history.at(2))]);
    await consumeLedger(batchOf([delivered(fork)]), it.deps);
    await consumeLedger(batchOf([delivered(fork)]), it.deps);
    expect(it.sqlite.prepare("SELECT * FROM balances").all()).toEqual(before);
    expect(it.confirmed).toHaveLength(1);
    expect(quarantined(it)).toEqual([{ account_id: "acct_1", reason: "fork", count: 2, redriven_at: null }]);
    expect(it.frozen).toEqual(["acct_1", "acct_1"]);
  });

  it.each(["before", "after"] as const)("loses nothing when D1 fails %s the commit", async (moment) => {
    const it = world();
    const { entries } = requests(10);
    it.onBatch[moment] = (count) => {
      if (count === 1) throw new Error("D1_ERROR: Network connection lost.");
    };
    const message = delivered(messageOf(entries), "m", 3);
    expect(await consumeLedger(batchOf([message]), it.deps)).toEqual({ written: 0, quarantined: 0, retried: 1 });
    expect([message.outcome, message.delaySeconds]).toEqual(["retried", 20]);
    expect(it.confirmed).toEqual([]);
    expect(quarantined(it)).toEqual([]);

    const again = delivered(messageOf(entries), "m", 4);
    await consumeLedger(batchOf([again]), it.deps);
    expect(again.outcome).toBe("acked");
    expect(seqsIn(it)).toEqual(range(1, 10));
    expect({ ...it.sqlite.prepare("SELECT balance, entries FROM balances").get() }).toEqual({
      balance: 1_000_000,
      entries: 10,
    });
    expect(it.confirmed).toEqual([["acct_1", 1, range(1, 10)]]);
  });

  it("gives an overloaded database more time", async () => {
    const it = world();
    it.onBatch.before = () => {
      throw new Error("D1_ERROR: D1 DB is overloaded. Too many requests queued.");
    };
    const message = delivered(messageOf(requests(1).entries));
    await consumeLedger(batchOf([message]), it.deps);
    expect([message.outcome, message.delaySeconds]).toEqual(["retried", 20]);
  });

  it("does not acknowledge what could not be put into quarantine", async () => {
    const it = world();
    it.onBatch.before = (count) => {
      if (count === 2) throw new Error("D1_ERROR: Network connection lost.");
    };
    const [good, bad] = [delivered(messageOf(requests(2).entries)), delivered("not a message")];
    await consumeLedger(batchOf([bad, good]), it.deps);
    expect([good.outcome, bad.outcome]).toEqual(["acked", "retried"]);
    expect(it.confirmed).toEqual([["acct_1", 1, [1, 2]]]);
  });

  it("acknowledges even when the object cannot be told: it will send again", async () => {
    const it = world();
    const deps: ConsumerDeps = { ...it.deps, confirm: () => Promise.reject(new Error("the object is away")) };
    const message = delivered(messageOf(requests(2).entries));
    await consumeLedger(batchOf([message]), deps);
    expect(message.outcome).toBe("acked");
    expect(seqsIn(it)).toEqual([1, 2]);
  });

  it("writes more than one parameter holds in several transactions", async () => {
    const it = world();
    const history = new History();
    for (let index = 1; index <= 30; index += 1) {
      history.give(grantOf(`grt_${index}`, 1, { reason: "bought ".repeat(7_000) }));
    }
    let batches = 0;
    it.onBatch.before = (count) => {
      batches = count;
    };
    const consumed = await consumeLedger(batchOf(singly(history.entries)), it.deps);
    expect(consumed).toEqual({ written: 30, quarantined: 0, retried: 0 });
    expect(batches).toBe(2);
    expect(it.confirmed).toEqual([["acct_1", 1, range(1, 30)]]);
  });
});

describe("what a failed write calls for", () => {
  it.each([
    ["D1_ERROR: fork: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_TRIGGER)", { kind: "refused", reason: "fork" }],
    [
      "D1_ERROR: CHECK constraint failed: amount >= 0: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_CHECK)",
      { kind: "refused", reason: "CHECK constraint failed: amount >= 0" },
    ],
    ["D1_ERROR: malformed JSON: SQLITE_ERROR", { kind: "refused", reason: "malformed JSON" }],
    [
      "D1_TYPE_ERROR: Type 'undefined' not supported",
      { kind: "refused", reason: "D1_TYPE_ERROR: Type 'undefined' not supported" },
    ],
    ["D1_ERROR: D1 DB exceeded its CPU time limit and was reset.", { kind: "overloaded" }],
    ["D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.", { kind: "overloaded" }],
    ["D1_ERROR: Network connection lost.", { kind: "transient" }],
    ["D1_ERROR: no such table: balance_updates: SQLITE_ERROR", { kind: "transient" }],
  ])("%s", (text, expected) => {
    expect(classify(new Error(text))).toEqual(expected);
  });

  it("waits twice as long each time, up to a bound, spread over half of it", () => {
    expect([1, 2, 3, 20].map((attempts) => retryDelay(attempts, "transient", 1))).toEqual([10, 20, 40, 900]);
    expect(retryDelay(1, "transient", 0)).toBe(5);
    expect(retryDelay(20, "overloaded", 1)).toBe(3_600);
  });
});
