import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { HOUR, SECOND } from "../support/core-fixtures.ts";
import {
  ask,
  bearer,
  CHAT,
  call,
  eventually,
  grant,
  look,
  newAccount,
  newKey,
  openGateway,
  putPlan,
  receiptOf,
  requestIdOf,
  type TestAccount,
  withoutUpstreamCall,
} from "../support/gateway.ts";
import { objects, outboxOf, runAlarm } from "../support/object.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import type { ErrorBody, Page } from "../support/wire.ts";

beforeAll(openGateway);
afterEach(() => vi.useRealTimers());

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };
/** So many denials within a second are a storm. */
const STORM = 20;

/**
 * Lets no time pass but what `wait` says, so that a second is a second on a busy machine. It is an hour later then, so that
 * no alarm of the account rings meanwhile.
 */
function stopClock(): { wait(ms: number): void } {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.now() + HOUR);
  return { wait: (ms) => void vi.setSystemTime(Date.now() + ms) };
}

function allConfirmed(account: TestAccount): Promise<void> {
  return eventually(async () => expect(await outboxOf(account)).toEqual([]));
}

/** An account without enough credits for {@link ONE_CREDIT}, whose entries are all confirmed. */
async function poorAccount(plan = "credits"): Promise<TestAccount> {
  const account = await newAccount({ plan, credits: "0.5" });
  await allConfirmed(account);
  return account;
}

async function turnsDuring(account: TestAccount, work: () => Promise<unknown>): Promise<number> {
  const before = await objects.work(account.id);
  await work();
  return (await objects.work(account.id)).calls - before.calls;
}

async function repeatedly<T>(times: number, attempt: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < times; index += 1) results.push(await attempt());
  return results;
}

const atOnce = <T>(times: number, attempt: () => Promise<T>) => Promise.all(Array.from({ length: times }, attempt));

describe("a storm of requests with the valid key of an empty account", () => {
  // bad input no. 42
  test("is denied one by one, and does not occupy the account's object", async () => {
    const account = await poorAccount();
    const before = await objects.work(account.id);
    const clock = stopClock();
    const first = await withoutUpstreamCall(() => repeatedly(STORM, () => ask(account, ONE_CREDIT)));
    const storm: Response[] = [];
    const turns = await turnsDuring(account, async () => {
      storm.push(...(await withoutUpstreamCall(() => atOnce(500, () => ask(account, ONE_CREDIT)))));
    });
    expect(turns).toBe(0);

    const [told, ...others] = await Promise.all(
      [...first, ...storm].map(async (response) => ({
        status: response.status,
        headers: Object.fromEntries([...response.headers].filter(([name]) => !/request-id|server-timing/.test(name))),
        body: await response.json<ErrorBody>(),
        requestId: requestIdOf(response),
      })),
    );
    expect(told).toMatchObject({
      status: 429,
      headers: {
        "x-should-retry": "false",
        "x-codex-credits-has-credits": "true",
        "x-codex-credits-balance": "0.500000",
      },
      body: {
        error: {
          type: "usage_limit_reached",
          code: "insufficient_quota",
          spillway: { reason: "credits_exhausted", remedy: "add_credits", needed: "1.000000", available: "0.500000" },
        },
      },
    });
    for (const other of others) {
      const body = { error: { ...told?.body.error, request_id: other.requestId } };
      expect(other).toEqual({ ...told, body, requestId: other.requestId });
    }
    expect(new Set(others.map(({ requestId }) => requestId)).size).toBe(STORM + 500 - 1);

    clock.wait(SECOND);
    expect(await turnsDuring(account, () => ask(account, ONE_CREDIT))).toBe(1);
    const after = await objects.work(account.id);
    expect(after.rowsWritten).toBe(before.rowsWritten);
    expect(after.alarmsSet).toBeLessThanOrEqual(before.alarmsSet + 1);
  });

  test("is counted in the ledger to the last request, in one entry", async () => {
    const account = await poorAccount();
    const clock = stopClock();
    await repeatedly(STORM, () => ask(account, ONE_CREDIT));
    await atOnce(300, () => ask(account, ONE_CREDIT));
    clock.wait(SECOND);
    await ask(account, ONE_CREDIT);
    vi.useRealTimers();
    await runAlarm(account);
    await eventually(async () => {
      const { data } = await look<Page<object>>(account, "/api/usage?group_by=model");
      expect(data).toMatchObject([{ model: "flat-1", requests: 0, denied: STORM + 301, charge: "0.000000" }]);
    });
    expect((await outboxOf(account)).length).toBeLessThanOrEqual(1);
  });

  test("of those answered from memory, the latest has a receipt once the object knows; the others have none", async () => {
    const account = await poorAccount();
    const clock = stopClock();
    await repeatedly(STORM, () => ask(account, ONE_CREDIT));
    const [early, late] = (await repeatedly(2, () => ask(account, ONE_CREDIT))).map(requestIdOf);
    const statusOf = async (requestId = "") =>
      (await call(`/api/requests/${requestId}`, { headers: bearer(account.key) })).status;
    expect([await statusOf(early), await statusOf(late)]).toEqual([404, 404]);

    clock.wait(SECOND);
    await grant(account, "5");
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    expect(await statusOf(early)).toBe(404);
    expect(await receiptOf(account, late ?? "")).toMatchObject({
      request_id: late,
      decision: { outcome: "denied", reason: "credits_exhausted" },
    });
  });

  test("answers each of its kinds as the object does: Chat, a used-up window, a gate", async () => {
    const gates = [{ id: "daily", unit: "requests", limit: 1, window: { kind: "sliding", period: "1d" } }];
    await putPlan("one-a-day", { ...CREDITS_PLAN, name: "One a day", gates });
    await putPlan("included", includedPlan("0.1", "0.2"));
    const gated = await newAccount({ plan: "one-a-day", credits: "5" });
    expect((await ask(gated, ONE_CREDIT)).status).toBe(200);
    const included = await newAccount({ plan: "included" });
    expect((await ask(included, { ...ONE_CREDIT, max_output_tokens: 1 })).status).toBe(200);
    for (const account of [gated, included]) await allConfirmed(account);
    const poor = await poorAccount();
    stopClock();
    const chat = { model: "flat-1", messages: [{ role: "user", content: "x" }], max_completion_tokens: 10 };
    const cases = [
      { account: poor, body: chat, route: CHAT, code: "insufficient_quota", retryAfter: null },
      { account: gated, body: ONE_CREDIT, code: "rate_limit_exceeded", retryAfter: /^8[234]\d{3}$/ },
      {
        account: included,
        body: { ...ONE_CREDIT, max_output_tokens: 1 },
        code: "insufficient_quota",
        retryAfter: /^14[34]\d{2}$/,
      },
    ];
    for (const { account, body, route = "/v1/responses", code, retryAfter } of cases) {
      await repeatedly(STORM, () => ask(account, body, { route }));
      const answers: Response[] = [];
      const turns = await turnsDuring(account, async () => {
        answers.push(...(await atOnce(30, () => ask(account, body, { route }))));
      });
      expect([code, turns]).toEqual([code, 0]);
      for (const answer of answers) {
        expect(answer.status).toBe(429);
        expect((await answer.json<ErrorBody>()).error.code).toBe(code);
        const told = answer.headers.get("retry-after");
        if (retryAfter === null) expect(told).toBeNull();
        else expect(told).toMatch(retryAfter);
      }
    }
  });
});

