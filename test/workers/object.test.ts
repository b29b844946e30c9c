import {
  createExecutionContext,
  createScheduledController,
  evictDurableObject,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { Env } from "../../src/env.ts";
import { mintRequestId } from "../../src/http/request-id.ts";
import worker from "../../src/worker.ts";
import { credits, HOUR, MINUTE, reportOf, SECOND, worth } from "../support/core-fixtures.ts";
import {
  accountOf,
  ask,
  asOperator,
  bearer,
  call,
  endedReceipt,
  eventually,
  grant,
  newAccount,
  newKey,
  openGateway,
  operator,
  putPlan,
  requestIdOf,
  stubOf,
  type TestAccount,
} from "../support/gateway.ts";
import {
  alarmAt,
  breakStorage,
  hold,
  objects,
  outboxOf,
  replaceQueue,
  reserveRequest,
  runAlarm,
  sqlOf,
} from "../support/object.ts";
import { CREDITS_PLAN, includedPlan } from "../support/offer.ts";
import { readStream, StreamReader } from "../support/stream.ts";
import type { ErrorBody, ReconciliationBody } from "../support/wire.ts";

beforeAll(openGateway);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Costs exactly one credit. */
const ONE_CREDIT = { model: "flat-1", input: "x", max_output_tokens: 10 };

const evict = (account: { id: string }) => evictDurableObject(stubOf(account));

/** Moves the clock of everything, without waiting. */
function wait(ms: number): void {
  const now = Date.now();
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(now + ms);
}

/** It is an hour later from now on, and no time passes but what `wait` says: no alarm rings but when a test rings it. */
const stopClock = (): void => wait(HOUR);

/** Errors that a test causes on purpose are not shown. */
function quietly(): void {
  vi.spyOn(console, "error").mockReturnValue(undefined);
}

async function balance(account: TestAccount): Promise<string[]> {
  const { available, reserved, used } = (await accountOf(account)).credits;
  return [available, reserved, used].map((amount) => String(Number(amount)));
}

describe("memory is not the truth", () => {
  test("an object that is evicted between any two steps goes on as if nothing had happened", async () => {
    const account = await newAccount({ credits: "10" });
    await evict(account);
    const reservation = await hold(account, 4);
    await evict(account);
    expect(await balance(account)).toEqual(["6", "4", "0"]);
    const { requestId, attempt } = reservation;
    await evict(account);
    expect(await objects.checkpoint(account.id, { requestId, attempt, usage: worth(1), holdMs: MINUTE })).toBe(true);
    await evict(account);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)) });
    await evict(account);
    expect(await balance(account)).toEqual(["7", "0", "3"]);
    await runAlarm(account);
    await evict(account);
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    await evict(account);
    expect(await balance(account)).toEqual(["7", "0", "3"]);
    expect(await objects.head(account.id)).toMatchObject({ seq: 2, unconfirmed: [], pendingReservations: 0 });
  });

  // X11
  test("included use and gates survive an eviction in the middle of a request", async () => {
    const gates = [{ id: "rpm", unit: "requests", limit: 5, window: { kind: "sliding", period: "1m" } }];
    await putPlan("remembered", includedPlan("5", "9", { gates }));
    const account = await newAccount({ plan: "remembered" });
    const response = await ask(account, { ...ONE_CREDIT, stream: true }, { simulate: "output=10;pace=300" });
    const stream = new StreamReader(response);
    await stream.until("output_text.delta");
    const before = await accountOf(account);
    await evict(account);
    expect(await accountOf(account)).toEqual(before);
    expect(before.allowances[0]?.windows[0]).toMatchObject({ reserved: "1.000000", remaining: "4.000000" });
    await stream.rest();
    expect((await endedReceipt(account, requestIdOf(response))).charge?.amount).toBe("1.000000");
  });

  test("a step that was lost in a crash is repeated by its caller, and counts once", async () => {
    const account = await newAccount({ credits: "10" });
    const request = reserveRequest(account, mintRequestId(), 4);
    const crashed = runInDurableObject(stubOf(account), async (object, state) => {
      object.reserve(request);
      state.abort("crash before the write was durable");
    });
    await expect(crashed).rejects.toThrow();
    expect(await balance(account)).toEqual(["10", "0", "0"]);
    expect((await objects.reserve(account.id, request)).kind).toBe("reserved");
    expect(await balance(account)).toEqual(["6", "4", "0"]);
  });

  test("a step that was stored before a crash is found by its caller, and is not done twice", async () => {
    const account = await newAccount({ credits: "10" });
    const request = reserveRequest(account, mintRequestId(), 4);
    const crashed = runInDurableObject(stubOf(account), async (object, state) => {
      object.reserve(request);
      await state.storage.sync();
      state.abort("crash before the answer");
    });
    await expect(crashed).rejects.toThrow();
    expect(await objects.reserve(account.id, request)).toMatchObject({ kind: "reserved", reservation: { attempt: 1 } });
    expect(await balance(account)).toEqual(["6", "4", "0"]);
  });

  test.each([
    ["", false],
    [", also where it takes the place of an entry that the ledger has", true],
  ])("a write that fails undoes the whole command, and the next one works%s", async (_, takesPlace) => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 4);
    if (takesPlace) await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    const storage = await breakStorage(account);
    const settle = () => objects.settle(account.id, { requestId, attempt, report: reportOf(worth(4)) });
    await expect(settle()).rejects.toThrow(/storage is broken/);
    await storage.mend();
    expect(await objects.head(account.id)).toMatchObject({ seq: 1, balance: credits(10), pendingReservations: 1 });
    expect(await settle()).toMatchObject({ kind: "ended", settlement: { seq: 2 } });
    expect(await balance(account)).toEqual(["6", "0", "4"]);
  });
});

