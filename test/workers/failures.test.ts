import { runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { AccountClient, AccountUnreachable } from "../../durable-objects/client.ts";
import {
  accountOf,
  ask,
  asOperator,
  CANARY,
  CHAT,
  call,
  confirmedReceipt,
  endedReceipt,
  eventually,
  forgetUpstream,
  gatewayWith,
  grant,
  look,
  newAccount,
  openGateway,
  putPlan,
  RESPONSES,
  receiptOf,
  requestIdOf,
  stubOf,
  type TestAccount,
  upstream,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { BalanceRow, ErrorBody, Page, Receipt, UsageEventRow } from "../support/wire.ts";

/** Every request is made by this account, unless a test is about credits. */
let account: TestAccount;

beforeAll(async () => {
  await openGateway();
  account = await newAccount({ credits: "1000" });
});
afterEach(() => vi.useRealTimers());

/** Costs a tenth of a credit per output token; at most one credit. */
const BODY = { model: "flat-1", input: "x", max_output_tokens: 10 };
const CHAT_BODY = { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 10 };
const ROUTES = { [RESPONSES]: BODY, [CHAT]: CHAT_BODY };

/** An upstream that is given up on soon: as soon as a test lets that much time pass, since it stops the clock before. */
const impatient = gatewayWith({ UPSTREAM_FIRST_BYTE_MS: "400", UPSTREAM_IDLE_MS: "300" });

/** Lets no time pass but what is said, so that a machine that is slow does not look like an upstream that is silent. */
function stopClock(): { pass(ms: number): void } {
  vi.useFakeTimers({ toFake: ["Date"] });
  return { pass: (ms) => void vi.setSystemTime(Date.now() + ms) };
}

async function nothingIsHeld(): Promise<void> {
  const { credits } = await accountOf(account);
  expect(credits.reserved).toBe("0.000000");
}

function charged(receipt: Receipt): string | undefined {
  return receipt.charge?.amount;
}

describe("an upstream that refuses or never begins is not charged", () => {
  const cases: [simulate: string, status: number, code: string | null, retryAfter: string | null, outcome: string][] = [
    ["status=500", 503, "server_is_overloaded", "5", "upstream_error"],
    ["status=503;retry_after=9", 503, "server_is_overloaded", "9", "upstream_error"],
    ["status=429;retry_after=7", 503, "server_is_overloaded", "7", "upstream_error"],
    ["status=429;retry_after=Wed, 21 Oct 2026 07:28:00 GMT", 503, "server_is_overloaded", "5", "upstream_error"],
    ["status=400;code=context_length_exceeded", 400, "context_length_exceeded", null, "rejected"],
    ["status=404", 404, "model_not_found", null, "rejected"],
    ["status=403", 502, "upstream_auth", null, "upstream_error"],
    ["leak_key", 502, "upstream_auth", null, "upstream_error"],
    ["redirect", 502, "upstream_redirect", null, "upstream_error"],
    ["hang", 503, "server_is_overloaded", "5", "upstream_error"],
  ];

  // C8
  describe.each([
    [RESPONSES, false],
    [RESPONSES, true],
    [CHAT, true],
  ] as const)("%s (stream: %s)", (route, stream) => {
    test.each(cases)("%s → %i %s", async (simulate, status, code, retryAfter, outcome) => {
      const before = await accountOf(account);
      const body = { ...ROUTES[route], stream };
      const gateway = simulate === "hang" ? impatient : call;
      const response = await ask(account, body, { route, simulate, gateway });
      expect(response.status).toBe(status);
      const text = await response.text();
      const { error } = JSON.parse(text) as ErrorBody;
      expect(error.code).toBe(code);
      expect(response.headers.get("retry-after")).toBe(retryAfter);
      expect(text).not.toContain(CANARY.slice(0, 8));
      expect(text).not.toContain(CANARY.slice(-4));
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt).toMatchObject({
        reservation: { state: "released" },
        usage: { outcome, estimated: false },
        charge: { amount: "0.000000", posted: [], returned: "1.000000" },
        ledger: { seq: before.as_of_seq + 1, monetization_event: null },
      });
      expect((await accountOf(account)).credits).toEqual(before.credits);
    });
  });

  test("Codex is not told to wait, because it would wait thirty times", async () => {
    const codex = { originator: "codex_exec" };
    for (const [headers, wait] of [
      [codex, null],
      [{}, "7"],
    ] as const) {
      const response = await ask(account, BODY, { simulate: "status=503;retry_after=7", headers });
      expect([response.status, response.headers.get("retry-after")]).toEqual([503, wait]);
    }
  });

  // The simulated upstream answers for every host, so a call that followed would be a second one.
  test("the redirect is not followed, so the key goes nowhere else", async () => {
    await forgetUpstream();
    await ask(account, BODY, { simulate: "redirect" });
    expect((await upstream()).counters.received).toBe(1);
  });

  // C8
  test("what was not charged stands in the usage events all the same", async () => {
    const one = await newAccount({ credits: "5" });
    const response = await ask(one, BODY, { simulate: "status=500" });
    await confirmedReceipt(one, requestIdOf(response));
    const path = `/admin/accounts/${one.id}`;
    const events = await asOperator<Page<UsageEventRow>>("GET", `${path}/usage-events`);
    expect(events.data).toMatchObject([{ request_id: requestIdOf(response), outcome: "upstream_error" }]);
    const money = await asOperator<Page<unknown>>("GET", `${path}/monetization-events`);
    expect(money.data).toEqual([]);
    const updates = await asOperator<Page<BalanceRow>>("GET", `${path}/balance-updates`);
    expect(updates.data[0]).toMatchObject({ kind: "none", delta: "0.000000", balance_after: "5.000000" });
  });
});

describe("an answer without usage is estimated, and never above what was reserved", () => {
  test.each(["no_usage", "usage=broken", "usage=huge"])("%s in JSON", async (simulate) => {
    for (const [route, body] of Object.entries(ROUTES)) {
      const response = await ask(account, body, { route, simulate });
      expect(response.status).toBe(200);
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt).toMatchObject({ reservation: { state: "settled" }, usage: { estimated: true } });
      expect(Number(charged(receipt))).toBeGreaterThan(0);
      expect(Number(charged(receipt))).toBeLessThanOrEqual(1);
    }
    await nothingIsHeld();
  });

  test.each(["no_usage", "usage=broken", "usage=huge"])("%s in a stream", async (simulate) => {
    for (const [route, body] of Object.entries(ROUTES)) {
      const response = await ask(account, { ...body, stream: true }, { route, simulate: `${simulate};pace=1` });
      expect((await readStream(response)).broken).toBe(false);
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt).toMatchObject({ reservation: { state: "settled" }, usage: { estimated: true } });
      expect(Number(charged(receipt))).toBeGreaterThan(0.5);
      expect(Number(charged(receipt))).toBeLessThanOrEqual(1);
    }
    await nothingIsHeld();
  });

  test("usage that does not say how much of the input was cached is still usage, and the charge is an estimate", async () => {
    const response = await ask(account, BODY, { simulate: "usage=partial;output=4" });
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ usage: { output_tokens: 4, estimated: true }, charge: { amount: "0.400000" } });
  });
});

