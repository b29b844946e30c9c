import { describe, expect, it } from "vitest";
import { auditEntry, beginAudit } from "../../src/core/audit.ts";
import { type ChainedEntry, chain, type Entry } from "../../src/core/event.ts";
import { consumeLedger } from "../../src/ledger/consumer.ts";
import { readEntries } from "../../src/ledger/entry-rows.ts";
import { listQuarantine, putInQuarantine, redrive } from "../../src/ledger/quarantine.ts";
import { sha256 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { messageOf } from "./history.ts";
import { batchOf, delivered } from "./queue.ts";
import { RECORDED, RECORDED_ENTRIES, recordedRateOf } from "./recorded.ts";

const ACCOUNT = "acct_fixture";
const WHOLE = { after: 0, to: 1_000 };

function consume(db: D1Database, bodies: readonly unknown[]) {
  const deps = { db, now: () => 1, confirm: async () => {}, freeze: async () => {} };
  return consumeLedger(batchOf(bodies.map((body, index) => delivered(body, `m${index}`))), deps);
}

async function quarantineOf(db: D1Database) {
  return (await listQuarantine(db, { cursor: null, limit: 100 }))?.data ?? [];
}

type Json = Record<string, unknown>;

/** `entry` as another release would write it: changed, and hashed as it then is. */
function writtenAs(entry: ChainedEntry, change: (copy: Json) => void): Json {
  const { prev, hash: _, ...copy } = structuredClone(entry) as ChainedEntry & Json;
  change(copy);
  return chain(sha256, copy as Entry, prev) as unknown as Json;
}

function recorded(name: string): ChainedEntry {
  const entry = RECORDED.find((message) => message.name === name)?.body.entries[0];
  if (!entry) throw new Error(`nothing was recorded as ${name}`);
  return entry;
}

describe("what version 1 wrote", () => {
  it("has every kind of update and every way to end that the fixtures name", () => {
    const kinds = new Set(RECORDED_ENTRIES.flatMap(({ updates }) => updates.map(({ kind }) => kind)));
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
    const outcomes = new Set(RECORDED_ENTRIES.flatMap(({ usage }) => usage?.outcome ?? []));
    expect([...outcomes].sort()).toEqual(["completed", "corrected", "cut", "denied", "expired", "late", "rejected"]);
  });

  it.each(RECORDED)("is accepted and rebuilt as it was hashed: $name", async ({ body }) => {
    const { db } = migratedD1();
    const result = await consume(db, [body]);
    expect(result).toEqual({ written: body.entries.length, quarantined: 0, retried: 0 });
    const rebuilt = await readEntries(db, ACCOUNT, 1, WHOLE);
    expect(rebuilt).toEqual(body.entries);
    for (const { prev, hash, ...entry } of rebuilt) expect(chain(sha256, entry, prev).hash).toBe(hash);
  });

  it("adds up as one history, in whatever order it arrives", async () => {
    const { db, sqlite } = migratedD1();
    await consume(db, RECORDED.map(({ body }) => body).reverse());
    const audit = beginAudit(sha256, ACCOUNT, 1);
    for (const entry of await readEntries(db, ACCOUNT, 1, WHOLE)) auditEntry(audit, entry, recordedRateOf, sha256);
    expect(audit.differences).toEqual([]);
    expect(audit.seq).toBe(RECORDED_ENTRIES.length);
    const row = sqlite.prepare("SELECT balance FROM balances WHERE account_id = ?").get(ACCOUNT);
    expect(row?.balance).toBe(audit.balance);
  });
});

describe("what a later release may write under version 1", () => {
  const later: [where: string, entry: Json][] = [
    [
      "in the usage",
      writtenAs(recorded("late"), (copy) => Object.assign((copy.usage as Json).usage as Json, { audioSeconds: 3 })),
    ],
    [
      "in the decision",
      writtenAs(recorded("debit-over-several-sources"), (copy) =>
        Object.assign((copy.usage as Json).decision as Json, { region: { id: "eu", weight: [1, 2] } }),
      ),
    ],
    [
      "in the terms of a grant",
      writtenAs(recorded("grant"), (copy) => {
        for (const update of copy.updates as Json[]) Object.assign(update.detail as Json, { campaign: "autumn" });
      }),
    ],
    [
      "in the reason of a refund",
      writtenAs(recorded("refund"), (copy) => {
        for (const update of copy.updates as Json[]) Object.assign(update.detail as Json, { ticket: 42 });
      }),
    ],
  ];

  it.each(later)("a field that is not known yet %s is kept, and the hash holds", async (_, entry) => {
    const { db } = migratedD1();
    const body = messageOf([entry as unknown as ChainedEntry]);
    expect(await consume(db, [body])).toEqual({ written: 1, quarantined: 0, retried: 0 });
    expect(await readEntries(db, ACCOUNT, 1, WHOLE)).toEqual([entry]);
  });

  it("a field that has no column is not lost silently: its entry waits in quarantine", async () => {
    const { db } = migratedD1();
    const entry = writtenAs(recorded("release"), (copy) => Object.assign(copy, { colo: "FRA" }));
    const body = messageOf([entry as unknown as ChainedEntry]);
    expect(await consume(db, [body])).toEqual({ written: 0, quarantined: 1, retried: 0 });
    expect(await quarantineOf(db)).toMatchObject([{ accountId: ACCOUNT, count: 1 }]);
  });
});

describe("an entry of an unknown version", () => {
  const ofTomorrow = writtenAs(recorded("release"), (copy) => Object.assign(copy, { v: 2, charges: [] }));

  it("waits in quarantine whole, and delays none beside it", async () => {
    const { db } = migratedD1();
    const good = recorded("entitlement");
    const body = messageOf([good, ofTomorrow as unknown as ChainedEntry]);
    expect(await consume(db, [body])).toEqual({ written: 1, quarantined: 1, retried: 0 });
    const [row] = await quarantineOf(db);
    expect(row).toMatchObject({ accountId: ACCOUNT, reason: "version 2 is not known" });
    expect(JSON.parse(row?.body ?? "")).toEqual(messageOf([ofTomorrow as unknown as ChainedEntry]));
  });

  it("is sent again as it came; a release that still does not know it puts it back, open", async () => {
    const { db } = migratedD1();
    const message = { v: 3, accountId: ACCOUNT, sealed: "by a later release" };
    await consume(db, [message]);
    const [row] = await quarantineOf(db);
    const sent: unknown[] = [];
    const deps = { db, send: async (body: unknown) => void sent.push(body), now: () => 5 };
    expect(await redrive(deps, row?.id ?? "")).toBe("sent");
    expect(sent).toEqual([message]);
    expect(await quarantineOf(db)).toMatchObject([{ count: 1, redrivenAt: 5 }]);
    await consume(db, sent);
    expect(await quarantineOf(db)).toMatchObject([{ count: 2, redrivenAt: null }]);
  });

  it("lands by a redrive once the release that knows it runs", async () => {
    const { db } = migratedD1();
    // To a release that knew only version 0, what was recorded is the unknown one.
    const body = messageOf([recorded("entitlement")]);
    await putInQuarantine(db, [{ accountId: ACCOUNT, reason: "version 1 is not known", body }], 1);
    const [row] = await quarantineOf(db);
    const sent: unknown[] = [];
    await redrive({ db, send: async (again) => void sent.push(again), now: () => 5 }, row?.id ?? "");
    expect(await consume(db, sent)).toEqual({ written: 1, quarantined: 0, retried: 0 });
    expect(await readEntries(db, ACCOUNT, 1, WHOLE)).toEqual([recorded("entitlement")]);
  });
});
