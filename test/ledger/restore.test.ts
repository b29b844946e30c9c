import { describe, expect, it } from "vitest";
import { openingEntry } from "../../src/core/carry-over.ts";
import { balanceUpdateId, type ChainedEntry, chain } from "../../src/core/event.ts";
import { readEntry } from "../../src/ledger/message.ts";
import { restoreEntries } from "../../src/ledger/restore.ts";
import { writeEntries, writeOpening } from "../../src/ledger/write.ts";
import { grantOf, sha256, T0 } from "../support/core-fixtures.ts";
import { exportOf } from "../support/ledger-export.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory } from "./history.ts";
import { RECORDED_ENTRIES } from "./recorded.ts";
import { reopened } from "./reopened.ts";

type Sqlite = ReturnType<typeof migratedD1>["sqlite"];

function dump(sqlite: Sqlite): unknown {
  return ["usage_events", "monetization_events", "balance_updates", "balances"].map((table) =>
    sqlite.prepare(`SELECT * FROM ${table}`).all(),
  );
}

/** Entries as they come out of a file: nothing but text. */
function asRead(lines: readonly string[]): ChainedEntry[] {
  return lines.map((line) => {
    const value: unknown = JSON.parse(line);
    const accountId = typeof value === "object" && value !== null && "accountId" in value ? `${value.accountId}` : "";
    const entry = readEntry(accountId, value);
    if (typeof entry === "string") throw new Error(entry);
    return entry;
  });
}

/** Puts `entries` back in portions of `size`. */
async function putBack(db: D1Database, entries: readonly ChainedEntry[], size: number): Promise<void> {
  for (let from = 0; from < entries.length; from += size) {
    const portion = entries.slice(from, from + size);
    expect(await restoreEntries(db, portion[0]?.accountId ?? "", portion)).toMatchObject({ kind: "restored" });
  }
}

describe("every kind of entry, lost at any place,", () => {
  it.each([
    ["that an account writes", async () => (await exportOf(fullHistory())).trimEnd().split("\n").slice(1, -1)],
    ["that is recorded", async () => RECORDED_ENTRIES.map((entry) => JSON.stringify(entry))],
  ])("%s comes back row for row", async (_, linesOf) => {
    const entries = asRead(await linesOf());
    const whole = migratedD1();
    await writeEntries(whole.db, entries);
    for (let left = 0; left <= entries.length; left += 1) {
      const { db, sqlite } = migratedD1();
      await writeEntries(db, entries.slice(0, left));
      await putBack(db, entries, 1 + (left % 4));
      expect(dump(sqlite)).toEqual(dump(whole.sqlite));
    }
  });

  it("comes back from the middle as well, between what was kept and what came since", async () => {
    const { entries } = fullHistory();
    const whole = migratedD1();
    await writeEntries(whole.db, entries);
    for (const [from, to] of [
      [0, 3],
      [4, 5],
      [6, entries.length - 2],
    ] as const) {
      const { db, sqlite } = migratedD1();
      await writeEntries(db, [...entries.slice(0, from), ...entries.slice(to)]);
      await putBack(db, entries, 5);
      expect(dump(sqlite)).toEqual(dump(whole.sqlite));
    }
  });
});

describe("a ledger of two epochs", () => {
  /** The entries of two epochs, and where the second begins. */
  function twoEpochs() {
    const history = fullHistory();
    const { opening, next } = reopened(history);
    next.give(grantOf("grt_next", 9)).request("req_next", 3, 2);
    return {
      entries: [...history.entries, opening, ...next.entries],
      opening,
      second: next.entries,
      at: opening.seq - 1,
    };
  }

  /** A database that has the first `left` of them, written as they came. */
  async function having(left: number) {
    const { entries, opening, second, at } = twoEpochs();
    const { db, sqlite } = migratedD1();
    await writeEntries(db, entries.slice(0, Math.min(left, at)));
    if (left > at) expect(await writeOpening(db, opening)).toBe(true);
    await writeEntries(db, second.slice(0, Math.max(0, left - at - 1)));
    return { db, sqlite };
  }

  it("comes back row for row, wherever it was cut", async () => {
    const { entries, at } = twoEpochs();
    const whole = dump((await having(entries.length)).sqlite);
    for (let left = at - 3; left <= entries.length; left += 1) {
      for (const size of [1, 2, 3, entries.length]) {
        const { db, sqlite } = await having(left);
        await putBack(db, entries, size);
        expect(dump(sqlite)).toEqual(whole);
        await putBack(db, entries, size);
        expect(dump(sqlite)).toEqual(whole);
      }
    }
  });

  it("takes no entry of the first after the second has begun elsewhere", async () => {
    const { entries, at } = twoEpochs();
    const { db, sqlite } = migratedD1();
    await writeEntries(db, entries.slice(0, at - 2));
    const shorter = fullHistory();
    shorter.entries.splice(at - 2);
    const last = shorter.entries.at(-1);
    if (!last) throw new Error("nothing is left");
    const { updates, accountId, epoch, seq, hash: head } = last;
    const balance = updates.at(-1)?.balanceAfter ?? 0;
    await writeOpening(db, openingEntry(sha256, { accountId, epoch, seq, head, balance }, "reopened too early", T0));
    const before = dump(sqlite);
    expect(await restoreEntries(db, accountId, entries)).toEqual({
      kind: "conflict",
      reason: `fork: the ledger has another entry at 1.${at - 1}`,
    });
    expect(dump(sqlite)).toEqual(before);
  });

  it("is written whole or not at all, also where an epoch begins within a portion", async () => {
    const { entries, at } = twoEpochs();
    const { db, sqlite } = await having(at - 2);
    const before = dump(sqlite);
    sqlite.exec(`CREATE TRIGGER broken BEFORE INSERT ON balance_updates WHEN NEW.seq = ${entries.length}
      BEGIN SELECT RAISE(ABORT, 'fork'); END`);
    expect(await restoreEntries(db, "acct_1", entries)).toEqual({ kind: "conflict", reason: "fork" });
    expect(dump(sqlite)).toEqual(before);
  });

  it("begins its second epoch only with what carries the first one over", async () => {
    const { entries, second, at } = twoEpochs();
    const { db } = await having(at);
    const [next] = second;
    const last = entries[at - 1];
    if (!next || !last) throw new Error("too short");
    const { prev: _, hash: __, ...bare } = next;
    const updates = bare.updates.map((update) => ({
      ...update,
      id: balanceUpdateId("acct_1", 2, at + 1, update.draw),
    }));
    const early = chain(sha256, { ...bare, seq: at + 1, updates }, last.hash);
    expect(await restoreEntries(db, "acct_1", [early])).toEqual({
      kind: "conflict",
      reason: `epoch: 2.${at + 1} is of another epoch`,
    });
  });
});