describe("a model that fails", () => {
  test("is charged what it reports to have used", async () => {
    const response = await ask(account, { ...BODY, stream: true }, { simulate: "failed;output=4;pace=1" });
    expect((await readStream(response)).text).toContain("response.failed");
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ usage: { outcome: "failed", estimated: false }, charge: { amount: "0.400000" } });
  });

  test("is charged what was seen of it when it reports nothing", async () => {
    for (const [route, body] of Object.entries(ROUTES)) {
      const options = { route, simulate: "failed_no_usage;output=4;pace=1" };
      const response = await ask(account, { ...body, stream: true }, options);
      expect((await readStream(response)).broken).toBe(false);
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt.usage).toMatchObject({ outcome: "failed", estimated: true });
      expect(Number(charged(receipt))).toBeGreaterThan(0);
      expect(Number(charged(receipt))).toBeLessThanOrEqual(0.5);
    }
  });

  test("before it produced anything is free", async () => {
    const response = await ask(account, BODY, { simulate: "failed_no_usage" });
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  test("an incomplete answer is charged by its usage", async () => {
    const options = { simulate: "incomplete=content_filter;output=4" };
    const receipt = await endedReceipt(account, requestIdOf(await ask(account, BODY, options)));
    expect(receipt).toMatchObject({ usage: { outcome: "incomplete" }, charge: { amount: "0.400000" } });
  });
});

