import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { verifyLedger } from "../../scripts/verify.mjs";
import { type ChainedEntry, chain } from "../../src/core/event.ts";
import type { Env } from "../../src/env.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { sha256 } from "../support/core-fixtures.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  call,
  confirmedReceipt,
  eventually,
  gatewayWith,
  grant,
  newAccount,
  openGateway,
  operator,
  putPlan,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import { outboxOf, replaceQueue, restore as restoreObject, storedNow } from "../support/object.ts";
import { includedPlan } from "../support/offer.ts";
import { rowsOfD1 } from "../support/stored-rows.ts";
import { backTo, thisMinute } from "../support/time-travel.ts";
import type { ErrorBody, ReconciliationBody } from "../support/wire.ts";

/*
 * D1 is taken back to an earlier minute, as Time Travel does it. Entries that the objects had seen confirmed are in no
 * place but in the exports, and come back from there.
 */

beforeAll(async () => {
  await openGateway();
  await putPlan("included", includedPlan("2", "2"));
});

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };
const REASON = "D1 was restored to 12:00";

async function charged(account: TestAccount): Promise<string> {
  const response = await ask(account, ONE_CREDIT);
  expect(response.status).toBe(200);
  await response.text();
  const id = requestIdOf(response);
  await confirmedReceipt(account, id);
  return id;
}

/** All that D1 holds of the account's ledger, row for row. */
async function ledgerOf({ id }: TestAccount): Promise<unknown[]> {
  const tables = ["usage_events", "monetization_events", "balance_updates", "balances"];
  const read = async (table: string) =>
    (await env.DB.prepare(`SELECT * FROM ${table} WHERE account_id = ?1`).bind(id).all()).results;
  return Promise.all(tables.map(read));
}

async function exportOf({ id }: TestAccount): Promise<ChainedEntry[]> {
  const bytes = await (await operator("GET", `/admin/accounts/${id}/ledger/export`)).arrayBuffer();
  expect(await verifyLedger([new Uint8Array(bytes)])).toMatchObject({ ok: true });
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n").slice(1, -1);
  return lines.map((line) => JSON.parse(line) as ChainedEntry);
}

const pathOf = ({ id }: TestAccount): string => `/admin/accounts/${id}/ledger/entries`;

function restore(account: TestAccount, entries: readonly unknown[]): Promise<object> {
  return asOperator("POST", pathOf(account), { entries, reason: REASON });
}

/** Status, code and message of a restore that must be refused, and write nothing. */
async function refusalOf(account: TestAccount, entries: readonly unknown[], gateway = call): Promise<string> {
  const before = await rowsOfD1();
  const headers = { "content-type": "application/json", ...bearer("test-admin-token") };
  const body = JSON.stringify({ entries, reason: REASON });
  const response = await gateway(pathOf(account), { method: "POST", headers, body });
  expect(await rowsOfD1()).toEqual(before);
  const { error } = await response.json<ErrorBody>();
  return `${response.status} ${error.code}: ${error.message}`;
}

function reconcile({ id }: TestAccount): Promise<ReconciliationBody> {
  return asOperator("POST", "/admin/reconciliations", { account: id });
}

function activate({ id }: TestAccount): Promise<object> {
  return asOperator("PATCH", `/admin/accounts/${id}`, { status: "active", reason: "its ledger is whole again" });
}

interface Loss {
  readonly account: TestAccount;
  /** The whole ledger as it was exported before. */
  readonly entries: readonly ChainedEntry[];
  /** The same as rows. */
  readonly rows: readonly unknown[];
  /** How many entries D1 still has. */
  readonly kept: number;
}

/** Works with an account, then takes D1 back to a minute in the middle of it. */
async function lossOf(): Promise<Loss> {
  const account = await newAccount({ plan: "included", credits: "10" });
  await charged(account);
  const kept = (await exportOf(account)).length;
  const minute = await thisMinute();
  // Paid by what is included, and by the grant; and money that is given back.
  await charged(account);
  const requestId = await charged(account);
  await grant(account, "5");
  const refund = { request_id: requestId, reason: "slow" };
  const refunds = `/admin/accounts/${account.id}/refunds`;
  await asOperator("POST", refunds, refund, { "idempotency-key": `refund-${requestId}` });
  await charged(account);
  const entries = await exportOf(account);
  const rows = await ledgerOf(account);
  await backTo(minute);
  return { account, entries, rows, kept };
}

