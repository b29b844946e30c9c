import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replayAccount } from "../../scripts/ledger-replay.ts";
import { sourceOfExport } from "../../scripts/replay-source.ts";
import { verifyLedger } from "../../scripts/verify.mjs";
import { openingEntry } from "../../src/core/carry-over.ts";
import { auditAccount, auditRecent } from "../../src/ledger/account-audit.ts";
import { readAudited } from "../../src/ledger/audited.ts";
import { exportLedger } from "../../src/ledger/export.ts";
import { proveLedger } from "../../src/ledger/proof.ts";
import { listBalanceUpdates } from "../../src/ledger/read.ts";
import { restoreEntries } from "../../src/ledger/restore.ts";
import { writeEntries, writeOpening } from "../../src/ledger/write.ts";
import { DAY, grantOf, sha256, T0 } from "../support/core-fixtures.ts";
import { textOf } from "../support/ledger-export.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory, rateOf } from "./history.ts";
import { reopened } from "./reopened.ts";

/** A ledger of two epochs, and the history that its object would go on with. */
async function twoEpochs(history = fullHistory()) {
  const { db, sqlite } = migratedD1();
  await writeEntries(db, history.entries);
  const { opening, next } = reopened(history);
  expect(await writeOpening(db, opening)).toBe(true);
  next.give(grantOf("grt_next", 9)).request("req_next", 3, 2);
  await writeEntries(db, next.entries);
  const deps = { db, rateOf, headOf: async () => next.head() };
  return { db, sqlite, deps, opening, before: history, next };
}

const CLEAN: readonly string[] = [];

/** Every row of the three datasets and the balances. */
async function ledgerOf(db: D1Database): Promise<unknown[]> {
  const tables = ["usage_events", "monetization_events", "balance_updates", "balances"];
  return Promise.all(
    tables.map(async (table) => (await db.prepare(`SELECT * FROM ${table} ORDER BY 1, 2, 3, 4`).all()).results),
  );
}

async function differences(deps: Parameters<typeof auditAccount>[0]): Promise<string[]> {
  const whole = await auditAccount(deps, "acct_1");
  return whole.differences.map(({ rule, seq, subject }) => `${rule} ${seq}: ${subject}`);
}

