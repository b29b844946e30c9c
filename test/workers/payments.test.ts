import { abortAllDurableObjects } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import type { Env } from "../../src/env.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  call,
  endedReceipt,
  eventually,
  gatewayWith,
  look,
  newAccount,
  newKey,
  openGateway,
  operator,
  requestIdOf,
  send,
  type TestAccount,
} from "../support/gateway.ts";
import { objects } from "../support/object.ts";
import {
  chargeOf,
  disputeOf,
  fakeStripe,
  intentOf,
  OLD_SECRET,
  orderFor,
  PACK,
  sessionOf,
  stripeId,
  type Telling,
  tell,
} from "../support/stripe.ts";
import type { ErrorBody, Page, ReconciliationBody } from "../support/wire.ts";

/** Costs a tenth of a credit per output token. */
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10 };

interface PaymentRow {
  readonly id: string;
  readonly state: string;
  readonly credits: string;
  readonly amount: number;
  readonly refunded: number;
  readonly reclaimed: string;
  readonly grant: string | null;
  readonly shortfall?: string;
}

beforeAll(async () => {
  await openGateway();
  await asOperator("PUT", "/admin/credit-packs/small", PACK);
});

afterEach(() => vi.restoreAllMocks());

async function codeOf(response: Response): Promise<string> {
  return (await response.json<ErrorBody>()).error.code;
}

async function available(account: TestAccount): Promise<string> {
  return (await accountOf(account)).credits.available;
}

function paymentsOf(account: TestAccount): Promise<Page<PaymentRow>> {
  return look(account, "/api/payments");
}

async function adminPaymentOf(account: TestAccount): Promise<PaymentRow> {
  const { data } = await asOperator<Page<PaymentRow>>("GET", `/admin/payments?account=${account.id}`);
  const [payment] = data;
  if (!payment) throw new Error("no payment");
  return payment;
}

/** Pays for a pack, as Stripe tells it. */
async function paid(
  account: TestAccount,
  part: object = {},
): Promise<{ intent: string; order: Record<string, string> }> {
  const order = orderFor(account.id);
  const session = sessionOf(order, part);
  const response = await tell("checkout.session.completed", session);
  expect([response.status, await response.json()]).toEqual([200, { received: true, acted: true }]);
  return { intent: session.payment_intent, order };
}

describe("a credit pack", () => {
  test("is put, changed and listed by the operator", async () => {
    const put = await asOperator<object>("PUT", "/admin/credit-packs/big", { ...PACK, credits: "250", amount: 9_000 });
    expect(put).toMatchObject({ id: "big", credits: "250.000000", amount: 9_000, currency: "eur", active: true });
    expect(await asOperator("GET", "/admin/credit-packs/big")).toEqual(put);
    const { data } = await asOperator<Page<{ id: string }>>("GET", "/admin/credit-packs");
    expect(data.map(({ id }) => id)).toEqual(["small", "big"]);
  });

  test("that is not active is not offered", async () => {
    const account = await newAccount();
    await asOperator("PUT", "/admin/credit-packs/old", { ...PACK, active: false });
    const offered = await look<Page<{ id: string }>>(account, "/api/credit-packs");
    expect(offered.data.map(({ id }) => id)).not.toContain("old");
    const response = await send("POST", "/api/checkout", { pack: "old" }, bearer(account.key));
    expect([response.status, await codeOf(response)]).toEqual([404, "pack_not_found"]);
  });

  test("keeps its currency, in which accounts have said how much may be spent", async () => {
    await asOperator("PUT", "/admin/credit-packs/kept", PACK);
    const response = await operator("PUT", "/admin/credit-packs/kept", { ...PACK, currency: "usd" });
    expect([response.status, await codeOf(response)]).toEqual([409, "pack_currency_fixed"]);
    expect(await asOperator("GET", "/admin/credit-packs/kept")).toMatchObject({ currency: "eur" });
    const dearer = await asOperator("PUT", "/admin/credit-packs/kept", { ...PACK, amount: 2_500 });
    expect(dearer).toMatchObject({ currency: "eur", amount: 2_500 });
  });

  test.each([
    [1_000, "isk"],
    [1_010, "kwd"],
    [1_005, "jpy"],
  ])("is %d of %s, as Stripe counts it", async (amount, currency) => {
    const pack = { ...PACK, amount, currency };
    expect(await asOperator("PUT", `/admin/credit-packs/in-${currency}`, pack)).toMatchObject({ amount, currency });
  });

  test.each<[string, object]>([
    ["nothing for money", { ...PACK, credits: "0" }],
    ["credits for nothing", { ...PACK, amount: 0 }],
    ["a negative amount", { ...PACK, amount: -5 }],
    ["an amount with a fraction", { ...PACK, amount: 9.99 }],
    ["half a crown, which Stripe takes from nobody", { ...PACK, amount: 1_050, currency: "isk" }],
    ["a thousandth of a dinar, likewise", { ...PACK, amount: 1_005, currency: "kwd" }],
    ["a currency that is none", { ...PACK, currency: "xxz" }],
    ["a currency in capitals", { ...PACK, currency: "EUR" }],
    ["a misspelt field", { ...PACK, credit: "5" }],
  ])("is refused: %s", async (_, document) => {
    const response = await operator("PUT", "/admin/credit-packs/bad", document);
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_credit_pack"]);
  });
});