describe("a database that was taken back to an earlier minute", () => {
  test("is found by reconciliation, gets its entries back from an export, and goes on", async () => {
    const { account, entries, rows, kept } = await lossOf();
    expect([kept, entries.length]).toEqual([2, 7]);
    expect((await reconcile(account)).differences).toMatchObject([{ rule: "gap", seq: kept + 1 }]);
    expect((await accountOf(account)).status).toBe("frozen");
    // What is included is used up, and nothing is paid from a frozen account.
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);

    // In portions, as the tool sends them: the first one has what is there, what is lost, and where one becomes the other.
    const middle = kept + 2;
    expect(await restore(account, entries.slice(0, middle))).toEqual({
      account: account.id,
      present: kept,
      restored: 2,
    });
    expect(await restore(account, entries.slice(middle))).toEqual({
      account: account.id,
      present: 0,
      restored: entries.length - middle,
    });
    expect(await ledgerOf(account)).toEqual(rows);
    expect(await exportOf(account)).toEqual(entries);
    expect((await reconcile(account)).differences).toEqual([]);

    expect((await accountOf(account)).status).toBe("frozen");
    await activate(account);
    await charged(account);
    expect((await reconcile(account)).differences).toEqual([]);
    expect((await exportOf(account)).slice(0, entries.length)).toEqual(entries);
  });

  test("has it in the operators' log what was put back, and why", async () => {
    const { account, entries, kept } = await lossOf();
    await restore(account, entries);
    const log = await asOperator<{ data: object[] }>("GET", `/admin/log?account=${account.id}&limit=1`);
    const after = { entries: entries.length - kept, from: `1.${kept + 1}`, to: `1.${entries.length}` };
    expect(log.data).toMatchObject([{ action: "ledger.restore", account: account.id, reason: REASON, after }]);
  });

  test("is not changed by the same once more, by not one row", async () => {
    const { account, entries } = await lossOf();
    await restore(account, entries);
    const before = await rowsOfD1();
    const again = { account: account.id, present: entries.length, restored: 0 };
    expect(await restore(account, entries)).toEqual(again);
    expect(await rowsOfD1()).toEqual(before);
  });

  test("takes the same portion many times at once, and moves the balance once", async () => {
    const { account, entries, rows } = await lossOf();
    await Promise.all(Array.from({ length: 5 }, () => restore(account, entries)));
    expect(await ledgerOf(account)).toEqual(rows);
  });

  test("gets from the object what was not confirmed, and from the export the rest", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    const minute = await thisMinute();
    await charged(account);
    const exported = await exportOf(account);
    await replaceQueue(account, async () => {});
    await grant(account, "1");
    await backTo(minute);
    const [waiting] = await outboxOf(account);
    // The newest entry arrives first: the gap before it is filled afterwards.
    await writeEntries(env.DB, waiting ? [waiting] : []);
    expect(await restore(account, exported)).toMatchObject({ restored: 1 });
    expect((await reconcile(account)).differences).toEqual([]);
    expect((await accountOf(account)).status).toBe("active");
  });

  test("that no longer knows an account registers it again, with the plan that its object has", async () => {
    const minute = await thisMinute();
    const account = await newAccount({ plan: "included", credits: "10" });
    await charged(account);
    await charged(account);
    await charged(account);
    const [entries, rows] = [await exportOf(account), await ledgerOf(account)];
    await backTo(minute);
    expect(await refusalOf(account, entries)).toMatch(/^404 account_not_found/);
    const again = await asOperator<object>("POST", "/admin/accounts", { id: account.id, plan: "credits" });
    expect(again).toMatchObject({ id: account.id, plan: { id: "included" } });
    await restore(account, entries);
    expect(await ledgerOf(account)).toEqual(rows);
    expect((await reconcile(account)).differences).toEqual([]);
    await charged(account);
  });

  test("to before an epoch began, gets the epochs back as well", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    const then = await storedNow(account);
    await charged(account);
    const minute = await thisMinute();
    await charged(account);
    // The object is taken back, and goes on from its ledger.
    await restoreObject(account, then);
    await reconcile(account);
    await asOperator("POST", `/admin/accounts/${account.id}/reopen`, { reason: "the object was restored" });
    await activate(account);
    await charged(account);
    const [entries, rows] = [await exportOf(account), await ledgerOf(account)];
    expect(entries.map(({ epoch }) => epoch)).toEqual([1, 1, 1, 1, 2, 2]);
    await backTo(minute);

    expect((await reconcile(account)).differences).toMatchObject([{ rule: "gap", seq: 4 }]);
    expect(await restore(account, entries)).toMatchObject({ present: 3, restored: 3 });
    expect(await ledgerOf(account)).toEqual(rows);
    expect((await reconcile(account)).differences).toEqual([]);
    await activate(account);
    await charged(account);
    expect((await reconcile(account)).differences).toEqual([]);
  });
});

