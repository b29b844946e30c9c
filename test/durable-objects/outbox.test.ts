import { describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { commandOf, credits, planOf, T0 } from "../support/core-fixtures.ts";
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

describe("an entry that is handed over to who ended its request", () => {
  const CALLER = { key: { id: "key_1", digest: "aa" }, planVersions: { plus: 1 } };

  /** Ends a request; `flushes`: whether whoever does will put its entry on the queue. */
  function end(account: Account, requestId: string, flushes: boolean): readonly string[] | undefined {
    const reserved = account.reserve({ caller: CALLER, command: commandOf(requestId, 0) });
    expect(reserved).toMatchObject({ kind: "reserved" });
    const reply = account.release({ requestId, attempt: 1, outcome: "rejected", flushes });
    return reply.kind === "ended" ? reply.entries : [];
  }

  async function usedAccount() {
    const made = await settledAccount();
    made.account.addKey({ ...CALLER.key, name: null, scopes: null, createdAt: T0, expiresAt: null, revokedAt: null });
    return made;
  }

  it("is told as it is stored, and not sent by the object", async () => {
    const { platform, account } = await usedAccount();
    const entries = end(account, "req_1", true);
    expect(entries?.map((text) => JSON.parse(text))).toMatchObject([{ seq: 1, usage: { requestId: "req_1" } }]);
    expect(platform.wanted).toEqual([]);
    account.confirm(1, [1]);
    await ringUntil(platform, account, T0 + 20 * MINUTE);
    expect(platform.sent).toEqual([]);
  });

  it("is not told to who does not ask for it: the object sends it", async () => {
    const { platform, account } = await usedAccount();
    expect(end(account, "req_1", false)).toBeUndefined();
    await doSoon(platform);
    expect(sentSeqs(platform)).toEqual([1]);
  });

  it("is sent by the object when it never came to the ledger", async () => {
    const { platform, account } = await usedAccount();
    end(account, "req_1", true);
    await ringUntil(platform, account, T0 + 5 * MINUTE);
    expect(sentSeqs(platform)).toEqual([1]);
  });

  it("is sent by the object's next life as soon as there is one", async () => {
    const { platform, account } = await usedAccount();
    end(account, "req_1", true);
    const next = new Account(platform);
    // Whatever it does meanwhile.
    end(next, "req_2", true);
    await doSoon(platform);
    expect(sentSeqs(platform)).toEqual([1]);
  });

  it("is not sent again by a life that begins after the ledger has it", async () => {
    const { platform, account } = await usedAccount();
    end(account, "req_1", true);
    account.confirm(1, [1]);
    const next = new Account(platform);
    expect(platform.wanted).toEqual([]);
    await ringUntil(platform, next, T0 + 20 * MINUTE);
    expect(sentSeqs(platform)).toEqual([]);
  });

  it("is sent by a life that began with nothing to send", async () => {
    const { platform, account } = await usedAccount();
    end(account, "req_1", true);
    account.confirm(1, [1]);
    const next = new Account(platform);
    next.alarmIsAt(platform.alarmAt);
    end(next, "req_2", true);
    await ringUntil(platform, next, T0 + 5 * MINUTE);
    expect(sentSeqs(platform)).toEqual([2]);
  });

  it("is sent also where what came before it reached the ledger without this object", async () => {
    const { platform, account } = await usedAccount();
    grant(account, 1);
    end(account, "req_1", true);
    account.confirm(1, [1]);
    await ringUntil(platform, account, T0 + 5 * MINUTE);
    expect(sentSeqs(platform)).toEqual([2]);
  });

  it("does not take along, as sent, what the object itself has still to send", async () => {
    const { platform, account } = await usedAccount();
    grant(account, 1);
    end(account, "req_1", true);
    await doSoon(platform);
    expect(sentSeqs(platform)).toEqual([1]);
    end(account, "req_2", true);
    account.confirm(1, [1, 2, 3]);
    await ringUntil(platform, account, T0 + 20 * MINUTE);
    expect(sentSeqs(platform)).toEqual([1]);
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