describe("a checkout", () => {
  function checkoutOf(account: TestAccount, body: object, headers: Record<string, string> = {}) {
    return send("POST", "/api/checkout", body, { ...bearer(account.key), ...headers });
  }

  function openSession() {
    return fakeStripe(() => ({
      status: 200,
      body: {
        id: "cs_1",
        object: "checkout.session",
        url: "https://checkout.stripe.com/c/1",
        expires_at: 1_800_000_000,
      },
    }));
  }

  test("leads to Stripe's page, with an order that only the gateway can have written", async () => {
    const account = await newAccount();
    const calls = openSession();
    const response = await checkoutOf(account, { pack: "small" });
    expect([response.status, await response.json()]).toEqual([
      201,
      {
        id: "cs_1",
        url: "https://checkout.stripe.com/c/1",
        pack: "small",
        credits: "25.000000",
        amount: 1_000,
        currency: "eur",
        expires_at: "2027-01-15T08:00:00.000Z",
      },
    ]);
    const [made] = calls;
    if (!made) throw new Error("Stripe was not called");
    const { method, path, form, idempotencyKey, authorization } = made;
    expect([method, path, authorization]).toEqual([
      "POST",
      "/v1/checkout/sessions",
      "Bearer sk_test_canary_3b1c9e5a7d",
    ]);
    expect(idempotencyKey).toMatch(/^checkout-[0-9a-f]{40}$/);
    expect(Object.fromEntries(form)).toMatchObject({
      mode: "payment",
      "line_items[0][price_data][currency]": "eur",
      "line_items[0][price_data][unit_amount]": "1000",
      "metadata[spillway_account]": account.id,
      "metadata[spillway_seal]": orderFor(account.id).spillway_seal,
      "payment_intent_data[metadata][spillway_seal]": orderFor(account.id).spillway_seal,
      success_url: "https://gateway.test/dashboard?checkout=success",
    });
    expect(form.has("payment_intent_data[setup_future_usage]")).toBe(false);
  });

  test("asked for again under one key is one checkout at Stripe; under none it is another", async () => {
    const account = await newAccount();
    const calls = openSession();
    for (const key of ["order-1", "order-1", "order-2"]) {
      expect((await checkoutOf(account, { pack: "small" }, { "idempotency-key": key })).status).toBe(201);
    }
    expect((await checkoutOf(account, { pack: "small" })).status).toBe(201);
    const keys = calls.map(({ idempotencyKey }) => idempotencyKey);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(3);
  });

  test("can save the payment method for later", async () => {
    const account = await newAccount();
    const calls = openSession();
    await checkoutOf(account, { pack: "small", save_payment_method: true });
    expect(calls[0]?.form.get("payment_intent_data[setup_future_usage]")).toBe("off_session");
    expect(calls[0]?.form.get("customer_creation")).toBe("always");
  });

  test("while Stripe fails: the caller is told to try again, and nothing of Stripe's words", async () => {
    const account = await newAccount();
    fakeStripe(() => ({
      status: 401,
      body: { error: { type: "invalid_request_error", message: "Invalid API Key: sk_live_x" } },
    }));
    const response = await checkoutOf(account, { pack: "small" });
    const text = await response.text();
    expect([response.status, text.includes("payments_unavailable"), text.includes("sk_live")]).toEqual([
      503,
      true,
      false,
    ]);
  });

  test.each<[string, object, number, string]>([
    ["an unknown pack", { pack: "none" }, 404, "pack_not_found"],
    ["no pack", {}, 400, "invalid_request"],
    ["a price of the caller's own", { pack: "small", amount: 1 }, 400, "invalid_request"],
  ])("is refused: %s", async (_, body, status, code) => {
    const account = await newAccount();
    const calls = openSession();
    const response = await checkoutOf(account, body);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
    expect(calls).toEqual([]);
  });

  test("needs a key that may manage the account", async () => {
    const { id } = await newAccount();
    const { key } = await newKey(id, { scopes: ["inference", "read"] });
    const response = await checkoutOf({ id, key }, { pack: "small" });
    expect([response.status, await codeOf(response)]).toEqual([403, "missing_scope"]);
    expect((await send("POST", "/api/checkout", { pack: "small" })).status).toBe(401);
  });
});

