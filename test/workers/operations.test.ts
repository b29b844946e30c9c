import { createExecutionContext, createMessageBatch, createScheduledController, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import { type ChainedEntry, chain } from "../../src/core/event.ts";
import { type LedgerMessage, MESSAGE_VERSION } from "../../src/core/ledger-message.ts";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import { credits, demandOf, MINUTE, PLAIN_RATE, reportOf, sha256, worth } from "../support/core-fixtures.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  CHAT,
  call,
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
  send,
  type TestAccount,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { hold, objects, outboxOf, replaceQueue, runAlarm } from "../support/object.ts";
import { CARD, CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import type { ErrorBody, Page, ReconciliationBody } from "../support/wire.ts";

/** Versions of the rate card: the one in force, and others with the price that it should have had. */
const VERSIONS = { present: 0, dear: 0, cheap: 0, same: 0, without: 0 };

beforeAll(async () => {
  await openGateway();
  const priced = (output: string, max: number) => ({
    ...CARD.models,
    "flat-1": {
      feature: "codex",
      per_million_tokens: { input: "0", cached_input: "0", output },
      max_output_tokens: max,
    },
  });
  const { "flat-1": _, ...others } = CARD.models;
  VERSIONS.present = await publish(priced("50000", 50), null);
  VERSIONS.dear = await publish(priced("100000", 50));
  VERSIONS.cheap = await publish(priced("25000", 50));
  VERSIONS.same = await publish(priced("50000", 49));
  VERSIONS.without = await publish(others);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Adds a version that will be in force in a far future, or at once. */
async function publish(models: object, effective_at: string | null = "2099-01-01T00:00:00Z"): Promise<number> {
  const card = { effective_at, models };
  return (await asOperator<{ version: number }>("PUT", "/admin/rate-cards/default", card)).version;
}

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 20 };

/** Moves the clock of everything, without waiting. */
function wait(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
}

/** A request that has ended and stands in the ledger; its id. */
async function charged(account: TestAccount, body: object = ONE_CREDIT): Promise<string> {
  const id = requestIdOf(await ask(account, body));
  await confirmedReceipt(account, id);
  return id;
}

/** Available, reserved and used credits. */
async function balance(account: TestAccount): Promise<string[]> {
  const { available, reserved, used } = (await accountOf(account)).credits;
  return [available, reserved, used].map((amount) => String(Number(amount)));
}

/** Everything that the account wrote is in the ledger; its alarm is rung at once. */
async function settled(account: TestAccount): Promise<void> {
  await runAlarm(account);
  return eventually(async () => expect(await outboxOf(account)).toEqual([]));
}

/** The same where the clock stands still. */
async function arrive(account: TestAccount): Promise<void> {
  wait(MINUTE);
  await objects.wake(account.id);
  await settled(account);
}

async function differencesOf(account: TestAccount): Promise<ReconciliationBody["differences"]> {
  await settled(account);
  const body = { account: account.id };
  return (await asOperator<ReconciliationBody>("POST", "/admin/reconciliations", body)).differences;
}

async function rows<Row>(account: TestAccount, set: string): Promise<readonly Row[]> {
  return (await asOperator<Page<Row>>("GET", `/admin/accounts/${account.id}/${set}`)).data;
}

interface Rerating {
  readonly dry_run: boolean;
  readonly charges: number;
  readonly difference: string;
  readonly corrected: readonly { account: string; usage_event: string; difference: string }[];
}

const ALWAYS = { from: "2020-01-01T00:00:00Z", to: "2090-01-01T00:00:00Z" };

function rerating(account: TestAccount | null, toVersion: number, part: object = {}) {
  const body = {
    versions: [VERSIONS.present],
    to_version: toVersion,
    ...ALWAYS,
    reason: "the price was wrong",
    ...part,
  };
  return account ? { account: account.id, ...body } : body;
}

function rerate(account: TestAccount | null, toVersion: number, part: object = {}): Promise<Rerating> {
  return asOperator("POST", "/admin/reratings", rerating(account, toVersion, part));
}

describe("a charge that was made at a wrong price", () => {
  test("too low: the difference is drawn now, once, and attributed to both versions", async () => {
    const account = await newAccount({ credits: "10" });
    const id = await charged(account);
    expect(await rerate(account, VERSIONS.dear)).toMatchObject({ charges: 1, difference: "1.000000" });
    expect(await balance(account)).toEqual(["8", "0", "2"]);
    expect(await rerate(account, VERSIONS.dear)).toMatchObject({ difference: "0.000000", corrected: [] });
    expect(await balance(account)).toEqual(["8", "0", "2"]);
    await settled(account);
    const tail = id.replace("req_", "");
    expect(await rows(account, "usage-events")).toMatchObject([
      { id: `use_${tail}.1~c${VERSIONS.dear}`, request_id: id, outcome: "corrected" },
      { id: `use_${tail}.1`, request_id: id, outcome: "incomplete" },
    ]);
    expect(await rows(account, "monetization-events")).toMatchObject([
      { id: `mon_${tail}.1~c${VERSIONS.dear}`, amount: "1.000000", rate_card: { version: VERSIONS.dear } },
      { id: `mon_${tail}.1`, amount: "1.000000", rate_card: { version: VERSIONS.present } },
    ]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test("too low: what nobody covers now is refunded at once", async () => {
    const account = await newAccount({ credits: "1.25" });
    await charged(account);
    await rerate(account, VERSIONS.dear);
    expect(await balance(account)).toEqual(["0", "0", "1.25"]);
    await settled(account);
    expect((await rows<{ kind: string }>(account, "balance-updates")).slice(0, 3)).toMatchObject([
      { kind: "overshoot", amount: "0.750000" },
      { kind: "overshoot_refund", amount: "0.750000" },
      { kind: "debit", amount: "0.250000" },
    ]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test("too high: it goes back to the grant that paid, once; included use stays used", async () => {
    await putPlan("rerated", includedPlan("0.25", "5"));
    const account = await newAccount({ plan: "rerated", credits: "10" });
    await charged(account);
    expect(await rerate(account, VERSIONS.cheap)).toMatchObject({ difference: "-0.500000" });
    expect((await rerate(account, VERSIONS.cheap)).corrected).toEqual([]);
    expect(await balance(account)).toEqual(["9.75", "0", "0.25"]);
    expect((await accountOf(account)).allowances[0]?.windows[0]?.used).toBe("0.250000");
    expect(await differencesOf(account)).toEqual([]);
  });

  test("that nobody has paid, or that was included, gives nothing back", async () => {
    await putPlan("all-included", includedPlan("5", "5"));
    const included = await newAccount({ plan: "all-included", credits: "10" });
    await charged(included);
    expect((await rerate(included, VERSIONS.cheap)).difference).toBe("0.000000");
    expect(await balance(included)).toEqual(["10", "0", "0"]);
    expect(await differencesOf(included)).toEqual([]);

    // Of two credits one was covered: at half the price that one is still due.
    const beyond = await newAccount({ credits: "1" });
    const reservation = await holdFlat(beyond, 20);
    await objects.settle(beyond.id, { ...reservation, report: reportOf(worth(40)) });
    await settled(beyond);
    expect((await rerate(beyond, VERSIONS.cheap)).difference).toBe("0.000000");
    expect(await balance(beyond)).toEqual(["0", "0", "1"]);
    expect(await differencesOf(beyond)).toEqual([]);
  });

  test("at the same price nothing changes", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    const { seq } = (await objects.head(account.id)) ?? {};
    expect(await rerate(account, VERSIONS.same)).toMatchObject({ charges: 1, difference: "0.000000", corrected: [] });
    expect((await objects.head(account.id))?.seq).toBe(seq);
  });

  test.each(["dear", "cheap"] as const)(
    "a dry run changes nothing and tells the same figures (%s)",
    async (version) => {
      await putPlan("dry", includedPlan("0.75", "0.75"));
      const account = await newAccount({ plan: "dry", credits: "10" });
      await charged(account);
      await charged(account);
      const head = await objects.head(account.id);
      const told = await rerate(account, VERSIONS[version], { dry_run: true });
      expect(await objects.head(account.id)).toEqual(head);
      expect(told).toMatchObject({ dry_run: true, charges: 2 });
      expect(await rerate(account, VERSIONS[version])).toEqual({ ...told, dry_run: false });
      expect(await differencesOf(account)).toEqual([]);
    },
  );

  test("only of the account, the span and the versions that are asked for", async () => {
    const [one, other] = [await newAccount({ credits: "10" }), await newAccount({ credits: "10" })];
    await charged(one);
    await charged(other);
    const nothing = { charges: 0, difference: "0.000000", corrected: [] };
    expect(await rerate(one, VERSIONS.dear, { to: "2021-01-01T00:00:00Z" })).toMatchObject(nothing);
    expect(await rerate(one, VERSIONS.dear, { from: "2089-01-01T00:00:00Z" })).toMatchObject(nothing);
    expect(await rerate(one, VERSIONS.dear, { versions: [VERSIONS.cheap] })).toMatchObject(nothing);
    expect(await rerate(one, VERSIONS.dear, { rate_card: "other" })).toMatchObject(nothing);
    expect((await rerate(one, VERSIONS.dear)).corrected).toMatchObject([{ account: one.id, difference: "1.000000" }]);
    expect([await balance(one), await balance(other)]).toEqual([
      ["8", "0", "2"],
      ["9", "0", "1"],
    ]);
  });

  test("of all accounts at once", async () => {
    const [one, other] = [await newAccount({ credits: "10" }), await newAccount({ credits: "10" })];
    await charged(one);
    await charged(other);
    const { corrected } = await rerate(null, VERSIONS.dear);
    expect(corrected.map(({ account }) => account)).toEqual(expect.arrayContaining([one.id, other.id]));
    expect([await balance(one), await balance(other)]).toEqual([
      ["8", "0", "2"],
      ["8", "0", "2"],
    ]);
  });

  test.each([
    [404, "account_not_found", { account: "acct_none" }],
    [400, "invalid_request", { reason: "" }],
    [400, "invalid_request", { versions: [] }],
    [400, "invalid_request", { from: "yesterday" }],
  ])("a mistaken order is refused (%d %s)", async (status, code, part) => {
    const response = await operator("POST", "/admin/reratings", rerating(null, VERSIONS.dear, part));
    expect([response.status, (await response.json<ErrorBody>()).error.code]).toEqual([status, code]);
  });

  test("half of which was corrected when the rest failed is in the log, and the rest is corrected when asked again", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await charged(account);
    const correct = AccountClient.prototype.rerate;
    const spy = vi.spyOn(AccountClient.prototype, "rerate").mockImplementation(function (
      this: AccountClient,
      ...given
    ) {
      if (spy.mock.calls.length > 1) throw new AccountUnreachable("the object is away");
      return correct.apply(this, given);
    });
    const order = rerating(account, VERSIONS.dear);
    expect((await operator("POST", "/admin/reratings", order)).status).toBe(503);
    spy.mockRestore();
    expect(await balance(account)).toEqual(["7", "0", "3"]);
    const { data } = await asOperator<Page<{ action: string; after: object }>>(
      "GET",
      `/admin/log?account=${account.id}`,
    );
    const logged = data.find(({ action }) => action === "charges.rerate");
    expect(logged?.after).toMatchObject({ version: VERSIONS.dear, difference: "1.000000", unfinished: true });
    expect(await rerate(account, VERSIONS.dear)).toMatchObject({ charges: 2, difference: "1.000000" });
    expect(await balance(account)).toEqual(["6", "0", "4"]);
  });

  test("a version without the model is refused, and corrects nothing", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    for (const version of [VERSIONS.without, 99]) {
      const response = await operator("POST", "/admin/reratings", rerating(account, version));
      expect([response.status, (await response.json<ErrorBody>()).error.code]).toEqual([422, "unpriced"]);
    }
    expect(await balance(account)).toEqual(["9", "0", "1"]);
  });
});

/** Holds credits for output tokens of `flat-1`, as the card in force prices it. */
async function holdFlat(account: TestAccount, tokens: number) {
  const rate = { ...PLAIN_RATE, tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(50_000) } };
  const quote = {
    cardId: "default",
    cardVersion: VERSIONS.present,
    model: "flat-1",
    rate: { ...rate, maxOutputTokens: 50 },
  };
  const { requestId, attempt } = await hold(account, 0, { demand: demandOf(tokens, { model: "flat-1", quote }) });
  return { requestId, attempt };
}

describe("a correction beside what else became of its request", () => {
  function refund(account: TestAccount, request_id: string, key: string, amount?: string): Promise<Response> {
    const body = { request_id, reason: "poor answer", ...(amount === undefined ? {} : { amount }) };
    return operator("POST", `/admin/accounts/${account.id}/refunds`, body, { "idempotency-key": key });
  }

  test("what was refunded before is not drawn again at the same price, nor given back twice", async () => {
    const account = await newAccount({ credits: "10" });
    const id = await charged(account);
    await refund(account, id, "a", "0.7");
    await settled(account);
    expect((await rerate(account, VERSIONS.same)).difference).toBe("0.000000");
    expect((await rerate(account, VERSIONS.cheap)).difference).toBe("0.000000");
    expect(await balance(account)).toEqual(["9.7", "0", "0.3"]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test("what was refunded before counts towards what is given back", async () => {
    const account = await newAccount({ credits: "10" });
    const id = await charged(account);
    await refund(account, id, "a", "0.2");
    await settled(account);
    expect((await rerate(account, VERSIONS.cheap)).difference).toBe("-0.300000");
    expect(await balance(account)).toEqual(["9.5", "0", "0.5"]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test("after a correction no more can be refunded than what is left of the charge", async () => {
    const account = await newAccount({ credits: "10" });
    const id = await charged(account);
    await charged(account);
    await rerate(account, VERSIONS.cheap, { to: new Date(Date.now() + MINUTE).toISOString() });
    expect(await balance(account)).toEqual(["9", "0", "1"]);
    expect((await refund(account, id, "a", "0.6")).status).toBe(422);
    expect((await refund(account, id, "b")).status).toBe(201);
    expect(await balance(account)).toEqual(["9.5", "0", "0.5"]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test.each([
    ["dear", "3.000000", "4"],
    ["same", "0.000000", "7"],
    ["cheap", "-1.500000", "8.5"],
  ] as const)(
    "an expired request with a late settlement is priced by all that it used (%s)",
    async (version, ...is) => {
      const account = await newAccount({ credits: "10" });
      const request = await holdFlat(account, 80);
      await objects.checkpoint(account.id, { ...request, usage: worth(20), holdMs: MINUTE });
      wait(20 * MINUTE);
      await runAlarm(account);
      await objects.settle(account.id, { ...request, report: reportOf(worth(60)) });
      expect(await balance(account)).toEqual(["7", "0", "3"]);
      await arrive(account);
      const { difference } = await rerate(account, VERSIONS[version]);
      expect([difference, (await balance(account))[0]]).toEqual(is);
      await arrive(account);
      expect(await differencesOf(account)).toEqual([]);
    },
  );

  test("a price that is corrected twice ends at the last one", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await rerate(account, VERSIONS.cheap);
    await settled(account);
    expect((await rerate(account, VERSIONS.dear)).difference).toBe("1.500000");
    expect(await balance(account)).toEqual(["8", "0", "2"]);
    await settled(account);
    expect((await rerate(account, VERSIONS.same)).difference).toBe("-1.000000");
    expect(await balance(account)).toEqual(["9", "0", "1"]);
    expect(await differencesOf(account)).toEqual([]);
  });

  test.each([
    ["dear", "2.000000", "100000.000000"],
    ["cheap", "0.500000", "25000.000000"],
  ] as const)("the receipt shows the corrected charge and its price (%s)", async (version, amount, output) => {
    const account = await newAccount({ credits: "10" });
    const id = await charged(account);
    await rerate(account, VERSIONS[version]);
    await settled(account);
    const { charge, usage, reservation, decision, prices } = await receiptOf(account, id);
    expect(prices.per_million_tokens).toMatchObject({ input: "0.000000", output });
    expect(charge).toMatchObject({ amount, overshoot: "0.000000", refunded: "0.000000" });
    expect(usage).toMatchObject({ output_tokens: 20, outcome: "incomplete" });
    expect(reservation).toMatchObject({ state: "settled", estimated: "1.000000" });
    expect(decision.rate_card.version).toBe(VERSIONS[version]);
  });

  test("the usage report counts the request and its tokens once, and all that was charged", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await rerate(account, VERSIONS.dear);
    await settled(account);
    expect((await look<Page<object>>(account, "/api/usage?group_by=model")).data).toMatchObject([
      { model: "flat-1", requests: 1, denied: 0, output_tokens: 20, charge: "2.000000" },
    ]);
  });
});

interface Quote {
  readonly outcome: string;
  readonly sentence: string;
  readonly reason?: string;
  readonly estimated?: string;
  readonly max_output_tokens?: number;
  readonly draws?: readonly { source: string; amount: string }[];
  readonly considered: readonly { source: string; available: string; taken: string }[];
  readonly needed?: string;
  readonly available?: string;
  readonly resets_at?: string | null;
  readonly rate_card: { readonly id: string; readonly version: number };
  readonly prices: object;
}

async function quote(account: TestAccount, body: object): Promise<Quote> {
  const response = await send("POST", "/api/quote", body, bearer(account.key));
  if (response.status !== 200) throw new Error(`quote: ${response.status} ${await response.text()}`);
  return response.json<Quote>();
}

const TWO_MESSAGES = { model: "flat-1", messages: [{ role: "user", content: "x" }] };

describe("a quote", () => {
  test.each([
    ["a response", "/v1/responses", ONE_CREDIT],
    ["a chat completion", CHAT, { ...TWO_MESSAGES, max_completion_tokens: 20 }],
  ])("of %s says what the request itself is answered", async (_, route, body) => {
    await putPlan("quoted", includedPlan("0.25", "5"));
    const account = await newAccount({ plan: "quoted", credits: "10" });
    const quoted = await quote(account, body);
    expect(quoted).toMatchObject({
      outcome: "allowed",
      estimated: "1.000000",
      rate_card: { id: "default", version: VERSIONS.present },
    });
    const asked = requestIdOf(await ask(account, body, { route }));
    const { reservation, decision, prices } = await receiptOf(account, asked);
    expect(prices).toEqual(quoted.prices);
    expect(reservation.estimated).toBe(quoted.estimated);
    expect(reservation.draws).toEqual(quoted.draws);
    expect(decision.considered).toEqual(quoted.considered);
  });

  test("of a request that would be refused says why, as the refusal does", async () => {
    const account = await newAccount({ credits: "0.4" });
    const quoted = await quote(account, ONE_CREDIT);
    expect(quoted).toMatchObject({
      outcome: "denied",
      reason: "credits_exhausted",
      needed: "1.000000",
      available: "0.400000",
      resets_at: null,
    });
    const refused = await ask(account, ONE_CREDIT);
    expect(refused.status).toBe(429);
    expect((await refused.json<ErrorBody>()).error.spillway).toMatchObject({
      reason: quoted.reason,
      needed: quoted.needed,
      available: quoted.available,
    });
  });

  test("of a model that the plan does not have, or of a suspended account, is a refusal", async () => {
    const account = await newAccount({ credits: "5" });
    await putPlan("few", { ...CREDITS_PLAN, name: "Few", features: { codex: { models: ["gpt-5.4"] } } });
    const few = await newAccount({ plan: "few", credits: "5" });
    expect(await quote(few, ONE_CREDIT)).toMatchObject({ outcome: "denied", reason: "model_not_entitled" });
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "suspended", reason: "test" });
    expect(await quote(account, ONE_CREDIT)).toMatchObject({ outcome: "denied", reason: "account_suspended" });
  });

  test("has no effect: nothing is reserved, written or sent, however often it is asked", async () => {
    const gates = [{ id: "rpm", unit: "requests", limit: 1, window: { kind: "sliding", period: "1m" } }];
    await putPlan("looked-at", includedPlan("0.25", "5", { gates }));
    const account = await newAccount({ plan: "looked-at", credits: "10" });
    await settled(account);
    const before = await accountOf(account);
    const { rowsWritten } = await objects.work(account.id);
    await withoutUpstreamCall(async () => {
      for (let index = 0; index < 5; index += 1) expect((await quote(account, ONE_CREDIT)).outcome).toBe("allowed");
    });
    expect((await objects.work(account.id)).rowsWritten).toBe(rowsWritten);
    expect(await accountOf(account)).toEqual(before);
    expect(await objects.pending(account.id)).toEqual([]);
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    expect(await quote(account, ONE_CREDIT)).toMatchObject({ outcome: "denied", reason: "gate" });
  });

  test.each([
    [400, { input: "x" }],
    [400, { model: "nobody-knows", input: "x" }],
    [400, { model: "flat-1", input: "x", max_output_tokens: -1 }],
  ])("that cannot be made is a fault in this API's own shape (%d %j)", async (status, body) => {
    const account = await newAccount();
    const response = await send("POST", "/api/quote", body, bearer(account.key));
    expect(response.status).toBe(status);
    const { error, ...rest } = await response.json<{ error: Record<string, unknown> }>();
    expect(rest).toEqual({});
    expect(Object.keys(error).sort()).toEqual(["code", "message", "request_id"]);
    expect(error.request_id).toBe(requestIdOf(response));
  });

  test("needs JSON and a key", async () => {
    const account = await newAccount();
    const headers = { ...bearer(account.key), "content-type": "application/json" };
    const broken = await call("/api/quote", { method: "POST", headers, body: "{" });
    expect([broken.status, Object.keys((await broken.json<ErrorBody>()).error).sort()]).toEqual([
      400,
      ["code", "message", "request_id"],
    ]);
    expect((await send("POST", "/api/quote", ONE_CREDIT)).status).toBe(401);
    expect((await send("POST", "/api/quote", ONE_CREDIT, bearer(`${account.key}x`))).status).toBe(401);
  });
});

describe("every quarter of an hour", () => {
  const QUARTER = 15 * MINUTE;

  async function scheduled(at: number): Promise<void> {
    await worker.scheduled(
      createScheduledController({ cron: "* * * * *", scheduledTime: at }),
      env as Env,
      createExecutionContext(),
    );
  }

  function latest(): Promise<{ id: string; checked: { accounts: number; events: number } } & ReconciliationBody> {
    return asOperator("GET", "/admin/reconciliations/latest");
  }

  const quarter = () => Math.floor(Date.now() / QUARTER) * QUARTER;

  async function tampered(account: TestAccount, seq: number): Promise<void> {
    const trigger = "monetization_events_no_update";
    const found = await env.DB.prepare("SELECT sql FROM sqlite_master WHERE name = ?").bind(trigger).first("sql");
    await env.DB.prepare(`DROP TRIGGER ${trigger}`).run();
    const update = "UPDATE monetization_events SET amount = 1 WHERE account_id = ? AND seq = ?";
    await env.DB.prepare(update).bind(account.id, seq).run();
    await env.DB.prepare(String(found)).run();
  }

  test("accounts that moved are checked from where the last check ended", async () => {
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await settled(account);
    // What accounts of the tests before wrote may still be on its way.
    await eventually(async () => {
      await scheduled(quarter());
      const first = await latest();
      expect(first.differences).toEqual([]);
      await scheduled(quarter());
      expect(await latest()).toEqual(first);
    });
    await charged(account);
    await settled(account);
    await scheduled(quarter());
    expect((await latest()).checked.events).toBe(1);
  });

  test("also where what comes before it fails, which is told to the operator and tried again a minute later", async () => {
    const told = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { id } = await latest().catch(() => ({ id: null }));
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await settled(account);
    await env.DB.exec("ALTER TABLE sweeps RENAME TO elsewhere");
    try {
      await scheduled(quarter());
    } finally {
      await env.DB.exec("ALTER TABLE elsewhere RENAME TO sweeps");
    }
    expect(told.mock.calls.flat().join()).toContain("accounts_unswept");
    expect((await latest()).id).not.toBe(id);
  });

  test("and at no other minute", async () => {
    await scheduled(quarter());
    const { id } = await latest();
    for (const minute of [1, 7, 14]) await scheduled(quarter() + minute * MINUTE);
    expect((await latest()).id).toBe(id);
  });

  test("an entry that was changed since puts its account on hold, with the reason, and no other", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const [good, bad] = [await newAccount({ credits: "10" }), await newAccount({ credits: "10" })];
    await charged(good);
    await charged(bad);
    await settled(good);
    await settled(bad);
    await tampered(bad, 2);
    await scheduled(quarter());
    expect((await latest()).differences[0]).toMatchObject({ account: bad.id, seq: 2 });
    expect((await accountOf(bad)).status).toBe("frozen");
    expect((await accountOf(good)).status).toBe("active");
    expect(await asOperator("GET", `/admin/accounts/${bad.id}`)).toMatchObject({
      status_reason: expect.stringContaining("at 2"),
    });
    await scheduled(quarter());
    expect((await latest()).differences[0]).toMatchObject({ account: bad.id, seq: 2 });
  });

  test("an old entry that was changed later is found by the whole check", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const account = await newAccount({ credits: "10" });
    await charged(account);
    await settled(account);
    await scheduled(quarter());
    await tampered(account, 2);
    await scheduled(quarter());
    expect((await accountOf(account)).status).toBe("active");
    expect((await differencesOf(account))[0]).toMatchObject({ account: account.id, seq: 2 });
    expect((await accountOf(account)).status).toBe("frozen");
  });
});

describe("an account's status", () => {
  const patch = (account: TestAccount, body: object) => operator("PATCH", `/admin/accounts/${account.id}`, body);
  const shown = (account: TestAccount) => asOperator<object>("GET", `/admin/accounts/${account.id}`);

  test("a frozen account is opened again only with a reason, which operators see", async () => {
    const account = await newAccount({ credits: "5" });
    await objects.freeze(account.id, "gap at 7");
    expect(await shown(account)).toMatchObject({ status: "frozen", status_reason: "gap at 7" });
    const refused = await patch(account, { status: "active" });
    expect([refused.status, (await refused.json<ErrorBody>()).error.code]).toEqual([400, "reason_required"]);
    expect((await ask(account, ONE_CREDIT)).status).toBe(403);
    expect((await patch(account, { status: "active", reason: "restored from the backup" })).status).toBe(200);
    expect(await shown(account)).toMatchObject({ status: "active", status_reason: "restored from the backup" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  test("every other change of status needs none, and may have one", async () => {
    const account = await newAccount();
    expect(await shown(account)).toMatchObject({ status: "active", status_reason: null });
    await patch(account, { status: "suspended", reason: "asked for it" });
    expect(await shown(account)).toMatchObject({ status: "suspended", status_reason: "asked for it" });
    await patch(account, { status: "active" });
    expect(await shown(account)).toMatchObject({ status: "active", status_reason: null });
  });

  test("the reason is the operator's, and no customer's business", async () => {
    const account = await newAccount();
    await patch(account, { status: "suspended", reason: "a private remark" });
    expect(JSON.stringify(await accountOf(account))).not.toContain("private remark");
    expect(await (await ask(account, ONE_CREDIT)).text()).not.toContain("private remark");
  });

  // bad input no. 39
  test("two histories under the same number put the account on hold, and the reason says so", async () => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    const account = await newAccount();
    await replaceQueue(account, async () => {});
    await grant(account, "5");
    const [entry] = await outboxOf(account);
    if (!entry) throw new Error("nothing was written");
    const { prev, hash: _, ...rest } = entry;
    await deliver(chain(sha256, { ...rest, at: rest.at + 1 }, prev));
    expect(await shown(account)).toMatchObject({ status: "active" });
    await deliver(entry);
    expect(await shown(account)).toMatchObject({
      status: "frozen",
      status_reason: "two histories under the same numbers",
    });
  });

  async function deliver(entry: ChainedEntry): Promise<void> {
    const body = JSON.stringify({ v: MESSAGE_VERSION, entries: [entry] } satisfies LedgerMessage);
    const message = { id: entry.hash, timestamp: new Date(), attempts: 1, body };
    const batch = createMessageBatch("spillway-ledger", [message]);
    await worker.queue(batch, env as Env, createExecutionContext());
    await getQueueResult(batch, createExecutionContext());
  }

  test("nobody freezes by hand", async () => {
    const account = await newAccount();
    expect((await patch(account, { status: "frozen" })).status).toBe(400);
  });
});

describe("limits of a plan through the public door", () => {
  const MINUTELY = { kind: "sliding", period: "1m" };

  // X19
  test("a gate for each key lets another key of the account through", async () => {
    const gates = [{ id: "per-key", unit: "requests", per: "key", limit: 1, window: MINUTELY }];
    await putPlan("keyed", { ...CREDITS_PLAN, name: "Keyed", gates });
    const account = await newAccount({ plan: "keyed", credits: "5" });
    const second = { id: account.id, key: (await newKey(account.id)).key };
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    const refused = await ask(account, ONE_CREDIT);
    expect(refused.status).toBe(429);
    expect((await refused.json<ErrorBody>()).error).toMatchObject({
      code: "rate_limit_exceeded",
      spillway: { reason: "gate", limit: "per-key" },
    });
    expect((await ask(second, ONE_CREDIT)).status).toBe(200);
    expect((await ask(second, ONE_CREDIT)).status).toBe(429);
  });

  test("a gate in credits bounds what is spent, and what one request may cost", async () => {
    const gates = [
      { id: "spend", unit: "credits", limit: "1.5", window: { kind: "calendar", period: "day" } },
      { id: "each", unit: "credits", limit: "1.25" },
    ];
    await putPlan("spending", { ...CREDITS_PLAN, name: "Spending", gates });
    const account = await newAccount({ plan: "spending", credits: "50" });
    // The day does not end meanwhile.
    wait(0);
    const large = await ask(account, { ...ONE_CREDIT, max_output_tokens: 26 });
    expect(large.status).toBe(429);
    expect((await large.json<ErrorBody>()).error.spillway).toMatchObject({ limit: "each", remedy: "reduce_request" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    const more = await ask(account, ONE_CREDIT);
    expect((await more.json<ErrorBody>()).error.spillway).toMatchObject({ reason: "gate", limit: "spend" });
    expect((await ask(account, { ...ONE_CREDIT, max_output_tokens: 10 })).status).toBe(200);
    expect(await balance(account)).toEqual(["48.5", "0", "1.5"]);
  });

  test("an allowance of the calendar ends with its day: told exactly, while clients come back spread", async () => {
    const window = { kind: "calendar", period: "day", time_zone: "Asia/Kolkata", limit: "1" };
    const allowances = [{ id: "daily", unit: "credits", windows: [window] }];
    await putPlan("daily", { ...CREDITS_PLAN, name: "Daily", allowances });
    const account = await newAccount({ plan: "daily" });
    wait(0);
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    const waits = new Set<number>();
    const midnight = nextMidnight(5.5 * 60 * MINUTE);
    for (let index = 0; index < 8; index += 1) {
      const refused = await ask(account, ONE_CREDIT);
      const { error } = await refused.json<ErrorBody>();
      expect(error).toMatchObject({ type: "usage_limit_reached", resets_at: midnight / 1_000 });
      expect(error.spillway?.resets_at).toBe(new Date(midnight).toISOString());
      const wait = Number(refused.headers.get("retry-after-ms"));
      expect(Date.now() + wait).toBeGreaterThanOrEqual(midnight - 1_000);
      expect(Date.now() + wait).toBeLessThanOrEqual(midnight + 61_000);
      waits.add(Math.round((Date.now() + wait) / 100));
    }
    expect(waits.size).toBeGreaterThan(1);
    wait(midnight - Date.now() + 1);
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });
});

/** The next midnight of a place that is always `offsetMs` ahead of UTC. */
function nextMidnight(offsetMs: number): number {
  const day = 24 * 60 * MINUTE;
  return (Math.floor((Date.now() + offsetMs) / day) + 1) * day - offsetMs;
}

test("a grant for what an operator corrected by hand is no correction", async () => {
  const account = await newAccount({ credits: "10" });
  await charged(account);
  await grant(account, "1", { kind: "adjustment" });
  await settled(account);
  expect((await rerate(account, VERSIONS.cheap)).difference).toBe("-0.500000");
});