test("requests whose ids share their time and their last digits are held, charged and remembered each by itself", async () => {
  const account = await newAccount({ credits: "10" });
  const minted = mintRequestId();
  const ids = ["0", "1", "2"].map((digit) => `${minted.slice(0, 20)}${digit}${minted.slice(21)}`);
  for (const id of ids) await objects.reserve(account.id, reserveRequest(account, id, 3));
  await evict(account);
  expect(await balance(account)).toEqual(["1", "9", "0"]);
  for (const [n, requestId] of ids.entries()) {
    await objects.settle(account.id, { requestId, attempt: 1, report: reportOf(worth(n)) });
    await evict(account);
  }
  const known = await Promise.all(ids.map((id) => objects.receipt(account.id, id)));
  expect(known.map((receipt) => receipt?.kind === "request" && receipt.reservation.settlement?.charge)).toEqual(
    [0, 1, 2].map(credits),
  );
  expect(await balance(account)).toEqual(["7", "0", "3"]);
  expect(await objects.head(account.id)).toMatchObject({ pendingReservations: 0 });
});

describe("a request ends once", () => {
  // C9, C23
  test("repeated settlements and releases change nothing", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 4);
    const report = reportOf(worth(3));
    const all = Array.from({ length: 20 }, () => objects.settle(account.id, { requestId, attempt, report }));
    const replies = await Promise.all(all);
    expect(new Set(replies.map((reply) => JSON.stringify(reply))).size).toBe(1);
    const other = await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(4)) });
    expect(other).toEqual(replies[0]);
    expect(await objects.release(account.id, { requestId, attempt, outcome: "rejected" })).toEqual(replies[0]);
    expect(await balance(account)).toEqual(["7", "0", "3"]);
    expect((await objects.head(account.id))?.seq).toBe(2);
  });

  test("a settlement after a release charges nothing", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 4);
    await objects.release(account.id, { requestId, attempt, outcome: "upstream_error" });
    const late = await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)) });
    expect(late).toEqual({ kind: "released" });
    expect(await balance(account)).toEqual(["10", "0", "0"]);
  });

  test("a straggler of an earlier attempt is fenced off", async () => {
    const account = await newAccount({ credits: "10" });
    const request = reserveRequest(account, mintRequestId(), 4, { keyed: true });
    const { requestId } = request.command;
    await objects.reserve(account.id, request);
    await objects.release(account.id, { requestId, attempt: 1, outcome: "upstream_error" });
    expect(await objects.reserve(account.id, request)).toMatchObject({ reservation: { attempt: 2 } });
    const report = reportOf(worth(4));
    expect(await objects.settle(account.id, { requestId, attempt: 1, report })).toEqual({ kind: "fenced" });
    expect(await objects.release(account.id, { requestId, attempt: 1, outcome: "rejected" })).toEqual({
      kind: "fenced",
    });
    expect(await objects.checkpoint(account.id, { requestId, attempt: 1, usage: worth(4), holdMs: 1 })).toBe(false);
    expect(await balance(account)).toEqual(["6", "4", "0"]);
    await objects.settle(account.id, { requestId, attempt: 2, report: reportOf(worth(1)) });
    expect(await balance(account)).toEqual(["9", "0", "1"]);
  });

  test("a request that nobody reserved is not charged", async () => {
    const account = await newAccount({ credits: "10" });
    const command = { requestId: mintRequestId(), attempt: 1, report: reportOf(worth(3)) };
    expect(await objects.settle(account.id, command)).toEqual({ kind: "unknown" });
    expect(await balance(account)).toEqual(["10", "0", "0"]);
  });
});