// C25, X2
describe("a payment", () => {
  test("is granted before Stripe is answered: the very next request is paid from it", async () => {
    const account = await newAccount();
    const before = await ask(account, BODY);
    expect(before.status).toBe(429);
    await paid(account);
    const response = await ask(account, BODY, { simulate: "output=4" });
    expect(response.status).toBe(200);
    const receipt = await endedReceipt(account, requestIdOf(response));
    const [payment] = (await paymentsOf(account)).data;
    expect(receipt.charge?.posted).toEqual([{ source: payment?.grant, kind: "grant", amount: "0.400000" }]);
    expect(payment).toMatchObject({
      state: "paid",
      kind: "checkout",
      pack: "small",
      credits: "25.000000",
      amount: 1_000,
    });
  });

  test("told many times and in many ways is granted once", async () => {
    const account = await newAccount();
    const order = orderFor(account.id);
    const session = sessionOf(order);
    const { payment_intent: intent } = session;
    const same: Telling = { id: "evt_same" };
    const answers = await Promise.all([
      tell("checkout.session.completed", session, same),
      tell("checkout.session.completed", session, same),
      // Signed anew, with the secret before.
      tell("checkout.session.completed", session, { ...same, at: Date.now() - 60_000, secret: OLD_SECRET }),
      tell("checkout.session.async_payment_succeeded", session),
      tell("payment_intent.succeeded", intentOf(intent, order)),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(await available(account)).toBe("25.000000");
    expect((await paymentsOf(account)).data).toHaveLength(1);
  });

  test("of the same pack by the same account twice is granted twice", async () => {
    const account = await newAccount();
    await paid(account);
    await paid(account);
    expect(await available(account)).toBe("50.000000");
  });

  test("while its account cannot be reached is not taken, and granted when Stripe tells it again", async () => {
    const account = await newAccount();
    const session = sessionOf(orderFor(account.id));
    vi.spyOn(AccountClient.prototype, "grant").mockRejectedValueOnce(new AccountUnreachable("gone"));
    const refused = await tell("checkout.session.completed", session, { id: "evt_retry" });
    expect([refused.status, await codeOf(refused)]).toEqual([503, "account_unreachable"]);
    expect((await paymentsOf(account)).data).toEqual([]);
    expect((await tell("checkout.session.completed", session, { id: "evt_retry" })).status).toBe(200);
    expect(await available(account)).toBe("25.000000");
  });

  test("whose books fail is not taken; its credits are there already, and not twice after the repetition", async () => {
    const account = await newAccount();
    const session = sessionOf(orderFor(account.id));
    const broken = gatewayWith({ DB: withoutPayments() });
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect((await tell("checkout.session.completed", session, { gateway: broken })).status).toBe(500);
    expect(await available(account)).toBe("25.000000");
    expect((await tell("checkout.session.completed", session)).status).toBe(200);
    expect(await available(account)).toBe("25.000000");
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "paid" }]);
  });

  test("survives the death of every object right after its answer", async () => {
    const account = await newAccount();
    await paid(account);
    await abortAllDurableObjects();
    expect(await available(account)).toBe("25.000000");
  });

  test("that takes its time grants nothing until the money is there", async () => {
    const account = await newAccount();
    const order = orderFor(account.id);
    const session = sessionOf(order, { payment_status: "unpaid" });
    expect((await tell("checkout.session.completed", session)).status).toBe(200);
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "pending", grant: null }]);
    expect(await available(account)).toBe("0.000000");
    await tell("checkout.session.async_payment_succeeded", { ...session, payment_status: "paid" });
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "paid" }]);
    expect(await available(account)).toBe("25.000000");
    // A late word of the beginning changes nothing.
    await tell("checkout.session.completed", session);
    await tell("checkout.session.async_payment_failed", session);
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "paid" }]);
  });

  test("that takes its time and fails is shown as failed", async () => {
    const account = await newAccount();
    const session = sessionOf(orderFor(account.id), { payment_status: "unpaid" });
    await tell("checkout.session.completed", session);
    await tell("checkout.session.async_payment_failed", session);
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "failed" }]);
    expect(await available(account)).toBe("0.000000");
  });

  test("is shown to its own account only", async () => {
    const [buyer, other] = [await newAccount(), await newAccount()];
    await paid(buyer);
    expect((await paymentsOf(other)).data).toEqual([]);
  });

  test("for something else of the operator's, or an event that says nothing of payments, is left alone", async () => {
    const account = await newAccount();
    for (const [type, object] of [
      ["checkout.session.completed", sessionOf({ order: "t-shirt" })],
      ["payment_intent.succeeded", intentOf("pi_foreign", {})],
      ["charge.refunded", chargeOf("pi_foreign", {}, 500)],
      ["charge.dispute.created", disputeOf("pi_foreign", "dp_foreign", "needs_response")],
      ["customer.created", { id: "cus_1", object: "customer" }],
    ] as const) {
      const response = await tell(type, object);
      expect([type, response.status, await response.json()]).toEqual([type, 200, { received: true, acted: false }]);
    }
    expect(await available(account)).toBe("0.000000");
  });
});

