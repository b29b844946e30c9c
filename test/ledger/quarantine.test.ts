import { describe, expect, it } from "vitest";
import { consumeLedger } from "../../src/ledger/consumer.ts";
import { consumeDeadLetters } from "../../src/ledger/dead-letter.ts";
import { listQuarantine, putInQuarantine, redrive } from "../../src/ledger/quarantine.ts";
import { grantOf } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { History, messageOf } from "./history.ts";
import { batchOf, delivered } from "./queue.ts";

const body = messageOf(new History().give(grantOf("grt_a", 5)).entries);

async function all(db: D1Database) {
  const page = await listQuarantine(db, { cursor: null, limit: 500 });
  return page?.data ?? [];
}

describe("quarantine", () => {
  it("keeps dead letters where they are seen, and acknowledges them", async () => {
    const { db } = migratedD1();
    const messages = [delivered(body), delivered("broken"), delivered(undefined)];
    await consumeDeadLetters(batchOf(messages), { db, now: () => 5 });
    expect(messages.map((message) => message.outcome)).toEqual(["acked", "acked", "acked"]);
    const rows = await all(db);
    expect(rows.map(({ accountId, reason, count }) => [accountId, reason, count]).sort()).toEqual([
      [null, "undelivered", 1],
      [null, "undelivered", 1],
      ["acct_1", "undelivered", 1],
    ]);
  });

  it("leaves dead letters in their queue while D1 is away", async () => {
    const db = { batch: () => Promise.reject(new Error("away")), prepare: () => ({ bind: () => ({}) }) };
    const message = delivered(body);
    await consumeDeadLetters(batchOf([message]), { db: db as unknown as D1Database, now: () => 5, random: () => 0 });
    expect([message.outcome, message.delaySeconds]).toEqual(["retried", 5]);
  });

  it("sends a message again, and it lands", async () => {
    const { db } = migratedD1();
    await consumeDeadLetters(batchOf([delivered(body)]), { db, now: () => 5 });
    const [row] = await all(db);
    const sent: unknown[] = [];
    const send = async (message: unknown): Promise<void> => void sent.push(message);
    expect(await redrive({ db, send, now: () => 9 }, row?.id ?? "")).toBe("sent");
    expect(sent).toEqual([body]);
    expect(await all(db)).toMatchObject([{ count: 1, redrivenAt: 9 }]);
    const quiet = { confirm: async () => {}, freeze: async () => {} };
    const consumed = await consumeLedger(batchOf([delivered(sent[0])]), { db, now: () => 10, ...quiet });
    expect(consumed).toEqual({ written: 1, quarantined: 0, retried: 0 });
  });

  it("opens a message again that came back", async () => {
    const { db } = migratedD1();
    const poison = { accountId: null, reason: "version 2 is not known", body: { v: 2 } };
    await putInQuarantine(db, [poison], 5);
    const [row] = await all(db);
    await redrive({ db, send: async () => {}, now: () => 9 }, row?.id ?? "");
    await putInQuarantine(db, [{ ...poison, reason: "another" }], 12);
    expect(await all(db)).toMatchObject([{ reason: "another", count: 2, firstSeenAt: 5, redrivenAt: null }]);
  });

  it("does not mark a message that came back before its redrive was noted", async () => {
    const { db } = migratedD1();
    const poison = { accountId: null, reason: "version 2 is not known", body: { v: 2 } };
    await putInQuarantine(db, [poison], 5);
    const [row] = await all(db);
    await redrive({ db, send: () => putInQuarantine(db, [poison], 6), now: () => 9 }, row?.id ?? "");
    expect(await all(db)).toMatchObject([{ count: 2, redrivenAt: null }]);
  });

  it("keeps a message open that could not be sent", async () => {
    const { db } = migratedD1();
    await putInQuarantine(db, [{ accountId: null, reason: "x", body: 1 }], 5);
    const [row] = await all(db);
    const send = () => Promise.reject(new Error("queue is away"));
    await expect(redrive({ db, send, now: () => 9 }, row?.id ?? "")).rejects.toThrow("queue is away");
    expect(await all(db)).toMatchObject([{ redrivenAt: null }]);
    expect(await redrive({ db, send, now: () => 9 }, "qua_unknown")).toBe("unknown");
  });

  it("lists newest first, page by page, each once", async () => {
    const { db } = migratedD1();
    for (let index = 0; index < 7; index += 1) {
      await putInQuarantine(db, [{ accountId: null, reason: `r${index}`, body: index }], Math.floor(index / 2));
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await listQuarantine(db, { cursor, limit: 3 });
      expect(page?.data.length).toBeGreaterThan(0);
      seen.push(...(page?.data ?? []).map((row) => row.reason));
      cursor = page?.nextCursor ?? null;
    } while (cursor !== null);
    expect([...seen].sort()).toEqual(["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    expect(seen[0]).toBe("r6");
    expect(await listQuarantine(db, { cursor: "!", limit: 3 })).toBeNull();
    expect(await listQuarantine(db, { cursor: "bm9uc2Vuc2U", limit: 3 })).toBeNull();
  });

  it("lists large messages on shorter pages, each once", async () => {
    const { db } = migratedD1();
    const poisons = Array.from({ length: 40 }, (_, index) => `${index}${"x".repeat(120_000)}`);
    const poisonsOf = poisons.map((body) => ({ accountId: null, reason: "large", body }));
    await putInQuarantine(db, poisonsOf, 5);
    const first = await listQuarantine(db, { cursor: null, limit: 500 });
    const second = await listQuarantine(db, { cursor: first?.nextCursor ?? null, limit: 500 });
    expect([first?.data.length, second?.data.length, second?.nextCursor]).toEqual([33, 7, null]);
    const bodies = [...(first?.data ?? []), ...(second?.data ?? [])].map(({ body }) => JSON.parse(body));
    expect(new Set(bodies)).toEqual(new Set(poisons));
  });

  it("takes anything for a body", async () => {
    const { db } = migratedD1();
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const poisons = [circular, 1n, undefined, "\0\ud800", "x".repeat(200_000)].map((bad) => ({
      accountId: null,
      reason: "x",
      body: bad,
    }));
    await putInQuarantine(db, poisons, 1);
    for (const row of await all(db)) expect(() => JSON.parse(row.body)).not.toThrow();
  });
});