describe("time", () => {
  // C7
  test("a request that is never heard of again expires by itself and costs nothing", async () => {
    const account = await newAccount({ credits: "10" });
    const reservation = await hold(account, 4, { holdMs: 10 * MINUTE });
    expect(await alarmAt(account)).toBeLessThanOrEqual(reservation.expiresAt);
    wait(10 * MINUTE + SECOND);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["10", "0", "0"]);
    expect(await objects.receipt(account.id, reservation.requestId)).toMatchObject({
      reservation: { state: "expired", settlement: { charge: 0, outcome: "expired" } },
    });
  });

  test("one that was seen to use something is charged its last checkpoint, and the difference when it reports late", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 6, { holdMs: MINUTE });
    const usage = (tokens: number) => ({ requestId, attempt, usage: worth(tokens), holdMs: MINUTE });
    await objects.checkpoint(account.id, usage(2));
    // A straggling checkpoint never lowers what was seen.
    await objects.checkpoint(account.id, usage(1));
    wait(2 * MINUTE);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["8", "0", "2"]);
    const settle = (tokens: number) =>
      objects.settle(account.id, { requestId, attempt, report: reportOf(worth(tokens)) });
    const first = await settle(5);
    expect(first).toMatchObject({ settlement: { outcome: "late", charge: credits(3) } });
    expect(await balance(account)).toEqual(["5", "0", "5"]);
    expect(await settle(6)).toEqual(first);
    expect(await balance(account)).toEqual(["5", "0", "5"]);
    expect(await objects.release(account.id, { requestId, attempt, outcome: "rejected" })).toEqual(first);
  });

  test("a late report that says less gives nothing back and takes nothing", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 6, { holdMs: MINUTE });
    await objects.checkpoint(account.id, { requestId, attempt, usage: worth(4), holdMs: MINUTE });
    wait(2 * MINUTE);
    await runAlarm(account);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(1)) });
    expect(await balance(account)).toEqual(["6", "0", "4"]);
  });

  test("after three days it is too late to charge anything", async () => {
    const account = await newAccount({ credits: "10" });
    const { requestId, attempt } = await hold(account, 6, { holdMs: MINUTE });
    wait(2 * MINUTE);
    await runAlarm(account);
    wait(72 * HOUR + MINUTE);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(5)) });
    expect(await balance(account)).toEqual(["10", "0", "0"]);
  });

  // bad input no. 23
  test("an Idempotency-Key answers for a request that expired, and counts as new after eight days", async () => {
    const account = await newAccount({ credits: "10" });
    const headers = { "idempotency-key": "weekly" };
    expect((await ask(account, ONE_CREDIT, { headers })).status).toBe(200);
    wait(7 * 24 * HOUR);
    await runAlarm(account);
    expect((await ask(account, ONE_CREDIT, { headers })).headers.get("idempotent-replay")).toBe("omitted");
    wait(25 * HOUR);
    await runAlarm(account);
    const again = await ask(account, ONE_CREDIT, { headers });
    expect(again.headers.has("idempotent-replay")).toBe(false);
    expect(await balance(account)).toEqual(["8", "0", "2"]);

    const request = reserveRequest(account, mintRequestId(), 4, { keyed: true, holdMs: MINUTE });
    await objects.reserve(account.id, request);
    wait(2 * MINUTE);
    await runAlarm(account);
    const repeated = await objects.reserve(account.id, request);
    expect(repeated).toMatchObject({ kind: "ended", reservation: { state: "expired" } });
  });

  test("a checkpoint keeps a long stream alive", async () => {
    const account = await newAccount({ credits: "10" });
    stopClock();
    const { requestId, attempt } = await hold(account, 6, { holdMs: MINUTE });
    wait(50 * SECOND);
    await objects.checkpoint(account.id, { requestId, attempt, usage: worth(1), holdMs: MINUTE });
    wait(20 * SECOND);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["4", "6", "0"]);
  });

  test("what is left of a grant lapses with it; what a running request holds of it stays good", async () => {
    const account = await newAccount();
    const expires_at = new Date(Date.now() + HOUR).toISOString();
    const body = { amount: "10", kind: "promotional", reason: "trial", expires_at };
    await asOperator("POST", `/admin/accounts/${account.id}/grants`, body, { "idempotency-key": "trial" });
    const { requestId, attempt } = await hold(account, 4, { holdMs: 3 * HOUR });
    wait(HOUR + MINUTE);
    expect(await balance(account)).toEqual(["0", "4", "0"]);
    await runAlarm(account);
    expect(await objects.head(account.id)).toMatchObject({ balance: credits(4) });
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(3)) });
    await runAlarm(account);
    expect(await objects.head(account.id)).toMatchObject({ balance: 0, grants: [] });
    expect(await balance(account)).toEqual(["0", "0", "3"]);
  });
});