/** The database as it is, but that nothing can be written to the table of payments. */
function withoutPayments(): D1Database {
  const { DB } = env as Env;
  return new Proxy(DB, {
    get(target, name) {
      if (name !== "prepare") return Reflect.get(target, name).bind?.(target);
      return (sql: string) => {
        if (/insert into "payments"/i.test(sql)) throw new Error("D1_ERROR: storage is out");
        return target.prepare(sql);
      };
    },
  });
}

// bad inputs no. 24 to 26
describe("a webhook that Stripe did not send", () => {
  const order = orderFor("acct_x");

  test.each<[string, Telling, number, string]>([
    ["signed 301 s ago", { at: Date.now() - 301_000 }, 400, "stale"],
    ["signed for more than five minutes ahead", { at: Date.now() + 3_600_000 }, 400, "stale"],
    ["signed by somebody else", { secret: "whsec_of_somebody_else" }, 401, "invalid_signature"],
    ["without a signature", { header: "" }, 401, "invalid_signature"],
    ["with an empty list of signatures", { header: `t=${Math.floor(Date.now() / 1_000)}` }, 401, "invalid_signature"],
    [
      "with a signature of the wrong length",
      { header: `t=${Math.floor(Date.now() / 1_000)},v1=abc` },
      401,
      "invalid_signature",
    ],
    [
      "with a signature of an older scheme",
      { header: `t=${Math.floor(Date.now() / 1_000)},v0=${"a".repeat(64)}` },
      401,
      "invalid_signature",
    ],
    ["that is no header at all", { header: "garbage" }, 401, "invalid_signature"],
    ["of the other mode", { livemode: true }, 422, "wrong_mode"],
  ])("%s", async (_, telling, status, code) => {
    const response = await tell("checkout.session.completed", sessionOf(order), telling);
    expect([response.status, await codeOf(response)]).toEqual([status, code]);
  });

  test("whose body a proxy has written anew", async () => {
    const account = await newAccount();
    const session = sessionOf(orderFor(account.id));
    const sent = JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "checkout.session.completed",
      data: { object: session },
    });
    const response = await tell("checkout.session.completed", session, { sent });
    expect([response.status, await codeOf(response)]).toEqual([401, "invalid_signature"]);
    expect(await available(account)).toBe("0.000000");
  });

  test("signed, but no event", async () => {
    const response = await tell("checkout.session.completed", { no: "id" });
    expect([response.status, await codeOf(response)]).toEqual([400, "invalid_event"]);
  });

  test("larger than any webhook", async () => {
    const response = await tell("checkout.session.completed", sessionOf(order), { sent: "x".repeat(300_000) });
    expect(response.status).toBe(413);
  });
});

