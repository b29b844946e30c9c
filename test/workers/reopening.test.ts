import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { verifyLedger } from "../../scripts/verify.mjs";
import { writeEntries } from "../../src/ledger/write.ts";
import {
  accountOf,
  ask,
  asOperator,
  confirmedReceipt,
  eventually,
  grant,
  look,
  newAccount,
  newKey,
  openGateway,
  operator,
  putPlan,
  receiptOf,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import {
  hold,
  lose,
  objects,
  outboxOf,
  replaceQueue,
  restore,
  runAlarm,
  type StoredObject,
  storedNow,
} from "../support/object.ts";
import { includedPlan } from "../support/offer.ts";

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };

interface Reconciliation {
  readonly differences: readonly { readonly rule: string; readonly seq: number; readonly subject: string }[];
  readonly unchecked: readonly unknown[];
}

interface Reopened {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
  readonly balance: string;
  readonly status: string;
  readonly plan: string;
  readonly keys: number;
}

beforeAll(openGateway);

/** A request that is charged and whose entry is in the ledger; returns its id. */
async function charge(account: TestAccount, headers: Record<string, string> = {}): Promise<string> {
  const response = await ask(account, ONE_CREDIT, { headers });
  await response.text();
  expect(response.status).toBe(200);
  await confirmedReceipt(account, requestIdOf(response));
  return requestIdOf(response);
}

/** Everything that the object has written is in the ledger. */
async function delivered(account: TestAccount): Promise<void> {
  await runAlarm(account);
  await eventually(async () => expect(await outboxOf(account)).toEqual([]));
}

function reconcile({ id }: TestAccount): Promise<Reconciliation> {
  return asOperator("POST", "/admin/reconciliations", { account: id });
}

const CLEAN = { differences: [], unchecked: [] };

function reopen({ id }: TestAccount, body: object = { reason: "restored" }): Promise<Reopened> {
  return asOperator("POST", `/admin/accounts/${id}/reopen`, body);
}

async function refusal({ id }: TestAccount, body: object = { reason: "restored" }): Promise<[number, string]> {
  const response = await operator("POST", `/admin/accounts/${id}/reopen`, body);
  const { error } = await response.json<{ error: { code: string } }>();
  return [response.status, error.code];
}

function activate({ id }: TestAccount): Promise<unknown> {
  return asOperator("PATCH", `/admin/accounts/${id}`, { status: "active", reason: "looked into" });
}

function suspend({ id }: TestAccount): Promise<unknown> {
  return asOperator("PATCH", `/admin/accounts/${id}`, { status: "suspended", reason: "restore" });
}

async function ledgerFile({ id }: TestAccount): Promise<string> {
  const response = await operator("GET", `/admin/accounts/${id}/ledger/export`);
  return new TextDecoder().decode(await response.arrayBuffer());
}

function verify(text: string) {
  return verifyLedger([new TextEncoder().encode(text)]);
}

interface Restored {
  readonly account: TestAccount;
  readonly then: StoredObject;
  /** A request from before the moment to which the object was restored, and one from after it. */
  readonly early: string;
  readonly late: string;
}

/** An account that was charged five times, whose object is taken back to when it was charged twice. */
async function restoredAccount(): Promise<Restored> {
  const account = await newAccount({ credits: "10" });
  await charge(account);
  const early = await charge(account);
  await delivered(account);
  const then = await storedNow(account);
  await charge(account);
  await charge(account);
  const late = await charge(account, { "idempotency-key": "the-fifth" });
  await delivered(account);
  await restore(account, then);
  return { account, then, early, late };
}

