import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { SpillwayError } from "../../client/errors.ts";
import { SpillwayOperator } from "../../client/operator.ts";
import { Spillway } from "../../client/spillway.ts";
import type { PlanDocument, RateCardDocument } from "../../client/types.ts";
import type { Env } from "../../src/env.ts";
import { putInQuarantine } from "../../src/ledger/quarantine.ts";
import { reconciledAccount, reconciliation } from "../../src/openapi/answers/operations.ts";
import { DocumentedAnswers } from "../support/documented.ts";
import {
  ADMIN_TOKEN,
  ask,
  call,
  confirmedReceipt,
  endedReceipt,
  eventually,
  gatewayWith,
  openGateway,
  requestIdOf,
  type TestAccount,
} from "../support/gateway.ts";
import { hold, lose, outboxOf, runAlarm } from "../support/object.ts";
import { CARD, includedPlan } from "../support/offer.ts";
import { fakeStripe, orderFor, sessionOf, tell } from "../support/stripe.ts";

/*
 * What an operator and a customer do in a life, done with the client. Every answer on the way is held against the
 * document, and in the end every answer that the document describes must have been seen.
 */

const documented = new DocumentedAnswers();
const fetch = documented.through(call);
const operator = new SpillwayOperator({ baseUrl: "", token: ADMIN_TOKEN, actor: "Ada Äpfel", fetch });
const anybody = new Spillway({ baseUrl: "", fetch });

const REQUEST = { model: "flat-1", input: "x", max_output_tokens: 10 };
const EVERYTHING: PlanDocument = {
  name: "Everything",
  features: { codex: { models: ["*"] }, sora: { models: ["*"] } },
  gates: [
    { id: "rpm", unit: "requests", limit: 1_000, window: { kind: "sliding", period: "1m" } },
    { id: "at-once", unit: "concurrency", limit: 20 },
    { id: "dear", unit: "credits", limit: "1000" },
  ],
  allowances: [
    {
      id: "included",
      unit: "credits",
      windows: [
        { kind: "anchored", period: "5h", limit: "0.5" },
        { kind: "calendar", period: "month", time_zone: "Europe/Berlin", limit: "1000" },
      ],
    },
    { id: "calls", unit: "requests", features: ["sora"], windows: [{ kind: "sliding", period: "7d", limit: 100 }] },
  ],
  entitlements: [{ id: "monthly", amount: "1", rollover_cap: "0.5" }],
  same_request_within: "1m",
};

let customer: TestAccount;
let spillway: Spillway;

beforeAll(async () => {
  await openGateway();
  await operator.plans.put("everything", EVERYTHING);
  const { id } = await operator.accounts.create({ id: "acct_life", plan: "everything", name: "Life" });
  const { key } = await operator.accounts.createKey(id, { name: "laptop", expires_at: "2099-01-01T00:00:00Z" });
  await operator.accounts.grant(id, { amount: "100", kind: "paid", reason: "Order 1", features: ["codex"] });
  customer = { id, key };
  spillway = new Spillway({ baseUrl: "", token: key, fetch });
});

/** Asks a model and waits until the ledger has the end of it. */
async function charged(): Promise<string> {
  const id = requestIdOf(await ask(customer, REQUEST));
  await endedReceipt(customer, id);
  await confirmedReceipt(customer, id);
  return id;
}

/** The code of the refusal that must come. */
async function refusalOf(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof SpillwayError) return `${error.status} ${error.code}`;
  throw new Error(`not refused: ${error}`);
}

