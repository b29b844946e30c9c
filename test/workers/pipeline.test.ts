import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AccountClient } from "../../durable-objects/client.ts";
import { type ChainedEntry, chain } from "../../src/core/event.ts";
import { type LedgerMessage, MESSAGE_VERSION } from "../../src/core/ledger-message.ts";
import type { Env } from "../../src/env.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import worker from "../../src/worker.ts";
import { History } from "../ledger/history.ts";
import { credits, DAY, grantOf, reportOf, sha256, worth } from "../support/core-fixtures.ts";
import {
  accountOf,
  ask,
  asOperator,
  call,
  confirmedReceipt,
  eventually,
  grant,
  look,
  newAccount,
  openGateway,
  operator,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import { hold, objects, outboxOf, replaceQueue } from "../support/object.ts";
import { CARD } from "../support/offer.ts";
import type { BalanceRow, Page, ReconciliationBody } from "../support/wire.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.restoreAllMocks();
});

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };

/** The queue drops everything: entries wait in the outbox until a test delivers them. */
async function lossyAccount(entries: number): Promise<TestAccount> {
  const account = await newAccount();
  await replaceQueue(account, async () => {});
  for (let index = 0; index < entries; index += 1) await grant(account, "1");
  return account;
}

function messageOf(entries: readonly unknown[]): LedgerMessage {
  return { v: MESSAGE_VERSION, entries: entries as ChainedEntry[] };
}

let messages = 0;

/** Delivers `bodies` to the consumer as one batch and tells what became of them, by their place. */
async function deliver(bodies: readonly unknown[], variables: Partial<Env> = {}) {
  const first = messages;
  messages += bodies.length;
  const batch = createMessageBatch(
    "spillway-ledger",
    bodies.map((body, index) => ({
      id: String(first + index),
      timestamp: new Date(),
      attempts: 1,
      body: typeof body === "string" ? body : JSON.stringify(body),
    })),
  );
  const context = createExecutionContext();
  await worker.queue(batch as MessageBatch<string>, { ...(env as Env), ...variables }, createExecutionContext());
  const { explicitAcks, retryMessages } = await getQueueResult(batch, context);
  return {
    acked: explicitAcks.map((id) => Number(id) - first).sort((a, b) => a - b),
    retried: retryMessages.map(({ msgId }) => Number(msgId) - first).sort((a, b) => a - b),
  };
}

interface Stored {
  readonly usage: number;
  readonly monetization: number;
  readonly updates: number;
  readonly balance: number | null;
}

/** What D1 holds of the account. */
async function stored({ id }: TestAccount): Promise<Stored> {
  const row = await env.DB.prepare(
    `SELECT (SELECT count(*) FROM usage_events WHERE account_id = ?1) AS usage,
       (SELECT count(*) FROM monetization_events WHERE account_id = ?1) AS monetization,
       (SELECT count(*) FROM balance_updates WHERE account_id = ?1) AS updates,
       (SELECT balance FROM balances WHERE account_id = ?1) AS balance`,
  )
    .bind(id)
    .first<Stored>();
  if (!row) throw new Error("no row");
  return row;
}

function reconcile(account: TestAccount): Promise<ReconciliationBody> {
  return asOperator("POST", "/admin/reconciliations", { account: account.id });
}

/** D1 that fails once: before the write happens, or after it, when nobody is told that it did. */
function failingD1(when: "before" | "after"): D1Database {
  const fail = () => Promise.reject(new Error("D1_ERROR: Network connection lost."));
  const batch = (statements: D1PreparedStatement[]) =>
    when === "before" ? fail() : env.DB.batch(statements).then(fail, fail);
  return { prepare: (sql: string) => env.DB.prepare(sql), batch } as unknown as D1Database;
}

