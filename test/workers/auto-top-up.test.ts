import { createExecutionContext, createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import worker from "../../src/worker.ts";
import { dayWithRoom, WITH_MIDNIGHT } from "../support/calendar.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  endedReceipt,
  eventually,
  look,
  newAccount,
  openGateway,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import { objects } from "../support/object.ts";
import {
  fakeStripe,
  intentOf,
  orderFor,
  PACK,
  type StripeAnswer,
  type StripeCall,
  stripeError,
  stripeId,
  tell,
} from "../support/stripe.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

/** Costs a credit. */
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10 };
const SETTINGS = { enabled: true, threshold: "10", pack: "small", monthly_cap: 2_500, cooldown: "1s" };

interface AutoTopUp {
  readonly enabled: boolean;
  readonly failures: number;
  readonly suspended: string | null;
  readonly waits_because: string | null;
  readonly payment_method_saved: boolean;
  readonly top_ups: readonly { id: string; state: string; reason: string | null }[];
}

beforeAll(async () => {
  await openGateway();
  await asOperator("PUT", "/admin/credit-packs/small", PACK);
});

afterEach(() => vi.restoreAllMocks());

function put(account: TestAccount, settings: object = SETTINGS): Promise<Response> {
  return send("PUT", "/api/auto-topup", settings, bearer(account.key));
}

function settingsOf(account: TestAccount): Promise<AutoTopUp> {
  return look(account, "/api/auto-topup");
}

async function rulesOf(account: TestAccount): Promise<string[]> {
  const { data } = await look<Page<{ rule: string }>>(account, "/api/alerts");
  return data.map(({ rule }) => rule).filter((rule) => rule.startsWith("top_up"));
}

/** An account with credits that has left a card at its first purchase, which is not counted. */
async function withCard(credits: string): Promise<TestAccount> {
  const account = await newAccount({ credits });
  const part = { setup_future_usage: "off_session", customer: `cus_${account.id}`, payment_method: `pm_${account.id}` };
  await tell("payment_intent.succeeded", intentOf(stripeId("pi"), orderFor(account.id, { credits: 1 }), part));
  return account;
}

/** Uses a credit; the ledger hears of it a moment later. */
async function use(account: TestAccount): Promise<void> {
  const response = await ask(account, BODY, { simulate: "output=10" });
  expect(response.status).toBe(200);
  await endedReceipt(account, requestIdOf(response));
}

/** Stripe's answer to an off-session payment: the intent with the metadata that came. */
function intentFor({ form }: StripeCall, part: object = {}): StripeAnswer {
  const metadata: Record<string, string> = {};
  for (const [name, value] of form) {
    const key = /^metadata\[(\w+)\]$/.exec(name)?.[1];
    if (key) metadata[key] = value;
  }
  return { status: 200, body: intentOf(`pi_${metadata.spillway_top_up}`, metadata, part) };
}

/** Other tests' accounts may be buying as well. */
function callsFor(account: TestAccount, calls: readonly StripeCall[]): StripeCall[] {
  return calls.filter(({ form }) => form.get("metadata[spillway_account]") === account.id);
}

async function cron(): Promise<void> {
  const controller = createScheduledController({ cron: "* * * * *", scheduledTime: Date.now() });
  await worker.scheduled(controller, env as Env, createExecutionContext());
}

