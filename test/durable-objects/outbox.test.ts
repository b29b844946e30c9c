import { describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { credits, planOf, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

const MINUTE = 60_000;
const ENTRIES = 2_300;

/** An account whose first entries are in the ledger. */
async function settledAccount(): Promise<{ platform: SqlitePlatform; account: Account }> {
  const platform = new SqlitePlatform(T0);
  const account = new Account(platform);
  account.create("acct_busy", planOf({}));
  await ringUntil(platform, account, T0);
  return { platform, account };
}

function grant(account: Account, entry: number): void {
  const terms = { kind: "paid", priority: 50, effectiveAt: T0, expiresAt: null, features: null, reason: "" } as const;
  account.grant({ id: `grt_${entry}`, amount: credits(1), ...terms });
}

async function doSoon(platform: SqlitePlatform): Promise<void> {
  for (const work of platform.wanted.splice(0)) await work();
}

async function ringUntil(platform: SqlitePlatform, account: Account, until: number): Promise<void> {
  while (platform.alarmAt !== null && platform.alarmAt <= until) {
    platform.at = platform.alarmAt;
    platform.alarmAt = null;
    await account.alarm();
  }
  platform.at = until;
}

function sentSeqs(platform: SqlitePlatform): number[] {
  return platform.sent.flatMap(({ entries }) => entries.map(({ seq }) => seq));
}

describe("an account that rests", () => {
  it("has an entry on its way at once, and sets no alarm to send it", async () => {
    const { platform, account } = await settledAccount();
    grant(account, 1);
    await doSoon(platform);
    expect(sentSeqs(platform)).toEqual([1]);
    expect(platform.alarmAt).toBe(T0 + 5 * MINUTE);
  });

  it("is told of what comes right after it, together, three seconds later", async () => {
    const { platform, account } = await settledAccount();
    grant(account, 1);
    await doSoon(platform);
    for (const entry of [2, 3, 4]) {
      platform.at += 500;
      grant(account, entry);
    }
    await doSoon(platform);
    expect(sentSeqs(platform)).toEqual([1]);
    await ringUntil(platform, account, T0 + 3_000);
    expect(sentSeqs(platform)).toEqual([1, 2, 3, 4]);
    expect(platform.sent).toHaveLength(2);
  });

  it("sends by its alarm what it died with", async () => {
    const { platform, account } = await settledAccount();
    grant(account, 1);
    const next = new Account(platform);
    next.alarmIsAt(platform.alarmAt);
    await ringUntil(platform, next, T0 + 5 * MINUTE);
    expect(sentSeqs(platform)).toEqual([1]);
  });

  it("tries again within seconds when the queue refuses", async () => {
    const { platform, account } = await settledAccount();
    const { send } = platform;
    platform.send = async () => Promise.reject(new Error("the queue is away"));
    grant(account, 1);
    await doSoon(platform);
    platform.send = send;
    await ringUntil(platform, account, T0 + 10_000);
    expect(sentSeqs(platform)).toEqual([1]);
  });

  it("sends again what the ledger never confirmed", async () => {
    const { platform, account } = await settledAccount();
    grant(account, 1);
    await doSoon(platform);
    await ringUntil(platform, account, T0 + 15 * MINUTE);
    expect(sentSeqs(platform).slice(0, 2)).toEqual([1, 1]);
  });
});

it("a busy account sets one alarm for each message", async () => {
  const { platform, account } = await settledAccount();
  const { alarmsSet } = account.work();
  for (let entry = 1; entry <= 60; entry += 1) {
    grant(account, entry);
    await doSoon(platform);
    await ringUntil(platform, account, platform.at + 500);
    account.confirm(1, sentSeqs(platform));
  }
  await ringUntil(platform, account, platform.at + 3_000);
  expect(sentSeqs(platform)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  expect(account.work().alarmsSet - alarmsSet).toBeLessThanOrEqual(platform.sent.length + 2);
});

it("what is more than one flush takes does not wait for the next: a busy account's ledger keeps up", async () => {
  const { platform, account } = await settledAccount();
  for (let entry = 0; entry < ENTRIES; entry += 1) grant(account, entry);
  await ringUntil(platform, account, platform.alarmAt ?? T0);
  // The last 300 are less than a flush, and wait for company.
  expect(sentSeqs(platform)).toEqual(Array.from({ length: 2_000 }, (_, index) => index + 1));
});