describe("credits that are added", () => {
  test("let the next request in at once, where the account was calm", async () => {
    const account = await poorAccount();
    stopClock();
    for (const { status } of await repeatedly(STORM - 1, () => ask(account, ONE_CREDIT))) expect(status).toBe(429);
    await grant(account, "5");
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  test("let the next request in a second later, where a storm goes on", async () => {
    const account = await poorAccount();
    const clock = stopClock();
    await repeatedly(STORM + 5, () => ask(account, ONE_CREDIT));
    await grant(account, "5");
    clock.wait(SECOND - 1);
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    clock.wait(1);
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });
});

describe("beside a storm, the object decides", () => {
  test.each<[string, object, Record<string, string>]>([
    ["a smaller request, which is let in", { max_output_tokens: 5 }, {}],
    ["one with an Idempotency-Key", {}, { "idempotency-key": "beside-a-storm" }],
    ["one that goes on from an earlier response", { previous_response_id: "resp_none" }, {}],
    ["one for another model", { model: "free-1" }, {}],
  ])("%s", async (_, part, headers) => {
    const account = await poorAccount();
    stopClock();
    await repeatedly(STORM, () => ask(account, ONE_CREDIT));
    expect(await turnsDuring(account, () => ask(account, ONE_CREDIT))).toBe(0);
    expect(await turnsDuring(account, () => ask(account, { ...ONE_CREDIT, ...part }, { headers }))).toBeGreaterThan(0);
  });

  test("one with another key of the account, and refuses one that was revoked", async () => {
    const account = await poorAccount();
    stopClock();
    await repeatedly(STORM + 1, () => ask(account, ONE_CREDIT));
    const { id, key } = await newKey(account.id);
    const other = { id: account.id, key };
    expect(await turnsDuring(account, () => ask(other, ONE_CREDIT))).toBeGreaterThan(0);
    await call(`/admin/accounts/${account.id}/keys/${id}`, { method: "DELETE", headers: bearer("test-admin-token") });
    expect((await ask(other, ONE_CREDIT)).status).toBe(401);
  });
});