describe("what is refused, and writes nothing", () => {
  /** `entry` with another amount of its last update. */
  function forged(entry: ChainedEntry): ChainedEntry {
    const [update, ...others] = entry.updates.toReversed();
    if (!update) throw new Error("an entry without an update");
    const amount = update.amount + 1;
    const delta = update.delta + Math.sign(update.delta);
    const balanceAfter = update.balanceAfter + Math.sign(update.delta);
    return { ...entry, updates: [...others.toReversed(), { ...update, amount, delta, balanceAfter }] };
  }

  function rehashed({ prev, hash: _, ...entry }: ChainedEntry): ChainedEntry {
    return chain(sha256, entry, prev);
  }

  /** The grant of five credits, which the database has lost. */
  function lostGrant({ entries }: Loss): number {
    return entries.findIndex(({ updates: [update] }) => update?.kind === "grant" && update.amount === 5_000_000);
  }

  test("a forged amount, whose hash does not fit", async () => {
    const loss = await lossOf();
    const at = lostGrant(loss);
    const entries = loss.entries.map((entry, index) => (index === at ? forged(entry) : entry));
    expect(await refusalOf(loss.account, entries)).toBe(
      `400 invalid_request: entries.${at}: shape: hash does not match the content`,
    );
  });

  test("a forged amount that was hashed anew, since its neighbours do not continue it", async () => {
    const loss = await lossOf();
    const at = lostGrant(loss);
    const entries = loss.entries.map((entry, index) => (index === at ? rehashed(forged(entry)) : entry));
    const broken = "409 ledger_conflict: chain: ";
    expect(await refusalOf(loss.account, entries)).toBe(
      `${broken}1.${at + 2} does not continue the entry before it. Nothing was written.`,
    );
    // Also where the neighbour is in the ledger, on either side.
    await writeEntries(env.DB, loss.entries.slice(at + 1));
    await restore(loss.account, loss.entries.slice(0, at));
    expect(await refusalOf(loss.account, entries.slice(at, at + 1))).toBe(
      `${broken}the entry after 1.${at + 1} continues another one. Nothing was written.`,
    );
    await restore(loss.account, loss.entries);
    expect((await reconcile(loss.account)).differences).toEqual([]);
  });

  test("entries of another account", async () => {
    const [one, other] = [await lossOf(), await newAccount()];
    expect(await refusalOf(other, one.entries)).toBe("400 invalid_request: entries.0: shape: entry of another account");
  });

  test("a fork: the ledger has another entry at that place", async () => {
    const { account, entries, kept } = await lossOf();
    const next = entries[kept];
    if (!next) throw new Error("nothing was lost");
    await writeEntries(env.DB, [rehashed({ ...next, at: next.at + 1 })]);
    expect(await refusalOf(account, entries)).toBe(
      `409 ledger_conflict: fork: the ledger has another entry at 1.${kept + 1}. Nothing was written.`,
    );
  });

  test("a portion that would leave a hole before it, also in its own middle", async () => {
    const { account, entries, kept } = await lossOf();
    const hole = (seq: number) =>
      `409 ledger_conflict: gap: the entry before 1.${seq} is missing; entries are put back from the oldest on. Nothing was written.`;
    expect(await refusalOf(account, entries.slice(kept + 1))).toBe(hole(kept + 2));
    expect(await refusalOf(account, entries.toSpliced(kept + 2, 1))).toBe(hole(kept + 4));
  });

  test("another beginning of the account's history", async () => {
    const minute = await thisMinute();
    const account = await newAccount({ credits: "1" });
    await charged(account);
    const [first] = await exportOf(account);
    if (!first) throw new Error("nothing was granted");
    const { DB } = env as Env;
    const registered = await DB.prepare("SELECT * FROM accounts WHERE id = ?1").bind(account.id).all();
    await backTo(new Map([...minute, ["accounts", [...(minute.get("accounts") ?? []), ...registered.results]]]));
    const other = rehashed({ ...first, prev: "0".repeat(64) });
    expect(await refusalOf(account, [other])).toBe(
      "409 ledger_conflict: chain: 1.1 does not continue the entry before it. Nothing was written.",
    );
    expect(await restore(account, [first])).toMatchObject({ restored: 1 });
  });

  test("an event that the ledger has in another entry", async () => {
    const { account, entries } = await lossOf();
    await restore(account, entries);
    const again = entries.find(({ monetization }) => monetization !== null);
    const last = entries.at(-1);
    if (!again || !last) throw new Error("nothing was charged");
    const seq = last.seq + 1;
    const updates = again.updates.map((update) => ({
      ...update,
      id: update.id.replace(/\.\d+\.(\d+)$/, `.${seq}.$1`),
    }));
    const copy = rehashed({ ...again, seq, updates, prev: last.hash });
    expect(await refusalOf(account, [copy])).toBe("409 ledger_conflict: reused event. Nothing was written.");
  });

  test.each([
    ["no entry", () => [], "400 invalid_request: entries: "],
    ["what is no entry", () => [{ type: "end" }], "400 invalid_request: entries.0: shape: "],
    [
      "entries of a release to come",
      (entries: object[]) => [{ ...entries[0], v: 9 }],
      "400 invalid_request: entries.0: version 9",
    ],
    [
      "entries in another order",
      (entries: object[]) => entries.toReversed(),
      "400 invalid_request: entries.1: must come behind",
    ],
    ["too many bytes", (entries: object[]) => [{ ...entries[0], more: "x".repeat(300_000) }], "413 body_too_large: "],
  ])("%s", async (_, change, told) => {
    const account = await newAccount({ credits: "1" });
    await charged(account);
    const refusal = await refusalOf(account, change(await exportOf(account)));
    expect(refusal.slice(0, told.length)).toBe(told);
  });

  test("entries without a reason, or with a key of the account's", async () => {
    const account = await newAccount();
    const unreasoned = await operator("POST", pathOf(account), { entries: [{}] });
    expect((await unreasoned.json<ErrorBody>()).error).toMatchObject({
      code: "invalid_request",
      message: "reason: say why",
    });
    const own = await send("POST", pathOf(account), { entries: [{}], reason: REASON }, bearer(account.key));
    expect(own.status).toBe(401);
  });

  test("anything while D1 fails, and what comes again later is put back", async () => {
    const { account, entries, rows } = await lossOf();
    const failing = new Proxy(env.DB, {
      get: (db, name) => {
        if (name === "batch") return () => Promise.reject(new Error("D1_ERROR: D1 DB is overloaded"));
        const value: unknown = Reflect.get(db, name);
        return typeof value === "function" ? value.bind(db) : value;
      },
    });
    expect(await refusalOf(account, entries, gatewayWith({ DB: failing }))).toMatch(/^503 ledger_unavailable: /);
    await eventually(() => restore(account, entries));
    expect(await ledgerOf(account)).toEqual(rows);
  });
});