describe("an object that was restored to an earlier moment", () => {
  test("is found, frozen, reopened from its ledger, and goes on", async () => {
    const { account, early, late } = await restoredAccount();
    expect((await accountOf(account)).credits.available).toBe("8.000000");

    const found = await reconcile(account);
    expect(found.differences[0]).toMatchObject({ rule: "gap", seq: 4, subject: "newest entry of the object" });
    expect((await accountOf(account)).status).toBe("frozen");

    expect(await reopen(account)).toMatchObject({
      epoch: 2,
      seq: 7,
      balance: "5.000000",
      status: "frozen",
      plan: "credits",
      keys: 1,
    });
    expect(await reconcile(account)).toMatchObject(CLEAN);
    expect((await ask(account, ONE_CREDIT)).status).toBe(403);
    await activate(account);
    const next = await charge(account);
    expect((await accountOf(account)).credits).toMatchObject({ available: "4.000000", used: "6.000000" });

    expect(await reconcile(account)).toMatchObject(CLEAN);
    const proof = await look<object>(account, "/api/ledger/proof");
    expect(proof).toMatchObject({ epoch: 2, verified: true, balance: "4.000000", pending: 0 });
    for (const id of [early, late, next]) {
      expect(await receiptOf(account, id)).toMatchObject({
        charge: { amount: "1.000000" },
        ledger: { confirmed: true },
      });
    }
  });

  test("its ledger is one chain over both epochs, which anyone can verify and nobody can change", async () => {
    const { account } = await restoredAccount();
    await reconcile(account);
    const { head } = await reopen(account);
    await activate(account);
    await charge(account);
    await delivered(account);
    const text = await ledgerFile(account);
    expect(await verify(text)).toMatchObject({ ok: true, summary: { epoch: 2, entries: 8, balance: 4_000_000 } });
    const lines = text.split("\n");
    const opening = JSON.parse(lines[7] ?? "");
    const before = JSON.parse(lines[6] ?? "");
    expect(opening).toMatchObject({ epoch: 2, seq: 7, prev: before.hash, hash: head });
    expect(opening.updates).toMatchObject([
      { kind: "carry_over", amount: 5_000_000, delta: 0, balanceAfter: 5_000_000 },
    ]);
    for (const [right, wrong] of [
      ['"amount":5000000,"delta":0', '"amount":6000000,"delta":0'],
      ['"carry_over"', '"none"'],
      ['"epoch":2,"seq":7', '"epoch":3,"seq":7'],
      ['"type":"end","seq":8,"epoch":2', '"type":"end","seq":8,"epoch":1'],
    ] as const) {
      expect(text).toContain(right);
      expect(await verify(text.replace(right, wrong))).toMatchObject({ ok: false });
    }
  });

  test("goes on although it has written another history before it was found", async () => {
    const { account } = await restoredAccount();
    const lost = await ask(account, ONE_CREDIT);
    await lost.text();
    await runAlarm(account);
    await eventually(async () => expect((await accountOf(account)).status).toBe("frozen"));
    expect((await reconcile(account)).differences.length).toBeGreaterThan(0);
    expect(await reopen(account)).toMatchObject({ epoch: 2, seq: 7, balance: "5.000000" });
    await activate(account);
    await charge(account);
    expect(await reconcile(account)).toMatchObject(CLEAN);
    expect((await accountOf(account)).credits.available).toBe("4.000000");
  });

  test("a request of before that is repeated with its key is neither served nor charged again", async () => {
    const { account, late } = await restoredAccount();
    await reconcile(account);
    await reopen(account);
    await activate(account);
    const again = await ask(account, ONE_CREDIT, { headers: { "idempotency-key": "the-fifth" } });
    expect(await again.json()).toMatchObject({ object: "spillway.replay", request_id: late, charge: "1.000000" });
    expect(requestIdOf(again)).toBe(late);
    expect((await accountOf(account)).credits.available).toBe("5.000000");
  });

  test("what was under way then ends nowhere, and an attempt of the new epoch is not taken for it", async () => {
    const account = await newAccount({ credits: "10" });
    await charge(account);
    const requestId = `req_k${"0".repeat(40)}`;
    const held = await hold(account, 3, { requestId, keyed: true });
    await delivered(account);
    const then = await storedNow(account);
    await charge(account);
    await restore(account, then);
    await reconcile(account);
    await reopen(account);
    await activate(account);
    expect((await accountOf(account)).credits).toMatchObject({ available: "8.000000", reserved: "0.000000" });
    const release = { requestId, attempt: held.attempt, outcome: "failed" as const };
    expect(await objects.release(account.id, release)).toEqual({ kind: "unknown" });
    const again = await hold(account, 3, { requestId, keyed: true });
    expect(again.attempt).toBeGreaterThan(held.attempt);
    expect(await objects.release(account.id, release)).toEqual({ kind: "fenced" });
    expect(await objects.release(account.id, { ...release, attempt: again.attempt })).toMatchObject({ kind: "ended" });
    await delivered(account);
    expect(await reconcile(account)).toMatchObject(CLEAN);
  });

  test("entries of the ended epoch that come late move nothing, and are put aside", async () => {
    const { account } = await restoredAccount();
    await replaceQueue(account, async () => {});
    for (let n = 0; n < 4; n += 1) await (await ask(account, ONE_CREDIT)).text();
    const forked = await eventually(async () => {
      const entries = await outboxOf(account);
      expect(entries.map(({ seq }) => seq)).toEqual([4, 5, 6, 7]);
      return entries;
    });
    await suspend(account);
    await reopen(account);
    await env.LEDGER_QUEUE.send({ v: 1, accountId: account.id, entries: forked });
    await eventually(async () => {
      const { data } = await asOperator<{ data: { reason: string }[] }>("GET", "/admin/quarantine");
      expect(data.filter(({ reason }) => reason === "not of the present epoch")).toHaveLength(4);
    });
    await objects.confirm(account.id, 1, [7]);
    expect(await reconcile(account)).toMatchObject(CLEAN);
    await activate(account);
    expect((await accountOf(account)).credits.available).toBe("5.000000");
  });

  test("can be restored and reopened again", async () => {
    const { account, then } = await restoredAccount();
    await reconcile(account);
    await reopen(account);
    await activate(account);
    await charge(account);
    await delivered(account);
    const second = await storedNow(account);
    await charge(account);
    await restore(account, then);
    await reconcile(account);
    expect(await reopen(account)).toMatchObject({ epoch: 3, balance: "3.000000" });
    await restore(account, second);
    await reconcile(account);
    expect(await reopen(account)).toMatchObject({ epoch: 4, balance: "3.000000" });
    await activate(account);
    await charge(account);
    expect(await reconcile(account)).toMatchObject(CLEAN);
    expect(await verify(await ledgerFile(account))).toMatchObject({ ok: true, summary: { epoch: 4 } });
  });
});