describe("a customer", () => {
  test("sees the account, requests, receipts and the ledger", async () => {
    const id = await charged();
    expect((await spillway.account()).credits.available).not.toBe("0.000000");
    expect((await spillway.requests({ limit: 5 }).page()).data[0]?.request_id).toBe(id);
    expect((await spillway.receipt(id)).sentence).toMatch(/^Allowed/);
    expect((await spillway.ledger().page()).as_of_seq).toBeGreaterThan(0);
    expect(await (await spillway.ledgerCsv()).text()).toMatch(/^seq,draw/);
    expect(await (await spillway.exportLedger()).text()).toMatch(/"type":"end"/);
    expect((await spillway.proof()).verified).toBe(true);
    expect((await spillway.usage({ groupBy: ["day", "model"] }))[0]?.model).toBe("flat-1");
  });

  test("sees receipts of requests that are under way, and of refused ones", async () => {
    const pending = await hold(customer, 1);
    expect((await spillway.receipt(pending.requestId)).reservation?.state).toBe("pending");
    const tooDear = await ask(customer, { model: "gpt-5.4", input: "x".repeat(400_000), max_output_tokens: 1_000 });
    expect((await spillway.receipt(requestIdOf(tooDear))).decision.outcome).toBe("denied");
  });

  test("is told what a request would cost, or why it would be refused", async () => {
    expect((await spillway.quote(REQUEST)).outcome).toBe("allowed");
    const dear = { model: "gpt-5.4", input: "x".repeat(400_000), max_output_tokens: 1_000 };
    expect((await spillway.quote(dear)).outcome).toBe("denied");
    expect(await spillway.quote({ prompt: "A spillway at dawn" })).toMatchObject({ model: "sora-2", size: "720x1280" });
  });

  test("makes, replaces and revokes keys", async () => {
    const { id, key } = await spillway.createKey({ name: "ci", scopes: ["read"] });
    const reader = new Spillway({ baseUrl: "", token: key, fetch });
    expect((await reader.account()).id).toBe(customer.id);
    expect(await refusalOf(reader.createKey())).toBe("403 missing_scope");
    const rolled = await spillway.rollKey(id, { overlap_hours: 1 });
    expect(rolled.replaces.id).toBe(id);
    expect((await spillway.revokeKey(rolled.id)).was_own).toBe(false);
    expect((await spillway.keys()).map((one) => one.id)).toContain(rolled.id);
    expect(await refusalOf(spillway.revokeKey("key_unknown"))).toBe("404 key_not_found");
  });
});