// X8, X12
describe("an account that cannot be reached", () => {
  test.each(Object.entries(ROUTES))("spends nothing by %s, and is told when to ask again", async (route, body) => {
    vi.spyOn(console, "error").mockReturnValue(undefined);
    vi.spyOn(AccountClient.prototype, "reserve").mockRejectedValue(new AccountUnreachable("its object is away"));
    const answer = await withoutUpstreamCall(() => ask(account, body, { route }));
    vi.restoreAllMocks();
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("2");
    expect((await answer.json<ErrorBody>()).error.code).toBe("server_is_overloaded");
    expect((await ask(account, body, { route })).status).toBe(200);
  });
});

describe("a stream that breaks off", () => {
  // The client must not take a part for the whole.
  test.each(Object.entries(ROUTES))(
    "%s: the client's stream breaks too; what arrived is charged",
    async (route, body) => {
      const response = await ask(
        account,
        { ...body, stream: true },
        { route, simulate: "output=10;cut_after=4;pace=5" },
      );
      expect(response.status).toBe(200);
      const { text, broken } = await readStream(response);
      expect(broken).toBe(true);
      expect(text).not.toContain("response.completed");
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt).toMatchObject({
        reservation: { state: "settled" },
        usage: { outcome: "cut", estimated: true },
        charge: { overshoot: "0.000000" },
      });
      expect(Number(charged(receipt))).toBeGreaterThan(0);
      expect(Number(charged(receipt))).toBeLessThanOrEqual(0.5);
    },
  );

  test("and went on from an image that was made before charges that as an image, not as a book of base64", async () => {
    const image = {
      type: "image_generation_call",
      id: "ig_1",
      status: "completed",
      result: "iVBORw0KGgo".repeat(30_000),
    };
    const body = { model: "gpt-5.4", input: [image, { role: "user", content: "Now in red" }], max_output_tokens: 100 };
    const response = await ask(account, { ...body, stream: true }, { simulate: "output=10;cut_after=4;pace=1" });
    expect((await readStream(response)).broken).toBe(true);
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ usage: { outcome: "cut", estimated: true } });
    expect(Number(receipt.reservation.estimated)).toBeLessThan(4);
    expect(Number(charged(receipt))).toBeLessThan(0.5);
  });

  test("before the first word costs nothing", async () => {
    const response = await ask(account, { ...BODY, stream: true }, { simulate: "cut_after=0" });
    expect((await readStream(response)).broken).toBe(true);
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  test("with a clean end but without a last event is cut, and charged as far as it came", async () => {
    for (const [route, body] of Object.entries(ROUTES)) {
      const options = { route, simulate: "output=10;eof_after=4;pace=1" };
      const response = await ask(account, { ...body, stream: true }, options);
      // To a client, a clean end is a whole answer.
      expect((await readStream(response)).broken).toBe(true);
      const receipt = await endedReceipt(account, requestIdOf(response));
      expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
      expect(Number(charged(receipt))).toBeLessThanOrEqual(0.5);
    }
  });

  test("a JSON answer that breaks off in the middle is not charged, and the client may ask again", async () => {
    const response = await ask(account, BODY, { simulate: "cut_after=0" });
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  test("is not one that only thinks, however long: what is reserved for it stays so", async () => {
    const clock = stopClock();
    const options = { simulate: "output=3;think=3000", gateway: gatewayWith({ UPSTREAM_IDLE_MS: "3600000" }) };
    const response = await ask(account, { ...BODY, stream: true }, options);
    const stream = new StreamReader(response);
    await stream.until("event: response.in_progress");
    clock.pass(3 * 60_000);
    await scheduler.wait(1_100);
    clock.pass(3 * 60_000);
    await runDurableObjectAlarm(stubOf(account));
    expect((await receiptOf(account, requestIdOf(response))).reservation.state).toBe("pending");
    await stream.rest();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "settled" }, charge: { amount: "0.300000" } });
  });

  test("an upstream that falls silent is cut, the client's stream with it", async () => {
    const clock = stopClock();
    const options = { simulate: "output=10;stall_after=3;pace=1", gateway: impatient };
    const response = await ask(account, { ...BODY, stream: true }, options);
    const stream = new StreamReader(response);
    await stream.until("event: response.output_text.delta", 3);
    clock.pass(301);
    await expect(stream.rest()).rejects.toThrow();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt.usage).toMatchObject({ outcome: "cut", estimated: true });
    expect(Number(charged(receipt))).toBeGreaterThan(0);
    expect(Number(charged(receipt))).toBeLessThanOrEqual(0.4);
  });

  test("a JSON answer that falls silent in the middle is given up", async () => {
    const one = await newAccount({ credits: "5" });
    const clock = stopClock();
    await forgetUpstream();
    const asked = ask(one, BODY, { simulate: "stall_after=0", gateway: impatient });
    await eventually(async () => expect((await upstream()).requests).toMatchObject([{ status: 200 }]));
    clock.pass(401);
    const response = await asked;
    expect(response.status).toBe(503);
    const receipt = await endedReceipt(one, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "released" }, charge: { amount: "0.000000" } });
  });

  test("an event beyond all bounds cuts the stream", async () => {
    const options = { simulate: "output=4;pace=1;big_line=9000000" };
    const response = await ask(account, { ...BODY, stream: true }, options);
    expect((await readStream(response)).broken).toBe(true);
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ reservation: { state: "settled" }, usage: { outcome: "cut", estimated: true } });
  });

  test("an event that is no JSON passes and disturbs nothing", async () => {
    const response = await ask(account, { ...BODY, stream: true }, { simulate: "output=4;pace=1;malformed" });
    expect((await readStream(response)).text).toContain('"sequence_num\n');
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({ usage: { estimated: false }, charge: { amount: "0.400000" } });
  });
});