describe("an object that lost everything", () => {
  test("goes on from its ledger; keys are made anew", async () => {
    const account = await newAccount({ credits: "10" });
    const first = await charge(account);
    await delivered(account);
    await lose(account);
    const made = await operator("POST", "/admin/accounts", { id: account.id, plan: "credits" });
    expect([made.status, (await made.json<{ error: { code: string } }>()).error.code]).toEqual([409, "account_lost"]);
    expect(await reopen(account, { reason: "lost" })).toMatchObject({
      epoch: 2,
      balance: "9.000000",
      status: "frozen",
      plan: "credits",
      keys: 0,
    });
    const again = { id: account.id, key: (await newKey(account.id)).key };
    await activate(again);
    const second = await charge(again);
    expect((await accountOf(again)).credits.available).toBe("8.000000");
    expect(await reconcile(again)).toMatchObject(CLEAN);
    for (const id of [first, second]) expect((await receiptOf(again, id)).charge?.amount).toBe("1.000000");
    expect(await verify(await ledgerFile(again))).toMatchObject({ ok: true, summary: { epoch: 2, entries: 4 } });
  });

  test("windows, entitlements and orders are not given a second time", async () => {
    await putPlan("monthly", {
      ...includedPlan("2", "3"),
      entitlements: [{ id: "each-month", amount: "4" }],
    } as Parameters<typeof putPlan>[1]);
    const account = await newAccount({ plan: "monthly" });
    const order = { amount: "5", kind: "paid", reason: "order" };
    const path = `/admin/accounts/${account.id}/grants`;
    const { id } = await asOperator<{ id: string }>("POST", path, order, { "idempotency-key": "order-7" });
    for (let n = 0; n < 3; n += 1) await charge(account);
    await delivered(account);
    const before = await accountOf(account);
    await lose(account);
    await reopen(account, { reason: "lost" });
    const again = { id: account.id, key: (await newKey(account.id)).key };
    expect(await asOperator("POST", path, order, { "idempotency-key": "order-7" })).toMatchObject({ id });
    const after = await accountOf(again);
    expect(after.credits).toEqual(before.credits);
    expect(after.grants).toEqual(before.grants);
    const used = ({ allowances }: typeof after) => allowances.map(({ windows }) => windows.map((one) => one.used));
    expect(used(after)).toEqual(used(before));
    expect(used(after)).toEqual([["2.000000", "2.000000"]]);
    await runAlarm(again);
    expect(await reconcile(again)).toMatchObject(CLEAN);
  });

  test("what is left of a grant that was partly taken back, or voided, stays what it was", async () => {
    const account = await newAccount();
    const reclaimed = await grant(account, "10");
    const voided = await grant(account, "4");
    await objects.reclaim(account.id, reclaimed.id, 3_000_000, "paid back");
    await objects.voidGrant(account.id, voided.id, "by mistake");
    await delivered(account);
    await lose(account);
    expect(await reopen(account, { reason: "lost" })).toMatchObject({ balance: "7.000000" });
    expect(await objects.reclaim(account.id, reclaimed.id, 3_000_000, "paid back")).toMatchObject({ owed: 0 });
    expect(await objects.reclaim(account.id, reclaimed.id, 4_000_000, "paid back")).toMatchObject({ owed: 0 });
    expect((await objects.head(account.id))?.balance).toBe(6_000_000);
    await delivered(account);
    expect(await reconcile(account)).toMatchObject(CLEAN);
  });
});

