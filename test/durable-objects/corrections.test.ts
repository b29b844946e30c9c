import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import type { RerateReply, ReserveOutcome } from "../../durable-objects/commands.ts";
import { type AccountReplay, replayAccount } from "../../scripts/ledger-replay.ts";
import { auditEntry, auditHead, beginAudit, type RateLookup } from "../../src/core/audit.ts";
import { readPast } from "../../src/core/past-usage.ts";
import type { QuotedRate, Rate } from "../../src/core/rate-card.ts";
import type { Receipt } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { partsOf } from "../../src/core/refund.ts";
import { chargedOf, type RerateCommand } from "../../src/core/rerate.ts";
import type { Usage } from "../../src/core/usage.ts";
import { readEntries, readRequest } from "../../src/ledger/entry-rows.ts";
import { readCharges, toBePricedAgain } from "../../src/ledger/rerating.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import {
  commandOf,
  credits,
  DAY,
  demandOf,
  grantOf,
  HOUR,
  MINUTE,
  PLAIN_RATE,
  planOf,
  reportOf,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

const ACCOUNT = "acct_1";
const CALLER = { key: { id: "key_1", digest: sha256("secret") }, planVersions: { plus: 1 } };
const KEY = { ...CALLER.key, name: null, scopes: null, createdAt: T0, expiresAt: null, revokedAt: null };

/** Prices by version of the card: version 1 costs one credit for each output token, a search is priced in some. */
const FACTORS: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 0.5, 4: 1, 5: 0, 6: 3 };
const SEARCHES: Readonly<Record<string, number>> = { web_search: credits(1) };

function quoteAt(cardVersion: number): QuotedRate {
  const output = credits(1_000_000) * (FACTORS[cardVersion] ?? 1);
  const tokens = { input: 0, cachedInput: 0, cacheWrite: 0, output };
  const perCall = cardVersion === 1 || cardVersion === 6 ? SEARCHES : {};
  const rate: Rate = { ...PLAIN_RATE, tokens, perCall };
  return { cardId: "default", cardVersion, model: "gpt-5.4", rate };
}

const rateOf: RateLookup = (_, version) => quoteAt(version).rate;

const directory = mkdtempSync(join(tmpdir(), "spillway-corrections-test-"));
afterAll(() => rmSync(directory, { recursive: true }));
let copies = 0;

let platform: SqlitePlatform;
let account: Account;
let ledger: ReturnType<typeof migratedD1>;

beforeEach(() => {
  platform = new SqlitePlatform(T0);
  account = new Account(platform);
  ledger = migratedD1();
  account.create(ACCOUNT, planOf());
  account.addKey(KEY);
  account.grant(grantOf("paid", 100));
});

/** A minted id of now. */
function idOf(name: number): string {
  return `req_${platform.at.toString(16).padStart(12, "0")}${String(name).padStart(20, "0")}`;
}

function ask(id: string, amount: number): ReserveOutcome {
  const command = { ...commandOf(id, amount), demand: demandOf(amount, { quote: quoteAt(1) }) };
  const { keyId: _, ...demand } = command.demand;
  return account.reserve({ caller: CALLER, command: { ...command, demand } });
}

function reserve(id: string, amount: number): void {
  expect(ask(id, amount)).toMatchObject({ kind: "reserved" });
}

function settle(id: string, usage: Usage): void {
  const reply = account.settle({ requestId: id, attempt: 1, report: reportOf(usage) });
  expect(reply).toMatchObject({ kind: "ended" });
}

/** A request of `used` credits that the ledger has. */
async function charged(used: number): Promise<string> {
  const id = idOf(1);
  reserve(id, used);
  settle(id, worth(used));
  await deliver();
  return id;
}

