import { beforeEach, describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import type { StoredKey } from "../../durable-objects/account-rows.ts";
import type * as command from "../../durable-objects/commands.ts";
import { auditEntry, auditHead, beginAudit } from "../../src/core/audit.ts";
import type { GrantCommand } from "../../src/core/granting.ts";
import type { Plan } from "../../src/core/plan.ts";
import { readMessage } from "../../src/ledger/message.ts";
import { MINUTE, sha256, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";
import { readRecorded, recordedRateOf } from "./recorded.ts";

/** Commands with exactly the fields that version 1 sends: whatever was added since is missing in them. */
interface Recorded {
  readonly create: { readonly id: string; readonly plan: Plan };
  readonly addKey: StoredKey;
  readonly grant: GrantCommand;
  readonly reserve: command.ReserveRequest;
  readonly quote: command.QuoteRequest;
  readonly settle: command.SettleRequest;
  readonly release: command.ReleaseRequest;
  readonly checkpoint: command.CheckpointRequest;
  readonly refund: command.RefundRequest;
}

/** The same value with fields that nobody knows in every object of it, but for maps whose keys are data. */
function withMore<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withMore) as T;
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, MAPS.has(name) ? field : withMore(field)]);
  return { ...Object.fromEntries(fields), addedLater: { by: "another release" }, "x-flag": true } as T;
}

const MAPS = new Set(["planVersions", "calls", "features", "serviceTiers", "perSecond", "perCall"]);

const asRecorded = <T>(value: T): T => structuredClone(value);

let platform: SqlitePlatform;
let account: Account;

beforeEach(() => {
  platform = new SqlitePlatform(T0);
  account = new Account(platform);
});

describe.each([
  ["as version 1 sends them", asRecorded],
  ["with fields that are not known here", withMore],
])("commands %s", (_, as) => {
  const given = readRecorded<Recorded>("commands.json");

  function open(): void {
    expect(account.create(given.create.id, as(given.create.plan))).toBe(true);
    expect(account.addKey(as(given.addKey))).toBe(true);
    expect(account.grant(as(given.grant))).toMatchObject({ kind: "granted", created: true });
  }

  /** Reserves the recorded request under another id. */
  function hold(requestId: string): command.ReserveOutcome {
    const request = as(given.reserve);
    return account.reserve({ ...request, command: { ...request.command, requestId } });
  }

  it("open, fill and describe an account", () => {
    open();
    expect(account.followPlan(as({ ...given.create.plan, version: 2 }))).toBe(true);
    expect(account.describe()).toMatchObject({ id: given.create.id, plan: { version: 2 }, status: "active" });
    expect(account.open(as(given.reserve.caller))).toMatchObject({ kind: "account" });
    expect(account.grant(as(given.grant))).toMatchObject({ kind: "granted", created: false });
  });

  it("take a request to its end, its refund and the ledger", async () => {
    open();
    expect(account.quote(as(given.quote))).toMatchObject({ kind: "quoted", decision: { outcome: "allowed" } });
    expect(account.reserve(as(given.reserve))).toMatchObject({ kind: "reserved" });
    expect(account.checkpoint({ ...as(given.checkpoint), requestId: given.reserve.command.requestId })).toBe(true);
    expect(account.settle(as(given.settle))).toMatchObject({ kind: "ended" });
    // The command again, as the recorded one: the added fields do not make it another.
    expect(account.settle(given.settle)).toMatchObject({ kind: "ended" });
    expect(hold(given.release.requestId)).toMatchObject({ kind: "reserved" });
    expect(account.release(as(given.release))).toMatchObject({ kind: "ended" });
    expect(account.refund({ ...as(given.refund), requestId: given.settle.requestId, amount: null })).toMatchObject({
      kind: expect.stringMatching(/^(refunded|too_much)$/),
    });
    await account.alarm();
    expect(platform.reports).toEqual([]);
    expectTrueHistory();
  });

  it("leave a request to expire that is never ended", async () => {
    open();
    expect(account.reserve(as(given.reserve))).toMatchObject({ kind: "reserved" });
    platform.at += 60 * MINUTE;
    await account.alarm();
    expect(account.settle(as(given.settle))).toMatchObject({ kind: "ended", settlement: { outcome: "late" } });
    await account.alarm();
    expectTrueHistory();
  });

  it("find an account again that another release had in memory", async () => {
    open();
    expect(account.reserve(as(given.reserve))).toMatchObject({ kind: "reserved" });
    account = new Account(platform);
    expect(account.settle(as(given.settle))).toMatchObject({ kind: "ended", settlement: { outcome: "completed" } });
    await account.alarm();
    expectTrueHistory();
  });
});

/** Everything that was sent verifies, and comes to what the object says of itself. */
function expectTrueHistory(): void {
  const audit = beginAudit(sha256, "acct_fixture", 1);
  for (const message of platform.sent) expect(readMessage(message)).toMatchObject({ kind: "message", refused: [] });
  const entries = new Map(platform.sent.flatMap((message) => message.entries).map((entry) => [entry.seq, entry]));
  for (const entry of [...entries.values()].sort((a, b) => a.seq - b.seq)) {
    auditEntry(audit, entry, recordedRateOf, sha256);
  }
  const head = account.head();
  if (!head) throw new Error("the account is gone");
  auditHead(audit, { ...head, grants: new Map(head.grants) });
  expect(audit.differences).toEqual([]);
}