describe("nothing is reopened that can go on by itself", () => {
  test("an account in step with its ledger, or active, or with entries on their way", async () => {
    const account = await newAccount({ credits: "10" });
    await charge(account);
    await delivered(account);
    expect(await refusal(account)).toEqual([409, "account_active"]);
    await suspend(account);
    expect(await refusal(account)).toEqual([409, "account_in_step"]);
    await grant(account, "1");
    expect(await refusal(account)).toEqual([409, "entries_undelivered"]);
    expect(await refusal(account, { reason: "x", plan: "nowhere" })).toEqual([400, "unknown_plan"]);
    expect(await refusal(account, {})).toEqual([400, "invalid_request"]);
    expect(await refusal({ id: "acct_nobody", key: "" })).toEqual([404, "account_not_found"]);
  });

  test("a ledger with a gap is not carried over", async () => {
    const account = await newAccount({ credits: "10" });
    await delivered(account);
    await suspend(account);
    await grant(account, "1");
    await grant(account, "1");
    const [, newest] = await outboxOf(account);
    if (!newest) throw new Error("two entries are on their way");
    await writeEntries(env.DB, [newest]);
    expect(await refusal(account)).toEqual([409, "ledger_differs"]);
  });

  test("doing it again is answered in the same way", async () => {
    const { account } = await restoredAccount();
    await reconcile(account);
    const first = await reopen(account);
    expect(await reopen(account)).toEqual(first);
    await activate(account);
    await charge(account);
    await suspend(account);
    await delivered(account);
    expect(await refusal(account)).toEqual([409, "account_in_step"]);
  });

  test("where the object was not reached after its epoch had begun, it is done again", async () => {
    const { account, then } = await restoredAccount();
    await reconcile(account);
    await reopen(account);
    await restore(account, then);
    await reconcile(account);
    expect(await reopen(account)).toMatchObject({ epoch: 3, seq: 8, balance: "5.000000" });
    expect(await reconcile(account)).toMatchObject(CLEAN);
  });
});
