import { expect, it, vi } from "vitest";
import type { AccountClient } from "../../durable-objects/client.ts";
import { readSweep } from "../../src/ledger/sweep.ts";
import { sweepAccounts } from "../../src/upkeep/sweeper.ts";
import { HOUR, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

/** A gateway of so many accounts, of which each tells since when its entries wait. */
function gatewayOf(count: number) {
  const { db, sqlite } = migratedD1();
  for (let index = 0; index < count; index += 1) {
    sqlite.prepare("INSERT INTO accounts (id, created_at) VALUES (?, ?)").run(`acct_${1_000 + index}`, T0);
  }
  const waiting = new Map<string, number>();
  const accounts = { wake: async (id: string) => waiting.get(id) ?? null } as unknown as AccountClient;
  const sweep = async (now: number) => {
    await sweepAccounts(db, accounts, now);
    const { lateSince, lastLateSince } = await readSweep(db);
    return [lateSince, lastLateSince];
  };
  return { waiting, sweep };
}

it("what is late is remembered until all accounts were asked once more", async () => {
  vi.spyOn(console, "error").mockReturnValue(undefined);
  const { waiting, sweep } = gatewayOf(250);
  waiting.set("acct_1120", T0);
  waiting.set("acct_1130", T0 + 1);
  const now = T0 + HOUR;
  expect(await sweep(now)).toEqual([null, null]);
  expect(await sweep(now)).toEqual([T0, null]);
  expect(await sweep(now)).toEqual([null, T0]);
  waiting.clear();
  expect(await sweep(now)).toEqual([null, T0]);
  expect(await sweep(now)).toEqual([null, T0]);
  expect(await sweep(now)).toEqual([null, null]);
});

it("what has waited for no longer than a quarter of an hour is on its way", async () => {
  const { waiting, sweep } = gatewayOf(1);
  waiting.set("acct_1000", T0);
  expect(await sweep(T0 + HOUR / 4)).toEqual([null, null]);
});
