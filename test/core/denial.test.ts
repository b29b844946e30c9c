import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import type { Gate } from "../../src/core/plan.ts";
import { release } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  requestGate,
  SECOND,
  sha256,
  sliding,
  T0,
  usageOf,
  VIDEO_RATE,
} from "../support/core-fixtures.ts";

const INCLUDED = planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])] });
const RICH = [grantOf("paid", 1_000)];

/** Uses up `amount` credits at `now`. */
function use(state: AccountState, id: string, amount: number, now = T0): void {
  charge(state, hold(state, commandOf(id, amount), now), amount, now);
}

describe("a refusal names its reason before any money is looked at", () => {
  it.each([
    ["a suspended account", accountWith({ status: "suspended" }, RICH), {}, "account_suspended", "acct_1"],
    ["a feature outside the plan", accountWith({}, RICH), { feature: "sora" }, "feature_not_entitled", "sora"],
    [
      "a feature named like a property",
      accountWith({}, RICH),
      { feature: "toString" },
      "feature_not_entitled",
      "toString",
    ],
    [
      "a model outside the plan",
      accountWith({ plan: planOf({ features: { codex: { models: ["o3"] } } }) }, RICH),
      {},
      "model_not_entitled",
      "gpt-5.4",
    ],
    // C19
    ["an unknown tool", accountWith({}, RICH), { bound: usageOf({ calls: { x: 1 } }) }, "unpriced", "tool x"],
    [
      "an unknown size",
      accountWith({}, RICH),
      {
        quote: { cardId: "default", cardVersion: 1, model: "sora-2", rate: VIDEO_RATE },
        bound: usageOf({ seconds: 4, size: "9x9" }),
      },
      "unpriced",
      "size 9x9",
    ],
  ])("%s", (_, state, part, reason, limit) => {
    expect(decide(state, demandOf(1, part), T0)).toMatchObject({ outcome: "denied", reason, limit, resetsAt: null });
  });

  it("suspension comes before entitlement, entitlement before price", () => {
    const demand = demandOf(1, { feature: "sora", bound: usageOf({ calls: { x: 1 } }) });
    expect(decide(accountWith({ status: "suspended" }), demand, T0)).toMatchObject({ reason: "account_suspended" });
    expect(decide(accountWith(), demand, T0)).toMatchObject({ reason: "feature_not_entitled" });
  });
});

describe("a gate is never bought off by credits", () => {
  it("a rate of requests refuses the next one, and names when it lets one through", () => {
    const state = accountWith({ plan: planOf({ gates: [requestGate("rpm", 2)] }) }, RICH);
    use(state, "req_1", 1);
    hold(state, commandOf("req_2", 1), T0 + 10 * SECOND);
    const denial = decide(state, demandOf(1), T0 + 20 * SECOND);
    expect(denial).toMatchObject({ reason: "gate", limit: "rpm", resetsAt: T0 + MINUTE + SECOND });
    expect(decide(state, demandOf(1), T0 + MINUTE + SECOND - 1)).toMatchObject({ reason: "gate" });
    expect(decide(state, demandOf(1), T0 + MINUTE + SECOND)).toMatchObject({ outcome: "allowed" });
  });

  it("a released request still counts as a request", () => {
    const state = accountWith({ plan: planOf({ gates: [requestGate("rpm", 1)] }) }, RICH);
    finish(state, release(state, hold(state, commandOf("req_1", 1)), "upstream_error", T0, sha256));
    expect(decide(state, demandOf(1), T0)).toMatchObject({ reason: "gate", limit: "rpm" });
  });

  it("tokens are held at the bound and counted as used", () => {
    const gate: Gate = { id: "tpm", features: null, unit: "tokens", limit: 100, window: sliding(MINUTE, 100) };
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    const reservation = hold(state, commandOf("req_1", 80));
    expect(decide(state, demandOf(21), T0)).toMatchObject({ reason: "gate", limit: "tpm" });
    charge(state, reservation, 30);
    expect(decide(state, demandOf(70), T0)).toMatchObject({ outcome: "allowed" });
    expect(decide(state, demandOf(71), T0)).toMatchObject({ reason: "gate" });
  });

  it("a request that is larger than the gate ever is has no reset", () => {
    const gate: Gate = { id: "tpm", features: null, unit: "tokens", limit: 100, window: sliding(MINUTE, 100) };
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    expect(decide(state, demandOf(101), T0)).toMatchObject({ reason: "gate", resetsAt: null });
  });

  // C6
  it("concurrency counts requests in flight and comes back when one ends", () => {
    const gate: Gate = { id: "in-flight", features: null, unit: "concurrency", limit: 2, window: null };
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    const first = hold(state, commandOf("req_1", 1));
    hold(state, commandOf("req_2", 1));
    expect(decide(state, demandOf(1), T0)).toMatchObject({ reason: "gate", limit: "in-flight", resetsAt: T0 + SECOND });
    finish(state, release(state, first, "rejected", T0, sha256));
    expect(decide(state, demandOf(1), T0)).toMatchObject({ outcome: "allowed", gates: [] });
  });

  it("a gate of another feature is not asked", () => {
    const gate: Gate = { ...requestGate("videos", 0), features: ["sora"] };
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    expect(decide(state, demandOf(1), T0)).toMatchObject({ outcome: "allowed", gates: [] });
  });
});