/** A request for 20 credits whose time is over, charged for `checkpoint`; the ledger has it. */
async function expired(checkpoint: number): Promise<string> {
  const id = idOf(1);
  reserve(id, 20);
  if (checkpoint > 0) {
    account.checkpoint({ requestId: id, attempt: 1, usage: worth(checkpoint), holdMs: MINUTE });
  }
  platform.at += HOUR;
  await account.alarm();
  await deliver();
  return id;
}

/** Everything reaches the ledger. */
async function deliver(): Promise<void> {
  platform.at += 5_000;
  await account.alarm();
  const entries = platform.sent.splice(0).flatMap((message) => message.entries);
  if (entries.length > 0) await writeEntries(ledger.db, entries);
  const seqs = entries.map(({ seq }) => seq);
  if (seqs.length > 0) account.confirm(1, seqs);
}

/** What corrects the price of a request to that of `version`, by what the ledger has of it now. */
async function read(id: string, version: number): Promise<RerateCommand> {
  const found = chargedOf(await readRequest(ledger.db, ACCOUNT, id), 1);
  if (!found) throw new Error(`${id} was not charged`);
  return { charged: found, quote: quoteAt(version), reason: `version ${version} is right` };
}

async function correct(id: string, version: number): Promise<RerateReply> {
  return account.rerate(await read(id, version));
}

/** What an account's holder is shown, from the object and the ledger together. */
async function receipt(id: string): Promise<Receipt> {
  const known = account.receipt(id);
  const unread = known && known.kind !== "denial" ? (known.unread ?? []) : [];
  const found = receiptFromLedger(await readRequest(ledger.db, ACCOUNT, id), unread);
  if (!found) throw new Error(`${id} has no receipt`);
  return found;
}

/** What has been paid and not given back, in credits. */
function paid(): number {
  return 100 - (account.head()?.balance ?? 0) / credits(1);
}

async function expectTrueLedger(): Promise<void> {
  await deliver();
  const head = account.head();
  if (!head) throw new Error("the account is gone");
  const audit = beginAudit(sha256, ACCOUNT, 1);
  for (const entry of await readEntries(ledger.db, ACCOUNT, 1, { after: 0, to: head.seq })) {
    auditEntry(audit, entry, rateOf, sha256);
  }
  auditHead(audit, { ...head, grants: new Map(head.grants) });
  expect(audit.differences).toEqual([]);
  expect(replayed().differences).toEqual([]);
}

/** The ledger rebuilt from its usage events and the rate cards. */
function replayed(): AccountReplay {
  copies += 1;
  const path = join(directory, `${copies}.sqlite`);
  ledger.sqlite.prepare("VACUUM INTO ?").run(path);
  const database = new DatabaseSync(":memory:");
  database.prepare("ATTACH ? AS ledger").run(path);
  try {
    return replayAccount({ database, rateOf }, ACCOUNT);
  } finally {
    database.close();
  }
}