// bad input no. 27
describe("money that cannot be right", () => {
  interface Parked {
    readonly id: string;
    readonly reason: string;
    readonly account: string | null;
    readonly resolved_at: string | null;
    readonly resolution: string | null;
  }

  async function parkedOf(id: string): Promise<Parked> {
    const { data } = await asOperator<Page<Parked>>("GET", "/admin/parked-payments");
    return data.find((parked) => parked.id === id) ?? expect.fail(`${id} is not parked`);
  }

  /** What operators did to it, newest first. */
  async function loggedOf(id: string): Promise<readonly object[]> {
    const { data } = await asOperator<Page<{ target: string | null }>>("GET", "/admin/log?limit=500");
    return data.filter(({ target }) => target === id);
  }

  test.each<[string, object, string]>([
    ["a negative amount", { amount_total: -1_000 }, "amount_invalid"],
    ["less than the price", { amount_total: 100 }, "amount_differs"],
    ["another currency", { currency: "jpy" }, "currency_differs"],
    ["a currency that is none", { currency: "zzz" }, "currency_unknown"],
    [
      "an order with other credits than were sold",
      { metadata: { ...orderFor("acct_x"), spillway_credits: "2500.000000" } },
      "seal_broken",
    ],
    ["an account that is none", {}, "account_unknown"],
  ])("%s is put aside for a person and grants nothing", async (_, part, reason) => {
    const told = vi.spyOn(console, "error").mockImplementation(() => {});
    const id = stripeId("evt");
    const response = await tell("checkout.session.completed", sessionOf(orderFor("acct_nobody"), part), { id });
    expect([response.status, await response.json()]).toEqual([200, { received: true, acted: false, parked: reason }]);
    expect(await parkedOf(id)).toMatchObject({ reason, resolved_at: null });
    expect(told.mock.calls.flat().join()).toContain("payment_parked");
    const { data } = await asOperator<Page<{ rule: string; data: { event: string } }>>("GET", "/admin/alerts");
    expect(data.filter((alert) => alert.data.event === id)).toMatchObject([{ rule: "payment_parked" }]);
  });

  test("no name or address of the buyer is kept", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    await tell("checkout.session.completed", sessionOf(orderFor("acct_nobody")));
    const text = await (await operator("GET", "/admin/parked-payments")).text();
    expect(text).not.toMatch(/buyer@example|Uyer/);
  });

  test("whose credits were granted before the books failed is finished, also when the account is suspended meanwhile", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await newAccount();
    const session = sessionOf(orderFor(account.id));
    const told = () => tell("checkout.session.completed", session, { id: `evt_${session.payment_intent}` });
    const { DB } = env as Env;
    await DB.exec(
      `CREATE TRIGGER books_broken BEFORE INSERT ON payments WHEN NEW.account_id = '${account.id}' BEGIN SELECT RAISE(ABORT, 'broken'); END`,
    );
    expect((await told()).status).toBeGreaterThanOrEqual(500);
    expect(await available(account)).toBe("25.000000");
    await DB.exec("DROP TRIGGER books_broken");
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "suspended", reason: "looked at" });
    expect(await (await told()).json()).toEqual({ received: true, acted: true });
    expect(await adminPaymentOf(account)).toMatchObject({ state: "paid", credits: "25.000000" });
  });

  test("for a suspended account waits, with its refund, until a person lets it through", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await newAccount();
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "suspended", reason: "looked at" });
    const order = orderFor(account.id);
    const session = sessionOf(order);
    const [id, refundId] = [stripeId("evt"), stripeId("evt")];
    expect(await (await tell("checkout.session.completed", session, { id })).json()).toMatchObject({
      parked: "account_closed",
    });
    const refund = await tell("charge.refunded", chargeOf(session.payment_intent, order, 400), { id: refundId });
    expect(await refund.json()).toMatchObject({ parked: "payment_parked" });
    const still = await operator("POST", `/admin/parked-payments/${id}/redrive`);
    expect([still.status, await codeOf(still)]).toEqual([409, "still_parked"]);
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "active", reason: "is fine" });
    await asOperator("POST", `/admin/parked-payments/${id}/redrive?reason=they%20called`);
    expect(await available(account)).toBe("15.000000");
    expect(await loggedOf(id)).toMatchObject([
      {
        action: "parked_payment.redrive",
        account: account.id,
        reason: "they called",
        before: { waited_for: "account_closed" },
        after: { state: "paid", credits: "25.000000", amount: 1_000, refunded: 400, reclaimed: "10.000000" },
      },
    ]);
    expect([await parkedOf(id), await parkedOf(refundId)]).toMatchObject([
      { resolution: "redriven" },
      { resolution: "redriven" },
    ]);
    const again = await operator("POST", `/admin/parked-payments/${id}/redrive`);
    expect([again.status, await codeOf(again)]).toEqual([409, "already_resolved"]);
  });

  test("is dismissed with a reason", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const id = stripeId("evt");
    await tell("checkout.session.completed", sessionOf(orderFor("acct_nobody")), { id });
    expect((await operator("POST", `/admin/parked-payments/${id}/dismiss`, {})).status).toBe(400);
    await asOperator("POST", `/admin/parked-payments/${id}/dismiss`, { reason: "refunded in Stripe" });
    expect(await parkedOf(id)).toMatchObject({ resolution: "refunded in Stripe" });
    expect(await loggedOf(id)).toMatchObject([{ action: "parked_payment.dismiss", reason: "refunded in Stripe" }]);
  });
});

