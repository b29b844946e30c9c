import { describe, expect, it } from "vitest";
import type { ChainedEntry } from "../../src/core/event.ts";
import { readEntry } from "../../src/ledger/message.ts";
import { restoreEntries } from "../../src/ledger/restore.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { exportOf } from "../support/ledger-export.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory } from "./history.ts";
import { RECORDED_ENTRIES } from "./recorded.ts";

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