// C10: money that is only held is not money that is missing.
describe("a refusal tells whether waiting helps", () => {
  it("enough credit, but reserved by others: ask again shortly", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    hold(state, commandOf("req_1", 8));
    expect(decide(state, demandOf(5), T0)).toMatchObject({
      reason: "credits_reserved",
      resetsAt: T0 + 2 * SECOND,
      available: credits(2),
      needed: credits(5),
    });
  });

  it("more than everything together: waiting does not help", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    hold(state, commandOf("req_1", 8));
    expect(decide(state, demandOf(11), T0)).toMatchObject({ reason: "credits_exhausted", resetsAt: null });
  });

  it("an allowance in use by others counts as reserved too", () => {
    const state = accountWith({ plan: INCLUDED });
    hold(state, commandOf("req_1", 4));
    expect(decide(state, demandOf(5), T0)).toMatchObject({ reason: "credits_reserved", available: credits(1) });
  });

  it("credits that others hold on an expired grant do not come back", () => {
    const state = accountWith({}, [grantOf("promo", 10, { expiresAt: T0 + HOUR })]);
    hold(state, commandOf("req_1", 8));
    expect(decide(state, demandOf(5), T0 + HOUR)).toMatchObject({ reason: "credits_exhausted", available: 0 });
  });

  it("what others hold for another feature's grant does not count", () => {
    const plan = planOf({ features: { codex: { models: ["*"] }, chat: { models: ["*"] } } });
    const state = accountWith({ plan }, [grantOf("chat-only", 10, { features: ["chat"] })]);
    hold(state, commandOf("req_1", 8, { demand: demandOf(8, { feature: "chat" }) }));
    expect(decide(state, demandOf(5), T0)).toMatchObject({ reason: "credits_exhausted" });
  });

  it("nothing at all, and no reset in sight", () => {
    expect(decide(accountWith(), demandOf(1), T0)).toMatchObject({
      reason: "credits_exhausted",
      limit: null,
      resetsAt: null,
      available: 0,
      needed: credits(1),
    });
  });

  // C24: the reset instant that is shown is the one that is enforced.
  it("an allowance that is used up names the instant from which the same request is let in", () => {
    const state = accountWith({ plan: INCLUDED });
    use(state, "req_1", 5);
    const denial = decide(state, demandOf(2), T0 + HOUR);
    expect(denial).toMatchObject({ reason: "allowance_exhausted", limit: "included", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(2), T0 + 5 * HOUR - 1)).toMatchObject({ reason: "allowance_exhausted" });
    expect(decide(state, demandOf(2), T0 + 5 * HOUR)).toMatchObject({ outcome: "allowed" });
  });

  it("of two windows the later reset counts", () => {
    const windows = [anchored(5 * HOUR, credits(5)), anchored(7 * DAY, credits(5))];
    const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", windows)] }) });
    use(state, "req_1", 5);
    expect(decide(state, demandOf(2), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 7 * DAY });
  });

  it("of two allowances the earlier reset counts", () => {
    const week = allowanceOf("week", [anchored(7 * DAY, credits(5))]);
    const day = allowanceOf("day", [anchored(DAY, credits(5))]);
    const state = accountWith({ plan: planOf({ allowances: [week, day] }) });
    use(state, "req_1", 10);
    expect(decide(state, demandOf(2), T0)).toMatchObject({ limit: "day", resetsAt: T0 + DAY });
  });

  it("an allowance that could never pay the request promises no reset", () => {
    const state = accountWith({ plan: INCLUDED });
    use(state, "req_1", 5);
    expect(decide(state, demandOf(6), T0)).toMatchObject({ reason: "credits_exhausted", resetsAt: null });
  });

  it("credits that are left count towards the request that waits for a reset", () => {
    const state = accountWith({ plan: INCLUDED }, [grantOf("paid", 3)]);
    use(state, "req_1", 5);
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(8), T0 + 5 * HOUR)).toMatchObject({ outcome: "allowed" });
    expect(decide(state, demandOf(9), T0)).toMatchObject({ reason: "credits_exhausted" });
  });
});

describe("a frozen account keeps its included use and spends no credits", () => {
  const frozen = (): AccountState => accountWith({ status: "frozen", plan: INCLUDED }, RICH);

  it("included use goes on", () => expect(decide(frozen(), demandOf(5), T0)).toMatchObject({ outcome: "allowed" }));

  it.each([6, 1_000, 5_000])("a request for %d credits is refused", (amount) => {
    expect(decide(frozen(), demandOf(amount), T0)).toMatchObject({ reason: "account_frozen", available: credits(5) });
  });

  it("included use that others hold is worth waiting for", () => {
    const state = frozen();
    hold(state, commandOf("req_1", 4));
    expect(decide(state, demandOf(5), T0)).toMatchObject({ reason: "credits_reserved" });
    expect(decide(state, demandOf(6), T0)).toMatchObject({ reason: "account_frozen" });
  });
});