describe("an operator", () => {
  test("looks after accounts", async () => {
    expect((await operator.accounts.list({ search: "life" }).all()).map(({ id }) => id)).toEqual([customer.id]);
    const suspended = await operator.accounts.update(customer.id, { status: "suspended", reason: "a trial" });
    expect(suspended).toMatchObject({ status: "suspended", name: "Life", status_reason: "a trial" });
    await operator.accounts.update(customer.id, { status: "active", reason: "the trial is over" });
    expect((await operator.accounts.get(customer.id)).status).toBe("active");
    const { id } = await operator.accounts.createKey(customer.id);
    expect((await operator.accounts.keys(customer.id)).map((key) => key.id)).toContain(id);
    expect((await operator.accounts.revokeKey(customer.id, id)).revoked).toBe(true);
    expect((await operator.accounts.work(customer.id)).calls).toBeGreaterThan(0);
  });

  test("moves money, once for each key", async () => {
    const promotion = {
      amount: "3",
      kind: "promotional",
      reason: "Sorry",
      expires_at: "2099-01-01T00:00:00Z",
    } as const;
    const first = await operator.accounts.grant(customer.id, promotion, { idempotencyKey: "sorry" });
    const again = await operator.accounts.grant(customer.id, promotion, { idempotencyKey: "sorry" });
    expect(again).toEqual(first);
    const other = operator.accounts.grant(customer.id, { ...promotion, amount: "4" }, { idempotencyKey: "sorry" });
    expect(await refusalOf(other)).toBe("422 idempotency_key_reused");
    expect((await operator.accounts.voidGrant(customer.id, first.id, "A mistake")).voided_at).not.toBeNull();
    const id = await charged();
    const refund = await operator.accounts.refund(customer.id, { request_id: id, amount: "0.01", reason: "Slow" });
    expect(refund.amount).toBe("0.010000");
    const more = operator.accounts.refund(customer.id, { request_id: id, amount: "9", reason: "Slow" });
    expect(await refusalOf(more)).toBe("422 refund_too_large");
  });

  test("reads an account's history", async () => {
    const id = await charged();
    const { accounts } = operator;
    expect((await accounts.usageEvents(customer.id, { limit: 1 }).all(3)).length).toBeGreaterThan(1);
    expect((await accounts.monetizationEvents(customer.id).all()).length).toBeGreaterThan(0);
    expect((await accounts.balanceUpdates(customer.id).all()).length).toBeGreaterThan(0);
    expect((await accounts.receipt(customer.id, id)).request_id).toBe(id);
    expect((await accounts.usage(customer.id)).length).toBeGreaterThan(0);
    expect(await (await accounts.exportLedger(customer.id)).text()).toMatch(/"type":"end"/);
    expect((await accounts.proof(customer.id)).verified).toBe(true);
  });

  test("puts back what a ledger has lost", async () => {
    await charged();
    const { accounts } = operator;
    const lines = (await (await accounts.exportLedger(customer.id)).text()).trimEnd().split("\n").slice(1, -1);
    const entries = lines.map((line) => JSON.parse(line) as object);
    const told = await accounts.restoreLedger(customer.id, { entries, reason: "Nothing was lost" });
    expect(told).toEqual({ account: customer.id, present: entries.length, restored: 0 });
    const forged = accounts.restoreLedger(customer.id, { entries: [{ ...entries[0], at: 1 }], reason: "A forgery" });
    expect(await refusalOf(forged)).toBe("400 invalid_request");
  });

  test("sees requests under way, and ends one by hand", async () => {
    const { requestId } = await hold(customer, 1);
    const pending = await operator.ledger.reservations({ account: customer.id }).all();
    expect(pending.map((one) => one.request_id)).toContain(requestId);
    const release = { action: "release", reason: "It hangs" } as const;
    expect(await refusalOf(operator.accounts.resolve(customer.id, requestId, release))).toBe(
      "409 reservation_not_overdue",
    );
    const ended = await operator.accounts.resolve(customer.id, requestId, { ...release, force: true });
    expect(ended.charge).toBe("0.000000");
  });

  test("publishes plans, prices and upstreams, and sees before what they change", async () => {
    const dearer: PlanDocument = { ...EVERYTHING, name: "Everything more" };
    const preview = await operator.plans.preview("everything", dearer);
    expect(preview.changes.map(({ path }) => path)).toEqual(["name"]);
    expect((await operator.plans.put("everything", dearer, { reason: "A better name" })).version).toBe(2);
    expect((await operator.plans.list().all()).map(({ id }) => id)).toContain("everything");

    const models: RateCardDocument["models"] = {
      ...CARD.models,
      "gpt-5.4": { ...CARD.models["gpt-5.4"], codex: { description: "Good" }, source: "a page", as_of: "2026-05-13" },
    };
    const later: RateCardDocument = { effective_at: "2099-01-01T00:00:00Z", models };
    expect((await operator.rateCards.preview("default", later)).dry_run).toBe(true);
    expect((await operator.rateCards.put("default", later)).version).toBe(2);
    expect((await operator.rateCards.list().all()).some((card) => card.in_force)).toBe(true);

    const upstream = { base_url: "https://api.other.test/v1", key_secret: "UPSTREAM_OTHER_KEY", models: ["gpt-5.4"] };
    expect((await operator.upstreams.preview("other", { ...upstream, enabled: false })).version).toBeNull();
    expect((await operator.upstreams.put("other", { ...upstream, enabled: false })).key_set).toBe(false);
    expect((await operator.upstreams.list().page()).environment.id).toBe("default");
    expect((await operator.upstreams.remove("other")).deleted).toBe(true);
    expect(await refusalOf(operator.upstreams.remove("other"))).toBe("404 upstream_not_found");
    expect(await refusalOf(operator.plans.put("everything", { ...dearer, name: "" }))).toBe("400 invalid_plan");
  });

  test("checks the ledger", async () => {
    await charged();
    expect(await refusalOf(operator.ledger.latestReconciliation())).toBe("404 no_reconciliation");
    expect((await anybody.pipeline()).last_reconciliation).toBeNull();
    expect((await operator.ledger.reconcile(customer.id)).differences).toEqual([]);
    expect((await operator.ledger.reconcile(null)).checked.accounts).toBeGreaterThan(0);
    const accounts: unknown[] = [];
    for await (const step of operator.ledger.reconcileAll()) {
      if (step.kind === "account") accounts.push(reconciledAccount.parse(step.account).account);
      else expect(reconciliation.parse(step.result).difference_count).toBe(0);
    }
    expect(accounts).toContain(customer.id);
    expect((await operator.ledger.latestReconciliation()).account).toBeNull();
    expect((await anybody.pipeline()).status).toBe("ok");
    expect((await anybody.health()).status).toBe("ok");
  });

  test("lets an account go on whose object was lost", async () => {
    const { id } = await operator.accounts.create({ id: "acct_lost", plan: "everything" });
    expect(await refusalOf(operator.accounts.reopen(id, { reason: "in vain" }))).toBe("409 account_active");
    await runAlarm({ id });
    await eventually(async () => expect(await outboxOf({ id })).toEqual([]));
    await lose({ id });
    expect(await refusalOf(operator.accounts.create({ id, plan: "everything" }))).toBe("409 account_lost");
    const reopened = await operator.accounts.reopen(id, { reason: "lost" });
    expect(reopened).toMatchObject({ epoch: 2, balance: "1.000000", plan: "everything", keys: 0 });
    const [logged] = await operator.ledger.log({ account: id }).all(1);
    expect(logged).toMatchObject({ action: "account.reopen", reason: "lost", before: null });
  });

  test("sums up, tries prices and plans on what was used, and corrects a wrong price", async () => {
    await charged();
    expect((await operator.ledger.totals({ account: customer.id })).map(({ kind }) => kind)).toContain("grant");
    expect((await operator.ledger.dailyTotals()).length).toBe(1);
    const always = { from: "2020-01-01T00:00:00Z", to: "2090-01-01T00:00:00Z" };
    const trial = { plan: { id: "everything", document: includedPlan("9", "9") }, ...always };
    expect((await operator.ledger.backtest(trial)).totals.requests).toBeGreaterThan(0);
    const right = { versions: [1], to_version: 1, ...always, reason: "only to see" };
    expect((await operator.ledger.rerate({ ...right, dry_run: true })).dry_run).toBe(true);
    expect((await operator.ledger.rerate(right)).charges).toBeGreaterThan(0);
  });

  test("sends again what could not be written", async () => {
    await putInQuarantine((env as Env).DB, [{ accountId: null, reason: "no message", body: { v: 1 } }], Date.now());
    const [message] = await operator.ledger.quarantine().all();
    expect((await operator.ledger.redrive(message?.id ?? "")).redriven).toBe(true);
    expect(await refusalOf(operator.ledger.redrive("qua_unknown"))).toBe("404 not_in_quarantine");
  });

  test("finds in the log who did what and why", async () => {
    const entries = await operator.ledger.log().all();
    expect(new Set(entries.map(({ actor }) => actor))).toContain("Ada Äpfel");
    expect(entries.map(({ reason }) => reason)).toContain("A better name");
  });
});