describe("a ledger of two epochs", () => {
  it("is one history: audited, proven, exported and verified as a whole", async () => {
    const { db, deps, before, next } = await twoEpochs();
    const entries = before.entries.length + 1 + next.entries.length;
    expect(await differences(deps)).toEqual(CLEAN);
    expect(await proveLedger(deps, "acct_1")).toMatchObject({
      epoch: 2,
      asOfSeq: entries,
      entries,
      firstDifference: null,
      pending: 0,
      balance: next.state.row.balance,
    });
    const text = await textOf(await exportLedger(deps, "acct_1", next.head(), T0));
    const verified = await verifyLedger([new TextEncoder().encode(text)]);
    expect(verified).toMatchObject({ ok: true, summary: { epoch: 2, entries, balance: next.state.row.balance } });
    const listed = await listBalanceUpdates(db, "acct_1", { after: null, limit: 500, order: "oldest" });
    const seqs = listed.data.map(({ place }) => place.seq);
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
  });

  it("is put back from its exports, over the beginning of the epoch, once", async () => {
    const { db, before, opening, next } = await twoEpochs();
    const entries = [...before.entries, opening, ...next.entries];
    const lost = migratedD1().db;
    await writeEntries(lost, before.entries.slice(0, 3));
    const back = entries.slice(3);
    expect(await restoreEntries(lost, "acct_1", entries)).toEqual({ kind: "restored", present: 3, restored: back });
    expect(await restoreEntries(lost, "acct_1", back)).toEqual({
      kind: "restored",
      present: back.length,
      restored: [],
    });
    expect(await ledgerOf(lost)).toEqual(await ledgerOf(db));
  });

  it("takes back nothing of an epoch that it never had", async () => {
    const { before, opening, next } = await twoEpochs();
    const lost = migratedD1().db;
    await writeEntries(lost, before.entries.slice(0, 3));
    const outcome = await restoreEntries(lost, "acct_1", [opening, ...next.entries]);
    expect(outcome).toMatchObject({ kind: "conflict" });
  });

  it("is rebuilt from its usage and prices alone", async () => {
    const { deps, next } = await twoEpochs();
    const path = join(mkdtempSync(join(tmpdir(), "spillway-epochs-test-")), "ledger.ndjson");
    writeFileSync(path, await textOf(await exportLedger(deps, "acct_1", next.head(), T0)));
    const { balance } = next.state.row;
    const replayed = replayAccount(await sourceOfExport(path), "acct_1");
    expect(replayed).toMatchObject({ differences: [], balance: { replayed: balance, ledger: balance } });
  });

  it("renews no entitlement that the first has renewed", async () => {
    const { next } = await twoEpochs();
    expect(() => next.renew()).toThrow("nothing is due");
    next.now += 40 * DAY;
    expect(() => next.renew()).not.toThrow();
  });

  it("goes on from the mark of a clean audit, from one epoch into the next", async () => {
    const history = fullHistory();
    const { db } = migratedD1();
    await writeEntries(db, history.entries);
    const first = { db, rateOf, headOf: async () => history.head() };
    expect(await auditRecent(first, "acct_1", T0)).toMatchObject({ events: history.entries.length, differences: [] });
    const { opening, next } = reopened(history);
    await writeOpening(db, opening);
    next.give(grantOf("grt_next", 9));
    await writeEntries(db, next.entries);
    const second = { ...first, headOf: async () => next.head() };
    expect(await auditRecent(second, "acct_1", T0)).toMatchObject({ events: 2, differences: [] });
    expect(await readAudited(db, "acct_1")).toMatchObject({ epoch: 2, seq: next.state.row.seq });
    expect(await auditRecent(first, "acct_1", T0)).not.toMatchObject({ differences: [] });
  });

  it("begins the second only where the first ends, and once", async () => {
    const history = fullHistory();
    const { db, sqlite } = migratedD1();
    await writeEntries(db, history.entries);
    const { opening } = reopened(history);
    history.give(grantOf("grt_late", 1));
    await writeEntries(db, history.entries);
    expect(await writeOpening(db, opening)).toBe(false);
    const right = reopened(history);
    expect(await writeOpening(db, right.opening)).toBe(true);
    expect(await writeOpening(db, right.opening)).toBe(false);
    const { balance, seq } = history.state.row;
    expect(sqlite.prepare("SELECT balance, entries, max_seq FROM balances").get()).toEqual({
      balance,
      entries: seq + 1,
      max_seq: seq + 1,
    });
  });

  it("takes nothing more of the first, and a replay of it changes nothing", async () => {
    const { db, sqlite, deps, before, next } = await twoEpochs();
    const rows = () => sqlite.prepare("SELECT * FROM balances").all();
    const then = rows();
    expect(await writeEntries(db, [...before.entries, ...next.entries])).toEqual(new Set());
    before.request("req_late", 3, 2).give(grantOf("grt_late", 100));
    const late = before.entries.slice(-2);
    expect(await writeEntries(db, [...late, ...next.entries])).toEqual(new Set(late));
    expect(rows()).toEqual(then);
    expect(sqlite.prepare("SELECT count(*) AS n FROM usage_events WHERE request_id = 'req_late'").get()).toEqual({
      n: 0,
    });
    expect(await differences(deps)).toEqual(CLEAN);
  });

  it("is begun by no entry of the queue", async () => {
    const history = fullHistory();
    const { db } = migratedD1();
    await writeEntries(db, history.entries);
    const { opening, next } = reopened(history);
    next.give(grantOf("grt_forged", 1_000));
    expect(await writeEntries(db, [opening, ...next.entries])).toEqual(new Set([opening, ...next.entries]));
    expect(await differences({ db, rateOf, headOf: async () => history.head() })).toEqual(CLEAN);
  });
});

describe("an epoch that does not begin with what was there is found", () => {
  it.each([
    ["another balance", (balance: number) => ({ balance: balance + 1 }), "balance"],
    ["another entry", () => ({ head: "0".repeat(64) }), "chain"],
    ["the epoch after", () => ({ epoch: 2 }), "chain"],
    ["a gap", () => ({ seq: 40 }), "gap"],
  ])("%s", async (_, change, rule) => {
    const history = fullHistory();
    const { db } = migratedD1();
    await writeEntries(db, history.entries);
    const { row } = history.state;
    const opening = openingEntry(sha256, { ...row, accountId: row.id, ...change(row.balance) }, "forged", T0);
    const newest = history.entries.at(-1)?.hash ?? "";
    await writeOpening(db, { ...opening, prev: newest });
    const { epoch, seq, hash } = opening;
    const head = { ...history.head(), epoch, seq, head: hash };
    const found = await differences({ db, rateOf, headOf: async () => head });
    expect(found[0]).toMatch(new RegExp(`^${rule}`));
  });
});