// C12
describe("a client that hangs up", () => {
  const cases = [
    ["before the first byte", RESPONSES, ""],
    ["in the middle", RESPONSES, "output_text.delta"],
    ["in the middle of a chat", CHAT, '"content":'],
  ] as const;

  test.each(cases)("%s (%s): upstream is read to its end and the exact usage is charged", async (_, route, seen) => {
    const options = { route, simulate: "input=20;output=8;pace=25" };
    const response = await ask(account, { ...ROUTES[route], stream: true }, options);
    const stream = new StreamReader(response);
    if (seen !== "") await stream.until(seen);
    await stream.leave();
    const receipt = await endedReceipt(account, requestIdOf(response));
    expect(receipt).toMatchObject({
      usage: { input_tokens: 20, output_tokens: 8, estimated: false },
      charge: { amount: "0.800000" },
    });
    await nothingIsHeld();
  });
});

// C12
test("a client that gives up before its answer began is charged what upstream did for it", async () => {
  const one = await newAccount({ credits: "5" });
  const gaveUp = new AbortController();
  const asked = ask(one, BODY, { simulate: "first=3000;output=5", signal: gaveUp.signal });
  await eventually(async () => expect((await accountOf(one)).credits.reserved).toBe("1.000000"));
  gaveUp.abort();
  await asked.catch(() => undefined);
  await eventually(async () => {
    expect((await accountOf(one)).credits).toEqual({ available: "4.500000", reserved: "0.000000", used: "0.500000" });
  });
});