describe("money that goes back", () => {
  test("in parts takes the credits back in proportion, whatever the order in which it is told", async () => {
    const account = await newAccount();
    const { intent, order } = await paid(account);
    await tell("charge.refunded", chargeOf(intent, order, 400));
    expect(await available(account)).toBe("15.000000");
    await tell("charge.refunded", chargeOf(intent, order, 700));
    await tell("charge.refunded", chargeOf(intent, order, 400));
    expect(await available(account)).toBe("7.500000");
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "paid", refunded: 700, reclaimed: "17.500000" }]);
    await tell("charge.refunded", chargeOf(intent, order, 1_000));
    expect(await available(account)).toBe("0.000000");
    expect((await paymentsOf(account)).data).toMatchObject([{ state: "paid_back", refunded: 1_000 }]);
  });

  test("after credits were used takes what is left, and says what is missing", async () => {
    const account = await newAccount();
    const { intent, order } = await paid(account);
    const used = await ask(account, BODY, { simulate: "output=10" });
    await endedReceipt(account, requestIdOf(used));
    await tell("charge.refunded", chargeOf(intent, order, 1_000));
    expect(await available(account)).toBe("0.000000");
    expect(await adminPaymentOf(account)).toMatchObject({ reclaimed: "25.000000", shortfall: "1.000000" });
    expect((await ask(account, BODY)).status).toBe(429);
  });

  test("before the payment itself was told of is not taken yet", async () => {
    const account = await newAccount();
    const order = orderFor(account.id);
    const session = sessionOf(order);
    const early = await tell("charge.refunded", chargeOf(session.payment_intent, order, 1_000));
    expect([early.status, await codeOf(early)]).toEqual([503, "payment_not_known_yet"]);
    await tell("checkout.session.completed", session);
    expect((await tell("charge.refunded", chargeOf(session.payment_intent, order, 1_000))).status).toBe(200);
    expect(await available(account)).toBe("0.000000");
  });

  test("and does not arrive is for a person to look at", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const account = await newAccount();
    const { intent } = await paid(account);
    const response = await tell("refund.failed", { id: stripeId("re"), object: "refund", payment_intent: intent });
    expect(await response.json()).toMatchObject({ parked: "refund_failed" });
  });

  test("the ledger tells all of it, and adds up", async () => {
    const account = await newAccount();
    const { intent, order } = await paid(account);
    await tell("charge.refunded", chargeOf(intent, order, 400));
    await eventually(async () => {
      const ledger = await look<Page<{ kind: string; delta: string; reason: string }>>(account, "/api/ledger");
      expect(ledger.data.map(({ kind, delta }) => [kind, delta])).toEqual([
        ["void", "-10.000000"],
        ["grant", "25.000000"],
      ]);
      expect(ledger.data[0]?.reason).toMatch(/^Paid back: pay_/);
    });
    const result = await asOperator<ReconciliationBody>("POST", "/admin/reconciliations", { account: account.id });
    expect(result).toMatchObject({ differences: [], pending: { outbox: 0 } });
  });
});