describe("automatic top-ups", () => {
  test("are off until they are set, and need a saved payment method", async () => {
    const account = await newAccount();
    expect(await settingsOf(account)).toEqual({ enabled: false, payment_method_saved: false, top_ups: [] });
    const response = await put(account);
    const { error } = await response.json<ErrorBody>();
    expect([response.status, error.code]).toEqual([409, "payment_method_required"]);
  });

  test.each<[string, object, number]>([
    ["a cap below the price", { ...SETTINGS, monthly_cap: 999 }, 400],
    ["a threshold of nothing", { ...SETTINGS, threshold: "0" }, 400],
    ["an unknown pack", { ...SETTINGS, pack: "none" }, 404],
    ["a misspelt field", { ...SETTINGS, cap: 1 }, 400],
  ])("are refused with %s", async (_, settings, status) => {
    expect((await put(await withCard("20"), settings)).status).toBe(status);
  });

  test("tell the currency of the most per month, and can be turned off when the pack is not offered any more", async () => {
    const account = await withCard("20");
    await asOperator("PUT", "/admin/credit-packs/gone", PACK);
    const settings = { ...SETTINGS, pack: "gone" };
    expect((await put(account, settings)).status).toBe(200);
    await asOperator("PUT", "/admin/credit-packs/gone", { ...PACK, active: false });
    expect(await settingsOf(account)).toMatchObject({ enabled: true, monthly_cap: 2_500, currency: "eur" });
    expect((await put(account, settings)).status).toBe(404);
    expect((await put(account, { ...settings, enabled: false })).status).toBe(200);
    expect(await settingsOf(account)).toMatchObject({ enabled: false, pack: "gone", monthly_cap: 2_500 });
  });

  test("buy once when credits fall below the threshold, and the credits are there", async () => {
    const account = await withCard("11");
    const calls = fakeStripe((call) => intentFor(call));
    expect((await put(account)).status).toBe(200);
    await use(account);
    await use(account);
    await eventually(async () => expect((await accountOf(account)).credits.available).toBe("34.000001"));
    expect(calls).toHaveLength(1);
    const [made] = calls;
    expect([made?.path, made?.idempotencyKey]).toEqual(["/v1/payment_intents", expect.stringMatching(/^top-up-top_/)]);
    expect(Object.fromEntries(made?.form ?? [])).toMatchObject({
      amount: "1000",
      currency: "eur",
      customer: `cus_${account.id}`,
      payment_method: `pm_${account.id}`,
      off_session: "true",
      confirm: "true",
    });
    await eventually(async () => expect(await rulesOf(account)).toEqual(["top_up_succeeded"]));
    expect(await settingsOf(account)).toMatchObject({ failures: 0, top_ups: [{ state: "succeeded" }] });
  });

  test("granted by the answer and by the webhook are granted once", async () => {
    const account = await withCard("9");
    fakeStripe((call) => intentFor(call));
    await put(account);
    await use(account);
    await eventually(async () => expect((await accountOf(account)).credits.available).toBe("33.000001"));
    const [topUp] = (await settingsOf(account)).top_ups;
    const order = orderFor(account.id, { topUpId: topUp?.id ?? "" });
    expect((await tell("payment_intent.succeeded", intentOf(`pi_${topUp?.id}`, order))).status).toBe(200);
    expect((await accountOf(account)).credits.available).toBe("33.000001");
    await eventually(async () => expect(await rulesOf(account)).toEqual(["top_up_succeeded"]));
  });

  test("whose money takes its time wait for the webhook, and do not buy again meanwhile", async () => {
    const account = await withCard("9");
    const calls = fakeStripe((call) =>
      call.method === "GET"
        ? { status: 200, body: intentOf("pi_slow", orderFor(account.id), { status: "processing" }) }
        : intentFor(call, { status: "processing", amount_received: 0 }),
    );
    await put(account);
    await use(account);
    await eventually(async () => expect((await settingsOf(account)).top_ups).toMatchObject([{ state: "begun" }]));
    const bought = () => calls.filter(({ method }) => method === "POST");
    await eventually(async () => expect(bought()).toHaveLength(1));
    await scheduler.wait(1_100);
    await cron();
    await scheduler.wait(300);
    expect(bought()).toHaveLength(1);
    const [topUp] = (await settingsOf(account)).top_ups;
    const order = orderFor(account.id, { topUpId: topUp?.id ?? "" });
    await tell("payment_intent.succeeded", intentOf(`pi_${topUp?.id}`, order));
    expect(await settingsOf(account)).toMatchObject({ top_ups: [{ state: "succeeded" }] });
    expect((await accountOf(account)).credits.available).toBe("33.000001");
  });

  test("turned off between the charge and its webhook grant what was paid, once, and buy no more", async () => {
    const account = await withCard("9");
    const calls = fakeStripe((call) => intentFor(call, { status: "processing", amount_received: 0 }));
    await put(account);
    await use(account);
    await eventually(async () => expect(callsFor(account, calls)).toHaveLength(1));
    await put(account, { ...SETTINGS, enabled: false });
    await cron();
    const [topUp] = (await settingsOf(account)).top_ups;
    const paid = intentOf(`pi_${topUp?.id}`, orderFor(account.id, { topUpId: topUp?.id ?? "" }));
    const told = await Promise.all([1, 2, 3].map(() => tell("payment_intent.succeeded", paid)));
    expect(told.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await accountOf(account)).credits.available).toBe("33.000001");
    expect(await settingsOf(account)).toMatchObject({ enabled: false, top_ups: [{ state: "succeeded" }] });
    expect(callsFor(account, calls)).toHaveLength(1);
  });

  test("of unknown outcome that are turned off are not tried again, and grant what was paid after all", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await withCard("9");
    const calls = fakeStripe(() => ({ status: 500, body: { error: { type: "api_error", message: "down" } } }));
    await put(account);
    await use(account);
    await eventually(async () => expect(callsFor(account, calls).length).toBeGreaterThan(0));
    await put(account, { ...SETTINGS, enabled: false });
    await scheduler.wait(1_500);
    const asked = callsFor(account, calls).length;
    await cron();
    await scheduler.wait(1_500);
    expect(callsFor(account, calls)).toHaveLength(asked);
    const [topUp] = (await settingsOf(account)).top_ups;
    expect(topUp?.state).toBe("begun");
    const paid = intentOf(`pi_${topUp?.id}`, orderFor(account.id, { topUpId: topUp?.id ?? "" }));
    await Promise.all([1, 2].map(() => tell("payment_intent.succeeded", paid)));
    expect((await accountOf(account)).credits.available).toBe("33.000001");
    expect(await settingsOf(account)).toMatchObject({ enabled: false, top_ups: [{ state: "succeeded" }] });
  });

  test("while Stripe cannot be reached are tried again under the same key", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await withCard("9");
    let failures = 0;
    const calls = fakeStripe((call) => {
      failures += 1;
      return failures <= 3 ? { status: 500, body: { error: { type: "api_error", message: "down" } } } : intentFor(call);
    });
    await put(account);
    await use(account);
    await eventually(async () => {
      if ((await settingsOf(account)).top_ups[0]?.state === "begun") await cron();
      expect((await accountOf(account)).credits.available).toBe("33.000001");
    });
    expect(new Set(calls.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    expect(await settingsOf(account)).toMatchObject({ failures: 0, top_ups: [{ state: "succeeded" }] });
  });

  test("of which nobody knows whether they reached Stripe are not tried again once it may have forgotten their key", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await withCard("9");
    const calls = fakeStripe(() => ({ status: 500, body: { error: { type: "api_error", message: "down" } } }));
    await put(account, { ...SETTINGS, cooldown: "1d" });
    await use(account);
    await eventually(async () => expect((await settingsOf(account)).top_ups).toMatchObject([{ state: "begun" }]));
    await eventually(async () => expect(calls.length).toBeGreaterThan(0));
    const { DB } = env as Env;
    const [topUp] = (await settingsOf(account)).top_ups;
    await DB.prepare("UPDATE top_ups SET created_at = created_at - 86400000 WHERE id = ?").bind(topUp?.id).run();
    await DB.prepare("UPDATE auto_top_ups SET not_before = 0 WHERE account_id = ?").bind(account.id).run();
    await eventually(async () => {
      await cron();
      expect((await settingsOf(account)).top_ups).toMatchObject([{ state: "failed", reason: "outcome_unknown" }]);
    });
    // It was paid after all.
    const order = orderFor(account.id, { topUpId: topUp?.id ?? "" });
    await tell("payment_intent.succeeded", intentOf(`pi_${topUp?.id}`, order));
    expect(await settingsOf(account)).toMatchObject({ top_ups: [{ state: "succeeded" }] });
    expect((await accountOf(account)).credits.available).toBe("33.000001");
  });

  test("that the card refuses are told of, paused, and suspended after three in a row", async () => {
    const account = await withCard("9");
    fakeStripe(() =>
      stripeError(402, {
        type: "card_error",
        code: "card_declined",
        decline_code: "insufficient_funds",
        message: "no",
      }),
    );
    await put(account);
    const { DB } = env as Env;
    await use(account);
    for (let n = 1; n <= 3; n += 1) {
      await eventually(async () => {
        await cron();
        expect((await settingsOf(account)).failures).toBe(n);
      });
      if (n < 3) {
        expect(await settingsOf(account)).toMatchObject({ suspended: null, waits_because: "failed" });
        await DB.prepare("UPDATE auto_top_ups SET not_before = 0 WHERE account_id = ?").bind(account.id).run();
      }
    }
    const after = await settingsOf(account);
    expect(after.suspended).toBe("failed 3 times in a row: insufficient_funds");
    expect(after.top_ups.map(({ reason }) => reason)).toEqual(Array(3).fill("insufficient_funds"));
    await eventually(async () => expect(await rulesOf(account)).toEqual(Array(3).fill("top_up_failed")));
    // Setting it again makes a clean start.
    await put(account);
    expect(await settingsOf(account)).toMatchObject({ suspended: null, failures: 0 });
  });

  test("stay within the monthly cap, and say so once", WITH_MIDNIGHT, async () => {
    await dayWithRoom();
    const account = await withCard("9");
    const calls = fakeStripe((call) => intentFor(call));
    await put(account, { ...SETTINGS, threshold: "1000", monthly_cap: 2_500 });
    await use(account);
    await eventually(async () => {
      await cron();
      expect((await settingsOf(account)).waits_because).toBe("monthly_cap");
    });
    await cron();
    await eventually(async () => {
      expect((await accountOf(account)).credits.available).toBe("58.000001");
      expect((await rulesOf(account)).filter((rule) => rule === "top_up_failed")).toHaveLength(1);
    });
    expect(callsFor(account, calls)).toHaveLength(2);
  });

  test("buy nothing for an account that is frozen, or when they are off", async () => {
    const calls = fakeStripe((call) => intentFor(call));
    const [frozen, off] = [await withCard("9"), await withCard("9")];
    await objects.freeze(frozen.id, "looked at");
    await put(frozen);
    await put(off, { ...SETTINGS, enabled: false });
    const { DB } = env as Env;
    await eventually(async () => {
      const rows = await DB.prepare("SELECT account_id FROM balances WHERE account_id IN (?, ?)")
        .bind(frozen.id, off.id)
        .all();
      expect(rows.results).toHaveLength(2);
    });
    await cron();
    await scheduler.wait(300);
    expect([...callsFor(frozen, calls), ...callsFor(off, calls)]).toEqual([]);
  });
});