describe("what comes late of a request whose price was corrected costs the corrected price", () => {
  it.each([
    [4, 2, 10, 20],
    [4, 3, 10, 5],
    [4, 3, 5, 2.5],
    [4, 5, 10, 0],
    [0, 2, 10, 20],
    [0, 3, 10, 5],
    [0, 5, 10, 0],
    [4, 4, 10, 10],
  ])("%d known, corrected to version %d, %d used: %d in all", async (checkpoint, version, used, total) => {
    const id = await expired(checkpoint);
    await correct(id, version);
    await deliver();
    settle(id, worth(used));
    expect(paid()).toBe(total);
    await deliver();
    expect(await receipt(id)).toMatchObject({
      charge: { amount: credits(total) },
      rateCard: { version },
      usage: worth(used),
      outcome: "late",
    });
    const { requests } = readPast(await readRequest(ledger.db, ACCOUNT, id));
    expect(requests).toMatchObject([{ usage: worth(used), card: { version } }]);
    await expectTrueLedger();
  });

  it("of several corrections the last one counts, also one that changed nothing yet", async () => {
    const id = await expired(4);
    await correct(id, 2);
    await deliver();
    await correct(id, 3);
    settle(id, worth(10));
    expect(paid()).toBe(5);
    const other = await expired(0);
    await correct(other, 2);
    const first = await read(other, 2);
    await correct(other, 3);
    account.rerate(first);
    settle(other, worth(10));
    expect(paid()).toBe(10);
    await expectTrueLedger();
  });

  it("its entry says by which correction", async () => {
    const id = await expired(4);
    await correct(id, 2);
    settle(id, worth(10));
    await deliver();
    const entries = await readRequest(ledger.db, ACCOUNT, id);
    expect(entries.at(-1)).toMatchObject({
      usage: {
        outcome: "late",
        decision: { rateCard: { version: 2 }, correction: { reason: "version 2 is right" } },
      },
      monetization: { cardVersion: 2, amount: credits(12) },
    });
  });

  it.each([
    [2, 3, 5],
    [3, 2, 20],
    [2, 4, 10],
    [5, 4, 10],
  ])("corrected to version %d, late, and then to version %d: %d for all of it", async (first, second, total) => {
    const id = await expired(4);
    await correct(id, first);
    await deliver();
    const stale = await read(id, second);
    settle(id, worth(10));
    account.rerate(stale);
    expect(paid()).toBe(total);
    await expectTrueLedger();
    expect((await receipt(id)).charge?.amount).toBe(credits(total));
  });

  it("what the new version has no price for is charged as it was quoted, and can be corrected later", async () => {
    const id = await expired(4);
    await correct(id, 2);
    await deliver();
    settle(id, { ...worth(10), calls: { web_search: 1 } });
    expect(paid()).toBe(8 + 7);
    await deliver();
    await correct(id, 6);
    expect(paid()).toBe(31);
    await expectTrueLedger();
  });

  it("and is found by that price as well, for its whole request, once", async () => {
    const id = await expired(4);
    await correct(id, 2);
    await deliver();
    platform.at += HOUR;
    const span = { from: platform.at, to: platform.at + HOUR };
    settle(id, worth(10));
    await deliver();
    const found = async (versions: number[], from: number) => {
      const query = { cardId: "default", versions, from, to: span.to };
      const charges = await readCharges(ledger.db, ACCOUNT, query, "", 10);
      return charges.flatMap((charge) => toBePricedAgain(charge, query) ?? []);
    };
    expect(await found([1], span.from)).toEqual([]);
    expect(await found([1], 0)).toHaveLength(1);
    expect(await found([1, 2], 0)).toHaveLength(1);
    expect(await found([2], span.from)).toMatchObject([{ usage: { outcome: "expired" }, gross: credits(20) }]);
  });

  it("what the new version has no price for is not corrected to it by a ledger that does not know of it yet", async () => {
    const id = await expired(4);
    const stale = await read(id, 2);
    settle(id, { ...worth(10), calls: { web_search: 1 } });
    expect(account.rerate(stale)).toEqual({ kind: "outdated" });
    expect(paid()).toBe(11);
  });

  it("a refund between them is no part of the price", async () => {
    const id = await expired(4);
    await correct(id, 2);
    account.refund({ id: "ref_1", requestId: id, amount: credits(3), reason: "slow" });
    settle(id, worth(10));
    expect(paid()).toBe(17);
    await deliver();
    await correct(id, 3);
    expect(paid()).toBe(5);
    await expectTrueLedger();
  });
});