describe("the alarm", () => {
  test("survives a queue that refuses, comes again, and loses nothing", async () => {
    quietly();
    const account = await newAccount();
    let sent = 0;
    await replaceQueue(account, async () => {
      throw new Error("the queue is down");
    });
    stopClock();
    await grant(account, "10");
    for (let time = 0; time < 3; time += 1) {
      expect(await runAlarm(account)).toBe(true);
      expect(await alarmAt(account)).not.toBeNull();
      wait(MINUTE);
    }
    expect(await outboxOf(account)).toHaveLength(1);
    await replaceQueue(account, async (count) => {
      sent += count;
    });
    wait(15 * MINUTE);
    await runAlarm(account);
    expect(sent).toBe(1);
  });

  test("an alarm that is already due while the queue is down still ends what has expired", async () => {
    quietly();
    const account = await newAccount({ credits: "10" });
    await hold(account, 4, { holdMs: MINUTE });
    await replaceQueue(account, async () => {
      throw new Error("the queue is down");
    });
    wait(2 * MINUTE);
    await runAlarm(account);
    expect(await balance(account)).toEqual(["10", "0", "0"]);
  });

  test("that fails inside does not throw, so that the platform never drops it", async () => {
    quietly();
    stopClock();
    const account = await newAccount({ credits: "10" });
    // There is something to ring for, also once the ledger has confirmed the grant.
    await hold(account, 4, { holdMs: HOUR });
    await sqlOf(account, "ALTER TABLE outbox RENAME TO elsewhere");
    await expect(runAlarm(account)).resolves.toBe(true);
    await sqlOf(account, "ALTER TABLE elsewhere RENAME TO outbox");
    await stubOf(account).wake();
    expect(await alarmAt(account)).not.toBeNull();
  });

  test("that was lost is set again by the sweeper", async () => {
    const account = await newAccount({ credits: "10" });
    const { expiresAt } = await hold(account, 4, { holdMs: HOUR });
    await runInDurableObject(stubOf(account), (_, { storage }) => storage.deleteAlarm());
    await evict(account);
    expect(await alarmAt(account)).toBeNull();
    const context = createExecutionContext();
    await worker.scheduled(createScheduledController({ cron: "* * * * *" }), env as Env, context);
    await waitOnExecutionContext(context);
    expect(await alarmAt(account)).toBeLessThanOrEqual(expiresAt);
  });

  test("that was lost while the object stayed in memory is set again by the next command", async () => {
    const account = await newAccount({ credits: "10" });
    await runInDurableObject(stubOf(account), (_, { storage }) => storage.deleteAlarm());
    wait(7 * MINUTE);
    await hold(account, 4);
    expect(await alarmAt(account)).not.toBeNull();
  });
});

