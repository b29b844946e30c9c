import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import { viewLimits } from "../../src/core/account-view.ts";
import type { Gate, Plan } from "../../src/core/plan.ts";
import { release } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  demandOf,
  finish,
  gateOf,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  requestGate,
  SECOND,
  sha256,
  T0,
  usageOf,
  VIDEO_RATE,
} from "../support/core-fixtures.ts";

const includedOf = (amount: number): Plan =>
  planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(amount))])] });
const INCLUDED = includedOf(5);
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
    const gate = gateOf("tpm", "tokens", 100);
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    const reservation = hold(state, commandOf("req_1", 80));
    expect(decide(state, demandOf(21), T0)).toMatchObject({ reason: "gate", limit: "tpm" });
    charge(state, reservation, 30);
    expect(decide(state, demandOf(70), T0)).toMatchObject({ outcome: "allowed" });
    expect(decide(state, demandOf(71), T0)).toMatchObject({ reason: "gate" });
  });

  it("a request that ended without tokens opens no window of a gate for tokens", () => {
    const gate = gateOf("tpd", "tokens", 100, { window: anchored(DAY, 100) });
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    finish(state, release(state, hold(state, commandOf("req_1", 1)), "rejected", T0, sha256));
    expect(viewLimits(state, "key_1", T0).gates).toMatchObject([{ id: "tpd", remaining: 100, resetsAt: null }]);
  });

  it("the reset that a gate shows is one at which room comes back", () => {
    const gate = gateOf("tpm", "tokens", 100);
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    finish(state, release(state, hold(state, commandOf("req_1", 1)), "rejected", T0, sha256));
    use(state, "req_2", 100, T0 + 30 * SECOND);
    const resetsAt = viewLimits(state, "key_1", T0 + 31 * SECOND).gates[0]?.resetsAt ?? 0;
    expect(viewLimits(state, "key_1", resetsAt - 1).gates[0]?.remaining).toBe(0);
    expect(viewLimits(state, "key_1", resetsAt).gates[0]?.remaining).toBe(100);
  });

  it("a request that is larger than the gate ever is has no reset", () => {
    const gate = gateOf("tpm", "tokens", 100);
    const state = accountWith({ plan: planOf({ gates: [gate] }) }, RICH);
    expect(decide(state, demandOf(101), T0)).toMatchObject({ reason: "gate", resetsAt: null });
  });

  // C6
  it("concurrency counts requests in flight and comes back when one ends", () => {
    const gate = concurrencyGate("in-flight", 2);
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

  it("what others hold of an allowance that was lowered since does not come back", () => {
    const state = accountWith({ plan: includedOf(20) });
    use(state, "req_1", 4);
    hold(state, commandOf("req_2", 10));
    state.row = { ...state.row, plan: includedOf(5) };
    expect(decide(state, demandOf(4), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(1), T0)).toMatchObject({ reason: "credits_reserved" });
  });

  it("an allowance that was lowered below its use takes nothing from the credits that others hold", () => {
    const state = accountWith({ plan: includedOf(20) }, [grantOf("paid", 5)]);
    use(state, "req_1", 10);
    state.row = { ...state.row, plan: includedOf(5) };
    hold(state, commandOf("req_2", 5));
    expect(decide(state, demandOf(5), T0)).toMatchObject({ reason: "credits_reserved", available: 0 });
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

  it("once it is used up, its reset is named and not the freeze", () => {
    const state = accountWith({ status: "frozen", plan: INCLUDED }, RICH);
    use(state, "req_1", 5);
    expect(decide(state, demandOf(2), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(2), T0 + 5 * HOUR)).toMatchObject({ outcome: "allowed" });
    expect(decide(state, demandOf(6), T0)).toMatchObject({ reason: "account_frozen", resetsAt: null });
  });
});

describe("an open request whose worst case is larger than any window", () => {
  const clamping = { ...includedOf(5), estimate: "clamp" as const };

  it("is told when the window is back, since it would be let in then, with less output", () => {
    const state = accountWith({ plan: clamping }, []);
    use(state, "req_1", 5);
    const denial = decide(state, { ...demandOf(50), openOutput: true }, T0 + MINUTE);
    expect(denial).toMatchObject({
      outcome: "denied",
      reason: "allowance_exhausted",
      limit: "included",
      resetsAt: T0 + 5 * HOUR,
      available: 0,
    });
    const later = decide(state, { ...demandOf(50), openOutput: true }, T0 + 5 * HOUR);
    expect(later).toMatchObject({ outcome: "allowed", reserved: credits(5) });
  });

  it("is told to add credits where it set that bound itself", () => {
    const state = accountWith({ plan: clamping }, []);
    use(state, "req_1", 5);
    const denial = decide(state, { ...demandOf(50), openOutput: false }, T0 + MINUTE);
    expect(denial).toMatchObject({ reason: "credits_exhausted", needed: credits(50), available: 0, resetsAt: null });
  });
});