describe("a receipt knows what the object has done and the ledger does not have yet", () => {
  async function expectSameSoon(id: string, is: object): Promise<void> {
    const now = await receipt(id);
    expect(now).toMatchObject({ ...is, rows: { confirmed: false } });
    await deliver();
    expect(await receipt(id)).toEqual({ ...now, rows: { ...now.rows, confirmed: true } });
  }

  it.each([
    [2, 16],
    [3, 4],
    [5, 0],
  ])("a correction to version %d", async (version, amount) => {
    const id = await charged(8);
    await correct(id, version);
    await expectSameSoon(id, { charge: { amount: credits(amount) }, rateCard: { version }, refunded: 0 });
  });

  it("a refund beside a correction", async () => {
    const id = await charged(8);
    await correct(id, 2);
    await deliver();
    account.refund({ id: "ref_1", requestId: id, amount: credits(3), reason: "slow" });
    await expectSameSoon(id, { charge: { amount: credits(16) }, refunded: credits(3) });
  });

  it("an end, and what came late", async () => {
    const id = await expired(4);
    settle(id, worth(10));
    await expectSameSoon(id, { charge: { amount: credits(10) }, outcome: "late" });
  });

  it("a correction of a request that the object has forgotten", async () => {
    const id = await charged(8);
    await forget(id);
    await correct(id, 3);
    await expectSameSoon(id, { charge: { amount: credits(4) }, rateCard: { version: 3 } });
  });

  it("an end that a refusal of the same id came before, which was written after it", async () => {
    const id = idOf(1);
    expect(ask(id, 101)).toMatchObject({ kind: "denied" });
    reserve(id, 8);
    settle(id, worth(8));
    platform.at += 2 * MINUTE;
    await account.alarm();
    await deliver();
    const entries = await readRequest(ledger.db, ACCOUNT, id);
    expect(entries.map(({ usage }) => usage?.outcome)).toEqual(["completed", "denied"]);
    const told = await receipt(id);
    expect(told).toMatchObject({ denial: null, charge: { amount: credits(8) }, outcome: "completed" });
    await forget(id);
    expect(await receipt(id)).toEqual(told);
  });

  it("names no entry twice, whoever has confirmed what", async () => {
    const id = idOf(1);
    reserve(id, 8);
    settle(id, worth(8));
    platform.at += 5_000;
    await account.alarm();
    await writeEntries(
      ledger.db,
      platform.sent.splice(0).flatMap((message) => message.entries),
    );
    const known = account.receipt(id);
    expect(known).toMatchObject({ kind: "request", unread: [{ seq: 2 }] });
    expect(known?.kind === "request" && partsOf(known.reservation).map(({ seq }) => seq)).toEqual([2]);
    expect(await receipt(id)).toMatchObject({ charge: { amount: credits(8) }, rows: { seq: 2, confirmed: false } });
  });
});

/** Time goes by until the object has forgotten the request. */
async function forget(id: string): Promise<void> {
  platform.at += 9 * DAY;
  await deliver();
  expect(account.receipt(id)).toBeNull();
}

describe("a request that the object has forgotten", () => {
  it.each([
    [2, 3],
    [3, 2],
    [2, 6],
    [3, 5],
  ])("is corrected to version %d, and to version %d only by a ledger that has the first", async (first, second) => {
    const id = await charged(8);
    await forget(id);
    const [one, two] = [await read(id, first), await read(id, second)];
    expect(account.rerate(one)).toMatchObject({ kind: "rerated", repeated: false });
    expect(account.rerate(two)).toEqual({ kind: "outdated" });
    expect(account.rerate(two, true)).toEqual({ kind: "outdated" });
    expect(account.rerate(one)).toMatchObject({ kind: "rerated", repeated: true });
    expect(paid()).toBe(8 * (FACTORS[first] ?? 0));
    await deliver();
    expect(await correct(id, second)).toMatchObject({ kind: "rerated", repeated: false });
    expect(paid()).toBe(8 * (FACTORS[second] ?? 0));
    await expectTrueLedger();
  });

  it("is not corrected by a ledger that lacks its refund", async () => {
    const id = await charged(8);
    const stale = await read(id, 5);
    account.refund({ id: "ref_1", requestId: id, amount: credits(8), reason: "slow" });
    await forget(id);
    expect(account.rerate(stale)).toEqual({ kind: "outdated" });
    expect(await correct(id, 5)).toMatchObject({ kind: "rerated", difference: 0 });
    expect(paid()).toBe(0);
  });
});