describe("from the object to the ledger", () => {
  test("what an account did stands in D1 exactly once, and the outbox is empty then", async () => {
    const account = await newAccount({ credits: "10" });
    const requests = await Promise.all([1, 2, 3].map(() => ask(account, ONE_CREDIT)));
    for (const request of requests) await confirmedReceipt(account, requestIdOf(request));
    expect(await stored(account)).toEqual({ usage: 3, monetization: 3, updates: 4, balance: credits(7) });
    expect(await outboxOf(account)).toEqual([]);
    expect(await objects.head(account.id)).toMatchObject({ seq: 4, balance: credits(7), unconfirmed: [] });
  });

  test("messages that come twice, in any order and in pieces are one history", async () => {
    const account = await lossyAccount(6);
    const entries = await outboxOf(account);
    const one = (index: number) => messageOf([entries[index]]);
    expect(await deliver([one(4), one(2), one(2), messageOf(entries.slice(2, 5))])).toEqual({
      acked: [0, 1, 2, 3],
      retried: [],
    });
    expect(await stored(account)).toMatchObject({ updates: 3, balance: credits(3) });
    expect((await outboxOf(account)).map(({ seq }) => seq)).toEqual([1, 2, 6]);
    await deliver([one(5), one(0), one(1), one(0)]);
    await deliver([messageOf(entries)]);
    expect(await stored(account)).toEqual({ usage: 0, monetization: 0, updates: 6, balance: credits(6) });
    expect(await outboxOf(account)).toEqual([]);
    expect((await reconcile(account)).differences).toEqual([]);
  });

  test("exactly what was written is confirmed, never what lies before it", async () => {
    const account = await lossyAccount(5);
    const entries = await outboxOf(account);
    await deliver([messageOf([entries[4]])]);
    expect((await objects.head(account.id))?.unconfirmed).toEqual([1, 2, 3, 4]);
  });

  test("a message that the queue lost is sent again until the ledger has it", async () => {
    const account = await newAccount();
    let sent = 0;
    await replaceQueue(account, async (count) => {
      sent += count;
    });
    await grant(account, "1");
    const start = Date.now();
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      for (const seconds of [2, 35, 120, 300]) {
        vi.setSystemTime(start + seconds * 1_000);
        await objects.wake(account.id);
      }
      expect(sent).toBeGreaterThanOrEqual(3);
      await deliver([messageOf(await outboxOf(account))]);
      sent = 0;
      vi.setSystemTime(start + 24 * 3_600_000);
      await objects.wake(account.id);
      expect(sent).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test.each(["before", "after"] as const)(
    "a consumer that fails %s its commit repeats and counts once",
    async (when) => {
      const account = await lossyAccount(3);
      const message = messageOf(await outboxOf(account));
      expect(await deliver([message], { DB: failingD1(when) })).toEqual({ acked: [], retried: [0] });
      expect(await outboxOf(account)).toHaveLength(3);
      expect(await deliver([message])).toEqual({ acked: [0], retried: [] });
      expect(await stored(account)).toMatchObject({ updates: 3, balance: credits(3) });
      expect(await outboxOf(account)).toEqual([]);
    },
  );

  test("confirming again, or for another epoch, changes nothing", async () => {
    const account = await lossyAccount(2);
    await objects.confirm(account.id, 2, [1, 2]);
    expect(await outboxOf(account)).toHaveLength(2);
    await objects.confirm(account.id, 1, [1]);
    await objects.confirm(account.id, 1, [1, 7]);
    expect((await outboxOf(account)).map(({ seq }) => seq)).toEqual([2]);
  });
});

interface Quarantined {
  readonly id: string;
  readonly account: string | null;
  readonly reason: string;
  readonly count: number;
  readonly redriven_at: string | null;
}

async function quarantineOf(account: Pick<TestAccount, "id">): Promise<Quarantined[]> {
  const page = await asOperator<Page<Quarantined>>("GET", "/admin/quarantine?limit=500");
  return page.data.filter((message) => message.account === account.id);
}

describe("poison", () => {
  // bad input no. 39
  test("among good entries is set apart and delays nobody", async () => {
    const account = await lossyAccount(6);
    const entries = await outboxOf(account);
    const [first, ...others] = entries;
    const poison = [
      { ...first, hash: "0".repeat(64) },
      { ...first, seq: 0 },
      { ...first, updates: [] },
      { ...first, v: 99 },
      { ...first, accountId: "acct_somebody" },
    ];
    const bodies = ["{ truncated", null, { v: 7 }, messageOf([...poison, ...others])];
    expect(await deliver(bodies)).toEqual({ acked: [0, 1, 2, 3], retried: [] });
    expect(await stored(account)).toMatchObject({ updates: 5 });
    expect((await outboxOf(account)).map(({ seq }) => seq)).toEqual([1]);
    const reasons = (await quarantineOf(account)).map(({ reason }) => reason);
    expect(reasons).toHaveLength(4);
    // It is found under the account that it says it is of.
    expect(await quarantineOf({ id: "acct_somebody" })).toHaveLength(1);
    expect(reasons.some((reason) => reason.includes("hash does not match"))).toBe(true);
    expect(reasons.some((reason) => reason === "version 99 is not known")).toBe(true);
    expect((await look<{ status: string }>(account, "/health/pipeline")).status).toBe("attention");
  });

  test("a second history under the same numbers is refused as a fork", async () => {
    const account = await lossyAccount(2);
    const entries = await outboxOf(account);
    await deliver([messageOf(entries)]);
    const twin = await lossyAccount(1);
    // Another object that believes to be this account: honest hashes, other content.
    const [original] = entries;
    if (!original) throw new Error("no entry");
    const { prev, hash: _, ...entry } = original;
    const forked = chain(sha256, { ...entry, at: entry.at + 1 }, prev);
    const good = messageOf(await outboxOf(twin));
    expect(await deliver([messageOf([forked]), good])).toEqual({ acked: [0, 1], retried: [] });
    expect((await quarantineOf(account)).map(({ reason }) => reason)).toEqual(["fork"]);
    expect(await stored(account)).toMatchObject({ updates: 2, balance: credits(2) });
    expect(await stored(twin)).toMatchObject({ updates: 1, balance: credits(1) });
  });

  test("what could not be written is sent again by hand, once its cause is gone", async () => {
    const account = await lossyAccount(2);
    await env.DB.exec(
      `CREATE TRIGGER broken BEFORE INSERT ON balance_updates WHEN NEW.account_id = '${account.id}' BEGIN SELECT RAISE(ABORT, 'broken'); END`,
    );
    const message = messageOf(await outboxOf(account));
    expect(await deliver([message])).toEqual({ acked: [0], retried: [] });
    await env.DB.exec("DROP TRIGGER broken");
    const quarantined = await quarantineOf(account);
    expect(quarantined).toHaveLength(2);
    for (const { id } of quarantined) await asOperator("POST", `/admin/quarantine/${id}/redrive`);
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    expect(await stored(account)).toMatchObject({ updates: 2, balance: credits(2) });
    const after = await quarantineOf(account);
    expect(after.every(({ redriven_at }) => redriven_at !== null)).toBe(true);
    expect((await operator("POST", "/admin/quarantine/qua_none/redrive")).status).toBe(404);
  });

  test("what the queue gives up on is kept and shown", async () => {
    const account = await lossyAccount(1);
    const body = messageOf(await outboxOf(account));
    const batch = createMessageBatch("spillway-ledger-dead", [
      { id: "dead", timestamp: new Date(), attempts: 1, body: JSON.stringify(body) },
    ]);
    const context = createExecutionContext();
    await worker.queue(batch, env as Env, createExecutionContext());
    await getQueueResult(batch, context);
    expect(await quarantineOf(account)).toMatchObject([{ reason: "undelivered", count: 1 }]);
    expect(await outboxOf(account)).toHaveLength(1);
  });
});

/** Changes a row that the ledger never changes: its guard is taken away for a moment. */
async function tamper(trigger: string, sql: string, ...bindings: unknown[]): Promise<void> {
  const guard = await env.DB.prepare("SELECT sql FROM sqlite_master WHERE name = ?").bind(trigger).first<string>("sql");
  await env.DB.prepare(`DROP TRIGGER ${trigger}`).run();
  await env.DB.prepare(sql)
    .bind(...bindings)
    .run();
  await env.DB.prepare(guard ?? "").run();
}

/** An account with a history of five entries in the ledger: a grant and four charges. */
async function accountWithHistory(): Promise<TestAccount> {
  const account = await lossyAccount(0);
  await grant(account, "10");
  await Promise.all([1, 2, 3, 4].map(() => ask(account, ONE_CREDIT)));
  await deliver([messageOf(await outboxOf(account))]);
  return account;
}

describe("reconciliation", () => {
  test("finds nothing on a good ledger, and says what it has checked", async () => {
    const account = await accountWithHistory();
    expect(await reconcile(account)).toMatchObject({
      checked: { accounts: 1, events: 5 },
      pending: { reservations: 0, outbox: 0 },
      differences: [],
    });
    const latest = await asOperator<ReconciliationBody>("GET", "/admin/reconciliations/latest");
    expect(latest.differences).toEqual([]);
  });

  test("what is still on its way is pending and no difference", async () => {
    const account = await lossyAccount(2);
    await hold(account, 1);
    await objects.settle(account.id, {
      requestId: (await hold(account, 1)).requestId,
      attempt: 1,
      report: reportOf(worth(1)),
    });
    expect(await reconcile(account)).toMatchObject({ pending: { reservations: 1, outbox: 3 }, differences: [] });
  });

  test("prices that change while it runs are no difference", async () => {
    const account = await newAccount({ credits: "10" });
    vi.spyOn(AccountClient.prototype, "wake").mockImplementationOnce(async () => {
      await asOperator("PUT", "/admin/rate-cards/default", {
        models: { ...CARD.models, "new-1": CARD.models["flat-1"] },
      });
      await confirmedReceipt(account, requestIdOf(await ask(account, { ...ONE_CREDIT, model: "new-1" })));
      return null;
    });
    expect(await reconcile(account)).toMatchObject({ checked: { accounts: 1, events: 2 }, differences: [] });
    expect((await accountOf(account)).status).toBe("active");
  });

  // The ledger refuses to be changed; somebody with the database in hand may still do it.
  test("the ledger refuses changes and deletions", async () => {
    const account = await accountWithHistory();
    for (const table of ["usage_events", "monetization_events", "balance_updates"]) {
      const where = `WHERE account_id = '${account.id}'`;
      await expect(env.DB.prepare(`UPDATE ${table} SET seq = seq ${where}`).run()).rejects.toThrow(/append-only/);
      await expect(env.DB.prepare(`DELETE FROM ${table} ${where}`).run()).rejects.toThrow(/append-only/);
    }
  });

  const tampers: [what: string, rule: string, trigger: string, sql: string][] = [
    [
      "a changed amount",
      "chain",
      "balance_updates_no_update",
      "UPDATE balance_updates SET amount = amount - 1, delta = delta + 1 WHERE account_id = ? AND seq = 3",
    ],
    [
      "a changed charge",
      "chain",
      "monetization_events_no_update",
      "UPDATE monetization_events SET amount = 1 WHERE account_id = ? AND seq = 3",
    ],
    [
      "a changed usage",
      "chain",
      "usage_events_no_update",
      "UPDATE usage_events SET usage = json_set(usage, '$.outputTokens', 1) WHERE account_id = ? AND seq = 3",
    ],
    ["a lost row", "gap", "balance_updates_no_delete", "DELETE FROM balance_updates WHERE account_id = ? AND seq = 3"],
  ];

  test.each(tampers)("names the entry of %s first, and puts paid use on hold", async (_, rule, trigger, sql) => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const account = await accountWithHistory();
    await tamper(trigger, sql, account.id);
    const { differences } = await reconcile(account);
    expect(differences[0]).toMatchObject({ account: account.id, seq: 3, rule });
    expect((await accountOf(account)).status).toBe("frozen");
    expect((await ask(account, ONE_CREDIT)).status).toBe(403);
    // Nothing is corrected silently.
    expect((await reconcile(account)).differences[0]).toMatchObject({ seq: 3 });
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "active", reason: "repaired" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  test("a balance that was changed is found against the sum of its updates", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const account = await accountWithHistory();
    await env.DB.prepare("UPDATE balances SET balance = balance + 5 WHERE account_id = ?").bind(account.id).run();
    expect((await reconcile(account)).differences).toMatchObject([{ rule: "balance" }]);
  });

  test("one run over all accounts freezes those that differ and no others", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const [good, bad] = [await accountWithHistory(), await accountWithHistory()];
    await env.DB.prepare("UPDATE balances SET balance = 0 WHERE account_id = ?").bind(bad.id).run();
    const { differences } = await asOperator<ReconciliationBody>("POST", "/admin/reconciliations", {});
    expect(differences.some(({ account }) => account === bad.id)).toBe(true);
    expect(differences.some(({ account }) => account === good.id)).toBe(false);
    expect((await accountOf(good)).status).toBe("active");
    expect((await accountOf(bad)).status).toBe("frozen");
    expect((await operator("POST", "/admin/reconciliations", { account: "acct_none" })).status).toBe(404);
  });
});

test("a report that is asked for with its end alone has the thirty days before that", async () => {
  const account = await lossyAccount(0);
  const history = new History(account.id);
  history.now = Date.now() - 60 * DAY;
  await writeEntries(env.DB, history.give(grantOf("grt_a", 10)).request("req_then", 2, 1).entries);
  const until = (days: number) => new Date(Date.now() - days * DAY).toISOString();
  const reported = async (to: string) =>
    (await look<Page<{ requests: number }>>(account, `/api/usage?group_by=&to=${to}`)).data.map((one) => one.requests);
  expect(await reported(until(59))).toEqual([1]);
  expect(await reported(until(29))).toEqual([]);
  // An end that is still to come changes nothing.
  expect(await reported(until(-60))).toEqual([]);
  const { data } = await asOperator<Page<{ totals: readonly { kind: string }[] }>>(
    "GET",
    `/admin/totals/daily?account=${account.id}&to=${until(59)}`,
  );
  expect(data.flatMap(({ totals }) => totals)).toMatchObject([{ kind: "debit" }, { kind: "grant" }]);
});

// X3
describe("lists", () => {
  test("are read page by page without gaps or repetitions, also while they grow", async () => {
    const account = await lossyAccount(7);
    await deliver([messageOf(await outboxOf(account))]);
    const seen: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${cursor}`;
      const page: Page<BalanceRow> = await look(account, `/api/ledger?limit=3${query}`);
      seen.push(...page.data.map(({ seq }) => seq));
      expect(page.has_more).toBe(page.next_cursor !== null);
      cursor = page.next_cursor;
      await grant(account, "1");
    }
    expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1]);
    const csv = await (await call("/api/ledger.csv", { headers: { authorization: `Bearer ${account.key}` } })).text();
    const lines = csv.trim().split("\r\n");
    expect(lines).toHaveLength(8);
    expect(lines[0]).toMatch(/^seq,draw,at,kind,.*,request_id,reason$/);
    expect(lines.slice(1).map((line) => Number(line.split(",")[0]))).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test("as files end before an entry that is still on its way", async () => {
    const account = await lossyAccount(4);
    const [first, second, third, fourth] = await outboxOf(account);
    await deliver([messageOf([first, second, fourth])]);
    const seqs = async () => {
      const csv = await (await call("/api/ledger.csv", { headers: { authorization: `Bearer ${account.key}` } })).text();
      return csv
        .trim()
        .split("\r\n")
        .slice(1)
        .map((line) => Number(line.split(",")[0]));
    };
    expect(await seqs()).toEqual([1, 2]);
    await deliver([messageOf([third])]);
    expect(await seqs()).toEqual([1, 2, 3, 4]);
  });

  test("hold no text that a spreadsheet would run, and numbers as numbers", async () => {
    const account = await lossyAccount(0);
    const { id } = await grant(account, "2", { reason: "-1+1" });
    await grant(account, "3", { reason: "=1+1" });
    await operator("DELETE", `/admin/accounts/${account.id}/grants/${id}`, { reason: "-2" });
    await deliver([messageOf(await outboxOf(account))]);
    const csv = await (await call("/api/ledger.csv", { headers: { authorization: `Bearer ${account.key}` } })).text();
    const lines = csv.trim().split("\r\n");
    expect(lines.slice(1).map((line) => line.split(",").at(-1))).toEqual(["'-1+1", "'=1+1", "-2"]);
    const delta = lines[0]?.split(",").indexOf("delta") ?? -1;
    expect(lines[3]?.split(",")[delta]).toBe("-2.000000");
  });
});
