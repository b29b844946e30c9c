import { expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { credits, planOf, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

const ENTRIES = 2_300;

it("what is more than one flush takes does not wait for the next: a busy account's ledger keeps up", async () => {
  const platform = new SqlitePlatform(T0);
  const account = new Account(platform);
  account.create("acct_busy", planOf({}));
  const terms = { kind: "paid", priority: 50, effectiveAt: T0, expiresAt: null, features: null, reason: "" } as const;
  for (let entry = 0; entry < ENTRIES; entry += 1) {
    account.grant({ id: `grt_${entry}`, amount: credits(1), ...terms });
  }
  platform.at = platform.alarmAt ?? T0;
  const due = platform.at;
  while (platform.alarmAt !== null && platform.alarmAt <= due) {
    platform.alarmAt = null;
    await account.alarm();
  }
  // The last 300 are less than a flush, and wait for company.
  const seqs = platform.sent.flatMap(({ entries }) => entries.map(({ seq }) => seq));
  expect(seqs).toEqual(Array.from({ length: 2_000 }, (_, index) => index + 1));
});