describe("a dispute", () => {
  async function statusOf(account: TestAccount): Promise<string> {
    return (await accountOf(account)).status;
  }

  test("stops paid use; when it is won, paid use goes on", async () => {
    const account = await newAccount();
    const { intent } = await paid(account);
    const id = stripeId("dp");
    await tell("charge.dispute.created", disputeOf(intent, id, "needs_response"));
    expect(await statusOf(account)).toBe("frozen");
    expect((await ask(account, BODY)).status).not.toBe(200);
    await tell("charge.dispute.closed", disputeOf(intent, id, "won"));
    expect(await statusOf(account)).toBe("active");
    expect((await ask(account, BODY)).status).toBe(200);
    // A late word of its beginning changes nothing.
    await tell("charge.dispute.created", disputeOf(intent, id, "needs_response"));
    expect(await statusOf(account)).toBe("active");
  });

  test("that is lost takes the credits back, and leaves the account to a person", async () => {
    const account = await newAccount();
    const { intent } = await paid(account);
    const id = stripeId("dp");
    await tell("charge.dispute.created", disputeOf(intent, id, "needs_response"));
    await tell("charge.dispute.closed", disputeOf(intent, id, "lost"));
    expect([await statusOf(account), await available(account)]).toEqual(["frozen", "0.000000"]);
    expect(await adminPaymentOf(account)).toMatchObject({ lost: 1_000, reclaimed: "25.000000", shortfall: "0.000000" });
  });

  test("of one of two is not undone by the other", async () => {
    const account = await newAccount();
    const [first, second] = [await paid(account), await paid(account)];
    const [one, two] = [stripeId("dp"), stripeId("dp")];
    await tell("charge.dispute.created", disputeOf(first.intent, one, "needs_response"));
    await tell("charge.dispute.created", disputeOf(second.intent, two, "needs_response"));
    await tell("charge.dispute.closed", disputeOf(first.intent, one, "won"));
    expect(await statusOf(account)).toBe("frozen");
    await tell("charge.dispute.closed", disputeOf(second.intent, two, "won"));
    expect(await statusOf(account)).toBe("active");
  });

  test("that is won does not open an account that was frozen for another reason", async () => {
    const account = await newAccount();
    const { intent } = await paid(account);
    await objects.freeze(account.id, "the ledger does not add up");
    const id = stripeId("dp");
    await tell("charge.dispute.created", disputeOf(intent, id, "needs_response"));
    await tell("charge.dispute.closed", disputeOf(intent, id, "won"));
    expect(await statusOf(account)).toBe("frozen");
  });

  test("is not undone by word of an inquiry that comes late", async () => {
    const account = await newAccount();
    const [first, second] = [await paid(account), await paid(account)];
    const [one, two] = [stripeId("dp"), stripeId("dp")];
    await tell("charge.dispute.created", disputeOf(first.intent, one, "needs_response"));
    await tell("charge.dispute.updated", disputeOf(first.intent, one, "warning_needs_response"));
    await tell("charge.dispute.created", disputeOf(second.intent, two, "needs_response"));
    await tell("charge.dispute.closed", disputeOf(second.intent, two, "won"));
    expect(await statusOf(account)).toBe("frozen");
  });

  test("and a refund together never take more than was paid", async () => {
    const account = await newAccount({ credits: "5" });
    const { intent, order } = await paid(account);
    await tell("charge.refunded", chargeOf(intent, order, 600));
    await tell("charge.dispute.closed", disputeOf(intent, stripeId("dp"), "lost", 1_000));
    expect(await available(account)).toBe("5.000000");
  });

  test("an inquiry stops nothing", async () => {
    const account = await newAccount();
    const { intent } = await paid(account);
    await tell("charge.dispute.created", disputeOf(intent, stripeId("dp"), "warning_needs_response"));
    expect(await statusOf(account)).toBe("active");
  });
});