describe("money in", () => {
  afterEach(() => vi.restoreAllMocks());

  test("is bought on the provider's page, and the operator sees what became of it", async () => {
    const pack = { name: "25 credits", credits: "25", amount: 1_000, currency: "eur" };
    expect((await operator.payments.putPack("small", pack)).active).toBe(true);
    expect((await operator.payments.pack("small")).credits).toBe("25.000000");
    expect((await operator.payments.packs()).map(({ id }) => id)).toEqual(["small"]);
    expect((await spillway.payments.packs()).map(({ id }) => id)).toEqual(["small"]);
    const order = orderFor(customer.id);
    const page = { id: "cs_test_1", url: "https://checkout.stripe.test/1", expires_at: 4_000_000_000 };
    fakeStripe(() => ({ status: 200, body: page }));
    expect((await spillway.payments.checkout({ pack: "small" }, { idempotencyKey: "once" })).url).toBe(page.url);
    vi.restoreAllMocks();
    expect((await tell("checkout.session.completed", sessionOf(order), { gateway: fetch })).status).toBe(200);
    const [payment] = await spillway.payments.list().all();
    expect(payment).toMatchObject({ state: "paid", credits: "25.000000" });
    expect((await operator.payments.list({ account: customer.id }).all()).length).toBe(1);
    expect((await operator.payments.get(payment?.id ?? "")).account).toBe(customer.id);
    expect((await operator.payments.check()).differences).toEqual([]);
    expect(await refusalOf(operator.payments.get("pay_unknown"))).toBe("404 payment_not_found");
  });

  test("is bought by itself once it is set, and never without a saved card", async () => {
    expect((await spillway.payments.autoTopUp()).enabled).toBe(false);
    const settings = { threshold: "5", pack: "small", monthly_cap: 10_000 };
    expect(await refusalOf(spillway.payments.setAutoTopUp({ ...settings, enabled: true }))).toBe(
      "409 payment_method_required",
    );
    expect((await spillway.payments.setAutoTopUp({ ...settings, enabled: false })).top_ups).toEqual([]);
    expect(await spillway.payments.autoTopUp()).toMatchObject({ threshold: "5.000000", cooldown: "10m" });
  });

  test("that cannot be followed waits for a person", async () => {
    const parked = async (eventId: string) => {
      const lost = sessionOf(orderFor("acct_not_there"));
      expect((await tell("checkout.session.completed", lost, { id: eventId, gateway: fetch })).status).toBe(200);
    };
    await parked("evt_parked_1");
    await parked("evt_parked_2");
    const newestFirst = ["evt_parked_2", "evt_parked_1"];
    expect((await operator.payments.parked({ limit: 1 }).all()).map(({ id }) => id)).toEqual(newestFirst);
    expect((await operator.payments.parked().page()).has_more).toBe(false);
    expect(await refusalOf(operator.payments.redrive("evt_parked_1"))).toBe("409 still_parked");
    expect((await operator.payments.dismiss("evt_parked_1", "paid back by hand")).dismissed).toBe(true);
    expect(await refusalOf(operator.payments.dismiss("evt_parked_1", "again"))).toBe("409 already_resolved");
    await operator.accounts.create({ id: "acct_not_there", plan: "everything" });
    expect((await operator.payments.redrive("evt_parked_2")).redriven).toBe(true);
    expect((await operator.payments.parked({ limit: 1 }).all()).map(({ id }) => id)).toEqual(newestFirst);
  });
});

