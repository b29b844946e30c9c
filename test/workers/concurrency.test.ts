import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  accountOf,
  ask,
  asOperator,
  CHAT,
  call,
  endedReceipt,
  eventually,
  forgetUpstream,
  gatewayWith,
  grant,
  newAccount,
  openGateway,
  putPlan,
  receiptOf,
  requestIdOf,
  type TestAccount,
  upstream,
} from "../support/gateway.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { ErrorBody } from "../support/wire.ts";

beforeAll(openGateway);
afterEach(() => vi.useRealTimers());

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };
const SLOW_STREAM = { ...ONE_CREDIT, stream: true };

function times<T>(count: number, work: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => work(index));
}

function statuses(responses: readonly Response[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of responses) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function errorOf(response: Response): Promise<ErrorBody["error"]> {
  return (await response.json<ErrorBody>()).error;
}

/** A request that goes on for three seconds, whether or not its client stays: ten pauses, so that no stall shortens it much. */
async function longRequest(account: TestAccount): Promise<StreamReader> {
  const response = await ask(account, SLOW_STREAM, { simulate: "output=10;pace=300" });
  expect(response.status).toBe(200);
  const stream = new StreamReader(response);
  await stream.until("output_text.delta");
  return stream;
}

describe("a balance is never spent twice", () => {
  // C1
  test.each([5, 40])("%i parallel requests on a balance worth four: exactly four are admitted", async (parallel) => {
    const account = await newAccount({ credits: "4.9" });
    await forgetUpstream();
    const responses = await Promise.all(times(parallel, () => ask(account, ONE_CREDIT)));
    expect(statuses(responses)).toEqual({ 200: 4, 429: parallel - 4 });
    expect((await upstream()).counters.received).toBe(4);
    expect((await accountOf(account)).credits).toEqual({
      available: "0.900000",
      reserved: "0.000000",
      used: "4.000000",
    });
  });

  // C1
  test("what is reserved never exceeds the balance while the requests run", async () => {
    const account = await newAccount({ credits: "3.5" });
    const asked = times(12, () => ask(account, SLOW_STREAM, { simulate: "output=10;pace=300" }));
    const responses = await Promise.all(asked);
    expect(statuses(responses)).toEqual({ 200: 3, 429: 9 });
    expect((await accountOf(account)).credits).toMatchObject({ available: "0.500000", reserved: "3.000000" });
    await Promise.all(responses.map(readStream));
  });

  // C2
  test("a balance above zero is not enough: the worst case of the request must be covered", async () => {
    const account = await newAccount({ credits: "0.99" });
    const response = await ask(account, ONE_CREDIT);
    expect(response.status).toBe(429);
    expect((await errorOf(response)).spillway).toMatchObject({
      reason: "credits_exhausted",
      available: "0.990000",
      needed: "1.000000",
    });
  });

  // C3
  test("many gateways before one account admit no more than one does", async () => {
    const account = await newAccount({ credits: "7.5" });
    const gateways = times(20, () => gatewayWith({}));
    const responses = await Promise.all(gateways.map((gateway) => ask(account, ONE_CREDIT, { gateway })));
    expect(statuses(responses)).toEqual({ 200: 7, 429: 13 });
  });

  // C4
  test("a request without a bound of its own is held at the model's ceiling", async () => {
    const unbounded = { model: "flat-1", input: "x" };
    const poor = await newAccount({ credits: "4.9" });
    expect((await errorOf(await ask(poor, unbounded))).spillway?.needed).toBe("5.000000");
    const rich = await newAccount({ credits: "5" });
    const receipt = await receiptOf(rich, requestIdOf(await ask(rich, unbounded)));
    expect(receipt.reservation.estimated).toBe("5.000000");
  });

  // C4
  test("a bound above the model's ceiling reserves the ceiling", async () => {
    const account = await newAccount({ credits: "5" });
    const response = await ask(account, { ...ONE_CREDIT, max_output_tokens: 1_000_000 });
    expect((await receiptOf(account, requestIdOf(response))).reservation.estimated).toBe("5.000000");
  });

  test("several choices are reserved together", async () => {
    const account = await newAccount({ credits: "10" });
    const messages = [{ role: "user", content: "x" }];
    const body = { model: "flat-1", messages, max_completion_tokens: 10, n: 3 };
    const receipt = await receiptOf(account, requestIdOf(await ask(account, body, { route: CHAT })));
    expect(receipt).toMatchObject({ reservation: { estimated: "3.000000" }, charge: { amount: "3.000000" } });
  });

  test("a plan may lower an open bound to what the credits can pay, and upstream is told", async () => {
    await putPlan("lowering", { ...CREDITS_PLAN, estimate: "clamp", overshoot: "clamp" });
    const account = await newAccount({ plan: "lowering", credits: "0.75" });
    await forgetUpstream();
    const response = await ask(account, { model: "flat-1", input: "x" });
    expect((await upstream()).requests[0]?.fields.max_output_tokens).toBe(7);
    expect((await receiptOf(account, requestIdOf(response))).charge).toMatchObject({
      amount: "0.700000",
      overshoot: "0.000000",
    });
  });

  // C10
  test("credits that are only held are told apart from credits that are gone", async () => {
    const account = await newAccount({ credits: "1" });
    const running = await longRequest(account);
    const held = await ask(account, ONE_CREDIT);
    expect(held.status).toBe(429);
    expect(Number(held.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(held.headers.get("x-should-retry")).toBeNull();
    expect(await errorOf(held)).toMatchObject({ type: "rate_limit_error", code: "credits_reserved" });
    await running.rest();
    const gone = await eventually(async () => {
      const response = await ask(account, ONE_CREDIT);
      const error = await errorOf(response);
      expect(error.code).toBe("insufficient_quota");
      return { response, error };
    });
    expect(gone.response.headers.get("retry-after")).toBeNull();
    expect(gone.response.headers.get("x-should-retry")).toBe("false");
    expect(gone.error.spillway?.reason).toBe("credits_exhausted");
  });

  // X2, X10
  test("credits that were just bought pay for the very next request", async () => {
    const account = await newAccount();
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    await grant(account, "1");
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });
});

describe("gates", () => {
  const minute = { kind: "sliding", period: "1m" };

  test("requests beyond the gate wait, whatever is paid, and are told how long", async () => {
    await putPlan("three-a-minute", {
      ...CREDITS_PLAN,
      gates: [{ id: "rpm", unit: "requests", limit: 3, window: minute }],
    });
    const account = await newAccount({ plan: "three-a-minute", credits: "100" });
    // So that a second is a second on a busy machine.
    vi.useFakeTimers({ toFake: ["Date"] });
    const responses = await Promise.all(times(8, () => ask(account, ONE_CREDIT)));
    expect(statuses(responses)).toEqual({ 200: 3, 429: 5 });
    const refused = responses.find(({ status }) => status === 429);
    expect(refused?.headers.get("retry-after")).toMatch(/^\d+$/);
    const seconds = Number(refused?.headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(50);
    expect(seconds).toBeLessThanOrEqual(61);
    expect(Number(refused?.headers.get("retry-after-ms"))).toBeLessThanOrEqual(seconds * 1_000);
    expect(refused?.headers.get("x-ratelimit-remaining-requests")).toBe("0");
    expect(refused && (await errorOf(refused))).toMatchObject({
      type: "rate_limit_error",
      code: "rate_limit_exceeded",
      spillway: { reason: "gate", limit: "rpm", remedy: "retry" },
    });
    expect((await accountOf(account)).credits.used).toBe("3.000000");
  });

  test("tokens are held at their bound and counted as they were used", async () => {
    await putPlan("tokens", { ...CREDITS_PLAN, gates: [{ id: "tpm", unit: "tokens", limit: 200, window: minute }] });
    const account = await newAccount({ plan: "tokens", credits: "100" });
    const body = { model: "flat-1", input: "x", max_output_tokens: 50 };
    expect((await ask(account, body, { simulate: "input=100;output=20" })).status).toBe(200);
    const [gate] = (await accountOf(account)).gates;
    expect(gate).toMatchObject({ limit: 200, remaining: 80 });
    expect((await ask(account, body, { simulate: "input=30;output=20" })).status).toBe(200);
    const refused = await ask(account, body);
    expect(refused.status).toBe(429);
    expect((await errorOf(refused)).spillway).toMatchObject({ reason: "gate", limit: "tpm" });
  });

  test("a request that is larger than a gate ever allows is told to become smaller", async () => {
    await putPlan("small", { ...CREDITS_PLAN, gates: [{ id: "tpm", unit: "tokens", limit: 20, window: minute }] });
    const account = await newAccount({ plan: "small", credits: "100" });
    const refused = await ask(account, { ...ONE_CREDIT, max_output_tokens: 50 });
    expect(refused.headers.get("x-should-retry")).toBe("false");
    expect((await errorOf(refused)).spillway).toMatchObject({ reason: "gate", remedy: "reduce_request" });
  });

  // C6
  test("a slot is free again when its request ends, and when its client hangs up", async () => {
    await putPlan("two-slots", { ...CREDITS_PLAN, gates: [{ id: "slots", unit: "concurrency", limit: 2 }] });
    const account = await newAccount({ plan: "two-slots", credits: "100" });
    const first = await longRequest(account);
    const second = await longRequest(account);
    const refused = await ask(account, ONE_CREDIT);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await errorOf(refused)).spillway).toMatchObject({ reason: "gate", limit: "slots" });
    await first.leave();
    await second.rest();
    await eventually(async () => expect((await accountOf(account)).gates[0]?.remaining).toBe(2));
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  // C5
  test("a request that a later limit refuses has used nothing of the earlier ones", async () => {
    await putPlan("layers", {
      ...includedPlan("10", "1.5"),
      gates: [
        { id: "rpm", unit: "requests", limit: 10, window: minute },
        { id: "tpm", unit: "tokens", limit: 1_000, window: minute },
      ],
    });
    const account = await newAccount({ plan: "layers" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    const before = await accountOf(account);
    // The week has room for half a credit only; the five hours and both gates would let it through.
    const refused = await ask(account, ONE_CREDIT);
    expect((await errorOf(refused)).spillway?.reason).toBe("allowance_exhausted");
    const after = await accountOf(account);
    expect(after).toEqual(before);
    expect(after.allowances[0]?.windows.map(({ used }) => used)).toEqual(["1.000000", "1.000000"]);
    expect(after.gates.map(({ remaining }) => remaining)).toEqual(before.gates.map(({ remaining }) => remaining));
  });
});

describe("an Idempotency-Key", () => {
  let keys = 0;
  const newKey = () => {
    keys += 1;
    return { "idempotency-key": `key-${keys}` };
  };

  test("fifty repetitions at once are one call upstream and one charge", async () => {
    const account = await newAccount({ credits: "60" });
    const headers = newKey();
    await forgetUpstream();
    const asked = times(50, () => ask(account, ONE_CREDIT, { headers, simulate: "first=3000" }));
    const responses = await Promise.all(asked);
    expect((await upstream()).counters.received).toBe(1);
    const counts = statuses(responses);
    expect((counts[200] ?? 0) + (counts[409] ?? 0)).toBe(50);
    const answers = responses.filter(({ status, headers }) => status === 200 && !headers.has("idempotent-replay"));
    expect(answers).toHaveLength(1);
    const waiting = responses.find(({ status }) => status === 409);
    expect(waiting?.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(new Set(responses.map(requestIdOf)).size).toBe(1);
    expect((await accountOf(account)).credits.used).toBe("1.000000");
  });

  test("a repetition after the end is answered with the outcome and charged nothing", async () => {
    const account = await newAccount({ credits: "5" });
    const headers = newKey();
    const first = await ask(account, ONE_CREDIT, { headers });
    const again = await ask(account, ONE_CREDIT, { headers });
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotent-replay")).toBe("omitted");
    expect(await again.json()).toMatchObject({
      object: "spillway.replay",
      request_id: requestIdOf(first),
      state: "settled",
      receipt: `/api/requests/${requestIdOf(first)}`,
    });
    expect((await accountOf(account)).credits.used).toBe("1.000000");
  });

  test("the same key with another body is refused, and does not disturb the first", async () => {
    const account = await newAccount({ credits: "5" });
    const headers = newKey();
    await ask(account, ONE_CREDIT, { headers });
    const other = await ask(account, { ...ONE_CREDIT, input: "y" }, { headers });
    expect(other.status).toBe(422);
    expect(await errorOf(other)).toMatchObject({ code: "idempotency_key_reused" });
    expect((await accountOf(account)).credits.used).toBe("1.000000");
  });

  test("the same key on another route or account is another request", async () => {
    const [one, two] = [await newAccount({ credits: "5" }), await newAccount({ credits: "5" })];
    const headers = newKey();
    const chat = { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 10 };
    const responses = [
      await ask(one, ONE_CREDIT, { headers }),
      await ask(one, chat, { headers, route: CHAT }),
      await ask(two, ONE_CREDIT, { headers }),
    ];
    expect(responses.map((response) => response.headers.has("idempotent-replay"))).toEqual([false, false, false]);
    expect(new Set(responses.map(requestIdOf)).size).toBe(3);
    expect((await accountOf(one)).credits.used).toBe("2.000000");
  });

  // X13
  test("a request that upstream failed may be repeated with its key: a new attempt, charged once", async () => {
    const account = await newAccount({ credits: "5" });
    const headers = newKey();
    const failed = await ask(account, ONE_CREDIT, { headers, simulate: "status=500" });
    expect(failed.status).toBe(503);
    const repeated = await ask(account, ONE_CREDIT, { headers });
    expect(repeated.status).toBe(200);
    expect(requestIdOf(repeated)).toBe(requestIdOf(failed));
    const receipt = await endedReceipt(account, requestIdOf(repeated));
    expect(receipt).toMatchObject({ attempt: 2, reservation: { state: "settled" }, charge: { amount: "1.000000" } });
    expect((await accountOf(account)).credits.used).toBe("1.000000");
  });

  test("a denied request leaves no trace: with credits the same key succeeds", async () => {
    const account = await newAccount();
    const headers = newKey();
    expect((await ask(account, ONE_CREDIT, { headers })).status).toBe(429);
    await grant(account, "1");
    expect((await ask(account, ONE_CREDIT, { headers })).status).toBe(200);
  });

  // C25
  test("a grant that is sent twice is given once; with other terms it is refused", async () => {
    const account = await newAccount();
    const path = `/admin/accounts/${account.id}/grants`;
    const terms = { amount: "5", kind: "paid", reason: "invoice 1" };
    const headers = { "idempotency-key": "invoice-1" };
    const all = times(10, () => asOperator<{ id: string }>("POST", path, terms, headers));
    const ids = (await Promise.all(all)).map(({ id }) => id);
    expect(new Set(ids).size).toBe(1);
    expect((await accountOf(account)).credits.available).toBe("5.000000");
    await expect(asOperator("POST", path, { ...terms, amount: "6" }, headers)).rejects.toThrow(/422/);
    expect((await call(path, { method: "POST" })).status).toBe(401);
  });
});