describe("a denial", () => {
  test("writes nothing, two hundred times over; one alarm will fold them all", async () => {
    const account = await newAccount({ credits: "0.5" });
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    stopClock();
    const before = await objects.work(account.id);
    const denied = () => objects.reserve(account.id, reserveRequest(account, mintRequestId(), 1));
    const replies = await Promise.all(Array.from({ length: 200 }, denied));
    expect(new Set(replies.map(({ kind }) => kind))).toEqual(new Set(["denied"]));
    const after = await objects.work(account.id);
    expect(after.rowsWritten).toBe(before.rowsWritten);
    expect(after.alarmsSet).toBeLessThanOrEqual(before.alarmsSet + 1);

    await runAlarm(account);
    const [fold, ...others] = (await outboxOf(account)).filter(({ usage }) => usage?.outcome === "denied");
    expect(fold?.usage?.decision.denial).toMatchObject({ reason: "credits_exhausted", count: 200 });
    expect(others).toEqual([]);
  });

  test("of a wrong key writes nothing either", async () => {
    const account = await newAccount({ credits: "5" });
    const { id, key } = await newKey(account.id);
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${id}`);
    await eventually(async () => expect(await outboxOf(account)).toEqual([]));
    const before = await objects.work(account.id);
    expect((await ask({ id: account.id, key }, ONE_CREDIT)).status).toBe(401);
    expect((await objects.work(account.id)).rowsWritten).toBe(before.rowsWritten);
  });
});

describe("keys", () => {
  // X21
  test("a revoked key is refused on its next request; the account's other key goes on", async () => {
    const account = await newAccount({ credits: "5" });
    const { id, key } = await newKey(account.id);
    const revoked = { id: account.id, key };
    expect((await ask(revoked, ONE_CREDIT)).status).toBe(200);
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${id}`);
    const refused = await ask(revoked, ONE_CREDIT);
    expect(refused.status).toBe(401);
    expect((await refused.json<ErrorBody>()).error.code).toBe("invalid_api_key");
    for (const path of [
      "/v1/models",
      "/api/account",
      "/api/ledger",
      "/api/requests",
      "/api/usage",
      "/api/ledger.csv",
    ]) {
      expect([path, (await call(path, { headers: bearer(key) })).status]).toEqual([path, 401]);
    }
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  test("a key that is revoked during its request does not stop the request", async () => {
    const account = await newAccount({ credits: "5" });
    const { id, key } = await newKey(account.id);
    const response = await ask(
      { id: account.id, key },
      { ...ONE_CREDIT, stream: true },
      { simulate: "output=5;pace=30" },
    );
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${id}`);
    expect((await readStream(response)).broken).toBe(false);
    expect((await endedReceipt(account, requestIdOf(response))).charge?.amount).toBe("0.500000");
  });

  test("a key stops at its expiry", async () => {
    const account = await newAccount({ credits: "5" });
    const { key } = await newKey(account.id, { expires_at: new Date(Date.now() + MINUTE).toISOString() });
    const limited = { id: account.id, key };
    expect((await ask(limited, ONE_CREDIT)).status).toBe(200);
    wait(MINUTE);
    expect((await ask(limited, ONE_CREDIT)).status).toBe(401);
  });

  test("missing, unknown, forged, revoked and expired keys are answered alike", async () => {
    const account = await newAccount();
    const { id, key } = await newKey(account.id);
    await asOperator("DELETE", `/admin/accounts/${account.id}/keys/${id}`);
    const forged = `${key.slice(0, -1)}${key.endsWith("0") ? "1" : "0"}`;
    const bodies = new Set<string>();
    for (const token of [key, forged, "sk-spill-nobody", "anything"]) {
      const response = await ask({ id: "", key: token }, ONE_CREDIT);
      expect(response.status).toBe(401);
      const { request_id: _, ...error } = (await response.json<ErrorBody>()).error;
      bodies.add(JSON.stringify(error));
    }
    expect(bodies.size).toBe(1);
  });
});

describe("what an operator changes", () => {
  test("a suspended account is refused everything that costs, sees its ledger, and comes back", async () => {
    const account = await newAccount({ credits: "5" });
    const running = await ask(account, { ...ONE_CREDIT, stream: true }, { simulate: "output=5;pace=30" });
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "suspended", reason: "test" });
    const refused = await ask(account, ONE_CREDIT);
    expect(refused.status).toBe(403);
    expect((await refused.json<ErrorBody>()).error).toMatchObject({
      type: "account_suspended",
      code: "account_suspended",
    });
    expect((await accountOf(account)).status).toBe("suspended");
    await readStream(running);
    expect((await endedReceipt(account, requestIdOf(running))).charge?.amount).toBe("0.500000");
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "active", reason: "test" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
  });

  test("a frozen account keeps its included use and may not spend what it has paid for", async () => {
    await putPlan("frozen", includedPlan("1", "5"));
    const account = await newAccount({ plan: "frozen", credits: "5" });
    await objects.freeze(account.id, "its ledger differs");
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    expect((await accountOf(account)).credits.used).toBe("0.000000");
  });

  test("a frozen account without included use is told that it is on hold", async () => {
    const account = await newAccount({ credits: "5" });
    await objects.freeze(account.id, "its ledger differs");
    const refused = await ask(account, ONE_CREDIT);
    expect(refused.status).toBe(403);
    expect((await refused.json<ErrorBody>()).error).toMatchObject({
      code: "account_suspended",
      spillway: { reason: "account_frozen", remedy: "contact_operator" },
    });
  });

  test("a frozen account that is suspended stays suspended when it is frozen again", async () => {
    const account = await newAccount();
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { status: "suspended", reason: "test" });
    await objects.freeze(account.id, "its ledger differs");
    expect((await accountOf(account)).status).toBe("suspended");
  });

  test("a new version of a plan reaches its accounts with their next request, and keeps what was used", async () => {
    await putPlan("growing", includedPlan("1", "50"));
    const account = await newAccount({ plan: "growing" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    await putPlan("growing", includedPlan("2.5", "50"));
    expect((await ask(account, ONE_CREDIT)).status).toBe(200);
    const { plan, allowances } = await accountOf(account);
    expect(plan.version).toBe(2);
    expect(allowances[0]?.windows[0]).toMatchObject({ limit: "2.500000", used: "2.000000", remaining: "0.500000" });
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
  });

  test("a smaller plan leaves nothing negative", async () => {
    await putPlan("shrinking", includedPlan("5", "50"));
    const account = await newAccount({ plan: "shrinking" });
    await Promise.all([ask(account, ONE_CREDIT), ask(account, ONE_CREDIT), ask(account, ONE_CREDIT)]);
    await putPlan("shrinking", includedPlan("2", "50"));
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    expect((await accountOf(account)).allowances[0]?.windows[0]).toMatchObject({
      used: "3.000000",
      remaining: "0.000000",
    });
  });

  test("a request under way is charged at the rate it was quoted, whatever the new card says", async () => {
    const account = await newAccount({ credits: "50" });
    const card = (output: string) => ({
      models: { "flat-1": { feature: "codex", per_million_tokens: { input: "0", output }, max_output_tokens: 50 } },
    });
    const listed = await asOperator<{ data: { models: object }[] }>("GET", "/admin/rate-cards?limit=1");
    const running = await ask(account, { ...ONE_CREDIT, stream: true }, { simulate: "output=10;pace=300" });
    await asOperator("PUT", "/admin/rate-cards/default", card("50000"));
    await readStream(running);
    expect((await endedReceipt(account, requestIdOf(running))).charge?.amount).toBe("1.000000");
    const next = await ask(account, ONE_CREDIT);
    expect((await endedReceipt(account, requestIdOf(next))).charge?.amount).toBe("0.500000");
    await asOperator("PUT", "/admin/rate-cards/default", { models: listed.data[0]?.models });
  });

  test("an account can be moved to another plan, and not to one that does not exist", async () => {
    await putPlan("other", { ...CREDITS_PLAN, name: "Other" });
    const account = await newAccount({ credits: "5" });
    await asOperator("PATCH", `/admin/accounts/${account.id}`, { plan: "other" });
    expect((await accountOf(account)).plan.id).toBe("other");
    expect((await operator("PATCH", `/admin/accounts/${account.id}`, { plan: "none" })).status).toBe(400);
    expect((await accountOf(account)).plan.id).toBe("other");
  });
});

describe("what an operator gives back or takes away", () => {
  function refund(account: TestAccount, body: object, key: string): Promise<Response> {
    const headers = { "idempotency-key": key };
    return operator("POST", `/admin/accounts/${account.id}/refunds`, { reason: "test", ...body }, headers);
  }

  // C23, bad input no. 40
  test("a refund goes back to the grant that paid, once for each key, and never beyond the charge", async () => {
    const account = await newAccount({ credits: "5" });
    const request_id = requestIdOf(await ask(account, ONE_CREDIT));
    await ask(account, ONE_CREDIT);
    expect((await refund(account, { request_id, amount: "1.000001" }, "a")).status).toBe(422);
    expect((await refund(account, { request_id, amount: "0.4" }, "b")).status).toBe(201);
    expect((await refund(account, { request_id, amount: "0.4" }, "b")).status).toBe(201);
    expect((await refund(account, { request_id, amount: "0.5" }, "b")).status).toBe(422);
    expect(await balance(account)).toEqual(["3.4", "0", "1.6"]);
    expect((await refund(account, { request_id, amount: "0.7" }, "c")).status).toBe(422);
    expect((await refund(account, { request_id }, "d")).status).toBe(201);
    expect((await refund(account, { request_id }, "e")).status).toBe(422);
    expect(await balance(account)).toEqual(["4", "0", "1"]);
    expect((await refund(account, { request_id: mintRequestId() }, "f")).status).toBe(404);
    const { differences } = await asOperator<ReconciliationBody>("POST", "/admin/reconciliations", {
      account: account.id,
    });
    expect(differences).toEqual([]);
  });

  test("the key of a refund does not refund another request", async () => {
    const account = await newAccount({ credits: "5" });
    const request_id = requestIdOf(await ask(account, ONE_CREDIT));
    const other = requestIdOf(await ask(account, ONE_CREDIT));
    expect((await refund(account, { request_id, amount: "0.4" }, "g")).status).toBe(201);
    expect((await refund(account, { request_id: other, amount: "0.4" }, "g")).status).toBe(422);
    expect(await balance(account)).toEqual(["3.4", "0", "1.6"]);
  });

  test("twenty refunds at once give back no more than was charged", async () => {
    const account = await newAccount({ credits: "5" });
    const request_id = requestIdOf(await ask(account, ONE_CREDIT));
    const refunds = Array.from({ length: 20 }, (_, index) =>
      refund(account, { request_id, amount: "0.3" }, `r${index}`),
    );
    const statuses = (await Promise.all(refunds)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(3);
    expect(await balance(account)).toEqual(["4.9", "0", "0.1"]);
  });

  test("a request of another account is not refunded", async () => {
    const [one, two] = [await newAccount({ credits: "5" }), await newAccount({ credits: "5" })];
    const request_id = requestIdOf(await ask(two, ONE_CREDIT));
    expect((await refund(one, { request_id }, "x")).status).toBe(404);
  });

  test("a voided grant pays nothing more; what a running request holds of it stays good", async () => {
    const account = await newAccount();
    const path = `/admin/accounts/${account.id}/grants`;
    const terms = { amount: "5", kind: "paid", reason: "test" };
    const { id } = await asOperator<{ id: string }>("POST", path, terms, { "idempotency-key": "void-me" });
    const { requestId, attempt } = await hold(account, 2);
    for (let time = 0; time < 2; time += 1) await asOperator("DELETE", `${path}/${id}`);
    expect(await balance(account)).toEqual(["0", "2", "0"]);
    expect((await ask(account, ONE_CREDIT)).status).toBe(429);
    await objects.settle(account.id, { requestId, attempt, report: reportOf(worth(1)) });
    expect(await balance(account)).toEqual(["0", "0", "1"]);
    await runAlarm(account);
    expect(await objects.head(account.id)).toMatchObject({ balance: 0 });
    expect((await operator("DELETE", `${path}/grt_none`)).status).toBe(404);
  });
});