describe("alerts", () => {
  afterEach(() => vi.restoreAllMocks());

  test.each([
    ["a holder", () => spillway.alerts],
    ["the operator", () => operator.alerts],
    ["the operator, for an account", () => operator.alertsOf("acct_life")],
  ])("are set, sent and acknowledged by %s", async (_, of) => {
    const real = globalThis.fetch.bind(globalThis);
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) =>
      new URL(new Request(input, init).url).hostname === "hooks.example.com"
        ? new Response(null, { status: 204 })
        : real(input, init),
    );
    const alerts = of();
    expect((await alerts.set({ windows: [50], credits_below: "3" })).credits_below).toBe("3");
    expect((await alerts.settings()).windows).toEqual([50]);
    const endpoint = await alerts.addEndpoint({ url: "https://hooks.example.com/spillway" });
    expect((await alerts.rotateEndpoint(endpoint.id)).secret).not.toBe(endpoint.secret);
    const { id } = await alerts.testEndpoint(endpoint.id);
    expect((await alerts.list({ open: true }).all()).map((alert) => alert.id)).toContain(id);
    expect((await alerts.acknowledge(id)).acknowledged).toBe(1);
    await alerts.acknowledge();
    expect(await alerts.list({ open: true }).all()).toEqual([]);
    expect((await alerts.endpoints()).map((one) => one.id)).toContain(endpoint.id);
    expect((await alerts.removeEndpoint(endpoint.id)).deleted).toBe(true);
    expect(await refusalOf(alerts.testEndpoint(endpoint.id))).toBe("404 endpoint_not_found");
  });

  test("of a holder go back to what the operator says", async () => {
    expect((await spillway.alerts.unset()).from).toBe("operator");
  });
});