describe("more was used than was reserved", () => {
  // Input is only estimated before the call: here upstream counts far more of it.
  const body = { model: "gpt-5.4", input: "x", max_output_tokens: 10 };
  const simulate = "input=3000;output=10";

  test("the rest is taken from what the account still has", async () => {
    const one = await newAccount({ credits: "2" });
    await grant(one, "2", { priority: 90 });
    const receipt = await endedReceipt(one, requestIdOf(await ask(one, body, { simulate })));
    expect(receipt.charge).toMatchObject({ amount: "3.100000", overshoot: "0.000000", returned: "0.000000" });
    expect(receipt.charge?.posted.map(({ amount }) => amount)).toEqual(["2.000000", "1.100000"]);
    expect((await accountOf(one)).credits).toEqual({ available: "0.900000", reserved: "0.000000", used: "3.100000" });
  });

  // C11
  test("what nothing covers is debited and refunded at once: visible, and never below zero", async () => {
    const one = await newAccount({ credits: "2" });
    const response = await ask(one, body, { simulate });
    expect(response.status).toBe(200);
    const receipt = await confirmedReceipt(one, requestIdOf(response));
    expect(receipt.charge).toMatchObject({ amount: "3.100000", overshoot: "1.100000" });
    expect(receipt.usage).toMatchObject({ input_tokens: 3_000, estimated: false });
    expect(receipt.sentence).toContain("1.10 more than your sources could pay were refunded");
    const updates = await asOperator<Page<BalanceRow>>("GET", `/admin/accounts/${one.id}/balance-updates`);
    const ofRequest = updates.data.filter(({ seq }) => seq === receipt.ledger?.seq).sort((a, b) => a.draw - b.draw);
    expect(ofRequest.map(({ kind, delta, balance_after }) => [kind, delta, balance_after])).toEqual([
      ["debit", "-2.000000", "0.000000"],
      ["overshoot_refund", "1.100000", "1.100000"],
      ["overshoot", "-1.100000", "0.000000"],
    ]);
    expect((await accountOf(one)).credits).toEqual({ available: "0.000000", reserved: "0.000000", used: "2.000000" });
    expect((await ask(one, body)).status).toBe(429);
    const { data } = await look<Page<Record<string, unknown>>>(one, "/api/usage");
    expect(data).toMatchObject([{ charge: "3.100000", refunded: "1.100000", net_charge: "2.000000" }]);
  });
});

// C17
describe("a denial stops its client", () => {
  test("without credits: at once and for good", async () => {
    const one = await newAccount();
    const response = await ask(one, { ...BODY, stream: true });
    expect(response.status).toBe(429);
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("x-should-retry")).toBe("false");
    expect(response.headers.get("retry-after")).toBeNull();
    expect(response.headers.get("x-codex-promo-message")).toContain("credits");
    const { error } = await response.json<ErrorBody>();
    expect(error).toMatchObject({
      type: "usage_limit_reached",
      code: "insufficient_quota",
      request_id: requestIdOf(response),
    });
    expect(error).not.toHaveProperty("plan_type");
    expect(error).not.toHaveProperty("resets_at");
  });

  // X5
  test("with included use that comes back: until its reset, which is the one that is enforced", async () => {
    await putPlan("one-credit", includedPlan("1", "5"));
    const one = await newAccount({ plan: "one-credit" });
    expect((await ask(one, BODY)).status).toBe(200);
    const response = await ask(one, BODY);
    expect(response.status).toBe(429);
    const { error } = await response.json<ErrorBody>();
    expect(error).toMatchObject({
      type: "usage_limit_reached",
      spillway: { reason: "allowance_exhausted", limit: "included" },
    });
    expect(Number.isInteger(error.resets_at)).toBe(true);
    const resetsAt = (await accountOf(one)).allowances[0]?.windows[0]?.resets_at ?? "";
    expect(error.spillway?.resets_at).toBe(resetsAt);
    expect(error.resets_at).toBe(Math.ceil(Date.parse(resetsAt) / 1_000));
    expect(response.headers.get("x-should-retry")).toBe("false");
    const seconds = Number(response.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(5 * 3_600 - 60);
    // Up to a minute later, so that not everybody comes at once.
    expect(seconds).toBeLessThanOrEqual(5 * 3_600 + 60);
  });

  test("included use is there again at the reset that was announced", async () => {
    await putPlan("one-credit-again", includedPlan("1", "5"));
    const one = await newAccount({ plan: "one-credit-again" });
    expect((await ask(one, BODY)).status).toBe(200);
    const { error } = await (await ask(one, BODY)).json<ErrorBody>();
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime((error.resets_at ?? 0) * 1_000 - 2_000);
    expect((await ask(one, BODY)).status).toBe(429);
    vi.setSystemTime((error.resets_at ?? 0) * 1_000);
    expect((await ask(one, BODY)).status).toBe(200);
  });
});

// C7
test("after all this nothing is reserved any more, anywhere", async () => {
  await putPlan("unused", CREDITS_PLAN);
  await eventually(async () => {
    const pending = await asOperator<Page<unknown>>("GET", "/admin/reservations?state=pending");
    expect(pending.data).toEqual([]);
  });
  await nothingIsHeld();
});