describe("payments and the ledger", () => {
  interface Check {
    readonly checked: { payments: number };
    readonly differences: readonly { account: string; payment: string | null; subject: string; found: string }[];
  }

  /** As if all of it had happened a while ago: what is new may be on its way. */
  async function aged(): Promise<Check["differences"]> {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    try {
      return (await asOperator<Check>("GET", "/admin/payments/check")).differences;
    } finally {
      vi.useRealTimers();
    }
  }

  test("fit one another, both ways; what does not is named", async () => {
    const account = await newAccount();
    const { intent, order } = await paid(account);
    await tell("charge.refunded", chargeOf(intent, order, 400));
    await eventually(async () => {
      expect((await look<Page<unknown>>(account, "/api/ledger")).data).toHaveLength(2);
    });
    const ofAccount = async (id: string) => (await aged()).filter((difference) => difference.account === id);
    expect(await ofAccount(account.id)).toEqual([]);
    const payment = await adminPaymentOf(account);
    const { DB } = env as Env;
    await DB.prepare("UPDATE payments SET credits = 99000000 WHERE id = ?").bind(payment.id).run();
    expect(await ofAccount(account.id)).toMatchObject([
      { payment: payment.id, found: "25.000000", expected: "99.000000" },
    ]);
    await DB.prepare("DELETE FROM payments WHERE id = ?").bind(payment.id).run();
    expect(await ofAccount(account.id)).toMatchObject([{ payment: null, subject: "grant without a payment" }]);
  });
});

describe("a gateway that takes no payments", () => {
  const without = gatewayWith({ STRIPE_SECRET_KEY: "", STRIPE_WEBHOOK_SECRETS: "" });

  test("says so, and works", async () => {
    const account = await newAccount({ credits: "5" });
    const headers = { ...bearer(account.key), "content-type": "application/json" };
    const refusals = [
      await without("/api/checkout", { method: "POST", headers, body: '{"pack":"small"}' }),
      await without("/api/credit-packs", { headers }),
      await without("/api/auto-topup", { headers }),
    ];
    for (const response of refusals) {
      expect([response.status, await codeOf(response)]).toEqual([409, "payments_not_configured"]);
    }
    const webhook = await tell("checkout.session.completed", sessionOf(orderFor(account.id)), { gateway: without });
    expect([webhook.status, await codeOf(webhook)]).toEqual([409, "payments_not_configured"]);
    expect(await (await without("/api/payments", { headers })).json()).toMatchObject({ data: [] });
    expect((await ask(account, BODY, { gateway: without })).status).toBe(200);
  });

  test("with a key and no webhook secret does not start: it would take money and grant nothing", async () => {
    const half = gatewayWith({ STRIPE_WEBHOOK_SECRETS: "" });
    const response = await half("/health");
    expect(response.status).toBe(503);
    expect(await response.text()).toContain("STRIPE_WEBHOOK_SECRETS");
  });
});

describe("what payments show", () => {
  test("never holds a key or a secret", async () => {
    const account = await newAccount();
    await paid(account);
    const texts = await Promise.all([
      call("/api/payments", { headers: bearer(account.key) }).then((response) => response.text()),
      operator("GET", "/admin/payments").then((response) => response.text()),
    ]);
    expect(texts.join()).not.toMatch(/sk_test|whsec/);
  });

  test("is read page by page, newest first", async () => {
    const account = await newAccount();
    for (let n = 0; n < 3; n += 1) await paid(account);
    const first = await look<Page<PaymentRow>>(account, "/api/payments?limit=2");
    expect([first.data.length, first.has_more]).toEqual([2, true]);
    const rest = await look<Page<PaymentRow>>(account, `/api/payments?limit=2&cursor=${first.next_cursor}`);
    expect([rest.data.length, rest.has_more]).toEqual([1, false]);
    expect(new Set([...first.data, ...rest.data].map(({ id }) => id)).size).toBe(3);
    const bad = await call("/api/payments?cursor=none", { headers: bearer(account.key) });
    expect([bad.status, await codeOf(bad)]).toEqual([400, "invalid_cursor"]);
  });
});