describe("refusals", () => {
  test("are those that the document tells of", async () => {
    const wrong = { baseUrl: "", token: "wrong", fetch };
    expect(await refusalOf(new Spillway(wrong).account())).toBe("401 invalid_api_key");
    expect(await refusalOf(new SpillwayOperator(wrong).accounts.get("acct_life"))).toBe("401 invalid_admin_token");
    expect(await refusalOf(operator.accounts.get("acct_nobody"))).toBe("404 account_not_found");
    expect(await refusalOf(operator.accounts.create({ plan: "nowhere" }))).toBe("400 unknown_plan");
    expect(await refusalOf(operator.accounts.update(customer.id, {}))).toBe("400 invalid_request");
    expect(await refusalOf(spillway.receipt("req_unknown"))).toBe("404 request_not_found");
    expect(await refusalOf(spillway.requests({ limit: 0 }).page())).toBe("400 invalid_limit");
    expect(await refusalOf(spillway.requests().page("nowhere"))).toBe("400 invalid_cursor");
    const lists = [operator.plans, operator.rateCards, operator.upstreams].map((catalog) => catalog.list());
    const notIssued = ["no cursor", "nowhere", "adm_1", "everything@", "everything@PLAN", "@1"];
    for (const list of [...lists, operator.ledger.log(), operator.payments.parked()]) {
      for (const cursor of notIssued) expect(await refusalOf(list.page(cursor))).toBe("400 invalid_cursor");
    }
    const { next_cursor } = await operator.plans.list({ limit: 1 }).page();
    expect(await refusalOf(operator.upstreams.list().page(String(next_cursor)))).toBe("400 invalid_cursor");
    expect(await refusalOf(spillway.usage({ from: "yesterday" }))).toBe("400 invalid_instant");
    expect(await refusalOf(spillway.quote({ model: "nowhere", input: "x" }))).toBe("400 model_not_found");
    const spoken = { model: "flat-1", messages: [{ role: "user", content: "x" }], modalities: ["audio"] };
    expect(await refusalOf(spillway.quote(spoken))).toBe("400 unsupported_parameter");
    expect(await refusalOf(spillway.quote({ ...REQUEST, max_output_tokens: "5" }))).toBe("400 invalid_value");
    expect(await refusalOf(spillway.quote({ ...REQUEST, input: "x".repeat(5_000_000) }))).toBe("413 request_too_large");
    // Which of the two is the month, nobody knows.
    expect(await refusalOf(spillway.usage({ from: "10-11-2026" }))).toBe("400 invalid_instant");
  });
});

describe("an upstream", () => {
  test("is told that its webhook was received", async () => {
    const secret = `whsec_${btoa("a secret of the upstream's webhooks")}`;
    const gateway = documented.through(gatewayWith({ SPILLWAY_WEBHOOK_SECRETS: secret }));
    const body = JSON.stringify({ type: "video.completed", data: { id: "video_of_somebody_else" } });
    const headers = {
      "webhook-id": "evt_documented",
      "webhook-timestamp": String(Math.floor(Date.now() / 1_000)),
      "webhook-signature": new Webhook(secret).sign("evt_documented", new Date(), body),
    };
    const received = await gateway("/webhooks/upstream", { method: "POST", headers, body });
    expect(await received.json()).toEqual({ received: true, acted: false });
  });
});

test("every answer of the document was seen", () => {
  expect(documented.unseen).toEqual([]);
});
