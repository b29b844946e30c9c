import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import { keepMeters } from "../../src/core/account.ts";
import { viewLimits } from "../../src/core/account-view.ts";
import type { Gate } from "../../src/core/plan.ts";
import { release, settle } from "../../src/core/settlement.ts";
import { type Decision, decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  anchored,
  calendar,
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
  PLAIN_RATE,
  planOf,
  reportOf,
  requestGate,
  SECOND,
  sha256,
  sliding,
  T0,
  usageOf,
} from "../support/core-fixtures.ts";

function accountOf(...gates: Gate[]): AccountState {
  return accountWith({ plan: planOf({ gates }) }, [grantOf("paid", 10_000)]);
}

function ask(state: AccountState, amount: number, part = {}, now = T0): Decision {
  return decide(state, demandOf(amount, part), now);
}

function take(state: AccountState, id: string, amount: number, part = {}, now = T0) {
  return hold(state, commandOf(id, amount, { demand: demandOf(amount, part) }), now);
}

const OTHER = { keyId: "key_2" };

describe("a gate per key", () => {
  it("lets every key have the limit for itself", () => {
    const state = accountOf({ ...requestGate("rpm", 2), per: "key" });
    take(state, "req_1", 1);
    take(state, "req_2", 1);
    expect(ask(state, 1)).toMatchObject({ reason: "gate", limit: "rpm" });
    expect(ask(state, 1, OTHER)).toMatchObject({ outcome: "allowed" });
    charge(state, take(state, "req_3", 1, OTHER), 1);
    expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ per: "key", remaining: 0 });
    expect(viewLimits(state, "key_2", T0).gates[0]).toMatchObject({ per: "key", remaining: 1 });
    expect(viewLimits(state, "key_3", T0).gates[0]).toMatchObject({ remaining: 2, resetsAt: null });
  });

  it("counts the requests in flight of each key", () => {
    const state = accountOf(concurrencyGate("in-flight", 1, { per: "key" }));
    const first = take(state, "req_1", 1);
    expect(ask(state, 1)).toMatchObject({ reason: "gate", limit: "in-flight", resetsAt: T0 + SECOND });
    expect(ask(state, 1, OTHER)).toMatchObject({ outcome: "allowed" });
    finish(state, release(state, first, "rejected", T0, sha256));
    expect(ask(state, 1)).toMatchObject({ outcome: "allowed" });
  });

  it("is asked beside the gate of the whole account", () => {
    const state = accountOf({ ...requestGate("mine", 2), per: "key" }, requestGate("ours", 3));
    for (const [id, part] of [
      ["req_1", {}],
      ["req_2", OTHER],
      ["req_3", OTHER],
    ] as const)
      take(state, id, 1, part);
    expect(ask(state, 1)).toMatchObject({ limit: "ours" });
    expect(ask(state, 1, OTHER)).toMatchObject({ limit: "mine" });
  });

  it("names the instant from which this key is let in", () => {
    const state = accountOf({ ...requestGate("rph", 1, anchored(HOUR, 1)), per: "key" });
    take(state, "req_1", 1, OTHER, T0 - HOUR / 2);
    take(state, "req_2", 1);
    expect(ask(state, 1)).toMatchObject({ resetsAt: T0 + HOUR });
    expect(ask(state, 1, OTHER)).toMatchObject({ resetsAt: T0 + HOUR / 2 });
  });

  it.each([anchored(HOUR, 2), sliding(HOUR, 2), calendar("day", "Europe/Berlin", 2)])(
    "keeps what each key has used when the plan has a new version: $kind",
    (window) => {
      const gate: Gate = { ...requestGate("rpm", 2, window), per: "key" };
      const state = accountOf(gate);
      charge(state, take(state, "req_1", 1), 1);
      charge(state, take(state, "req_2", 1, OTHER), 1);
      const meters = keepMeters(state.row.meters, planOf({ version: 2, gates: [gate] }));
      expect(meters).toEqual(state.row.meters);
      expect(Object.keys(meters)).toHaveLength(2);
      expect(keepMeters(state.row.meters, planOf())).toEqual({});
    },
  );
});

describe("a gate by credits", () => {
  it("on each request by itself refuses what is too expensive, whatever was used before", () => {
    const state = accountOf(gateOf("dear", "credits", credits(5), { window: null }));
    charge(state, take(state, "req_1", 5), 5);
    expect(ask(state, 5)).toMatchObject({ outcome: "allowed", gates: [] });
    expect(ask(state, 6)).toMatchObject({ reason: "gate", limit: "dear", resetsAt: null });
    expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ remaining: credits(5), resetsAt: null });
  });

  it("over an hour holds the worst case and counts the charge", () => {
    const state = accountOf(gateOf("budget", "credits", credits(10), { window: anchored(HOUR, credits(10)) }));
    const first = take(state, "req_1", 8);
    expect(ask(state, 3)).toMatchObject({ reason: "gate", limit: "budget", resetsAt: T0 + HOUR });
    charge(state, first, 2);
    expect(ask(state, 8)).toMatchObject({ outcome: "allowed" });
    expect(ask(state, 9)).toMatchObject({ reason: "gate" });
    expect(ask(state, 9, {}, T0 + HOUR)).toMatchObject({ outcome: "allowed" });
  });

  it("a request without a charge does not count", () => {
    const state = accountOf(gateOf("budget", "credits", credits(10), { window: anchored(HOUR, credits(10)) }));
    finish(state, release(state, take(state, "req_1", 8), "upstream_error", T0, sha256));
    expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ remaining: credits(10), resetsAt: null });
  });
});

describe("a gate by tokens", () => {
  const quote = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: PLAIN_RATE };
  const bound = usageOf({ inputTokens: 70, outputTokens: 30 });

  it.each([
    ["tokens", 100],
    ["input_tokens", 70],
    ["output_tokens", 30],
  ] as const)("%s counts what it says", (unit, counts) => {
    const asked = { quote, bound };
    expect(ask(accountOf(gateOf("g", unit, counts)), 0, asked)).toMatchObject({
      outcome: "allowed",
      gates: [{ unit, amount: counts }],
      considered: [{ source: "g", unit, available: counts, taken: counts }, {}],
    });
    expect(ask(accountOf(gateOf("g", unit, counts - 1)), 0, asked)).toMatchObject({ reason: "gate", limit: "g" });
  });

  it.each([
    ["tokens", 50],
    ["input_tokens", 60],
    ["output_tokens", 90],
  ] as const)("%s are counted as used in the end", (unit, remaining) => {
    const state = accountOf(gateOf("g", unit, 100, { window: anchored(DAY, 100) }));
    const pending = take(state, "req_1", 0, { quote, bound });
    const used = usageOf({ inputTokens: 40, outputTokens: 10 });
    finish(state, settle(state, pending, reportOf(used), T0, sha256));
    expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ remaining, resetsAt: T0 + DAY });
  });

  it("that uses more than reserved goes over its limit once, and opens at its reset", () => {
    const state = accountOf(gateOf("g", "tokens", 100, { window: anchored(DAY, 100) }));
    charge(state, take(state, "req_1", 100), 300);
    expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ remaining: 0 });
    expect(ask(state, 1)).toMatchObject({ reason: "gate", resetsAt: T0 + DAY });
    expect(ask(state, 1, {}, T0 + DAY)).toMatchObject({ outcome: "allowed" });
  });
});

describe("a gate by model", () => {
  it("is asked for its models only", () => {
    const state = accountOf({ ...requestGate("large", 1), models: ["gpt-5.4", "o*"] });
    take(state, "req_1", 1, { model: "o3" });
    expect(ask(state, 1, { model: "gpt-5.4" })).toMatchObject({ reason: "gate", limit: "large" });
    expect(ask(state, 1, { model: "gpt-5.4-mini" })).toMatchObject({ outcome: "allowed", gates: [] });
  });

  it("counts in flight only what it is about", () => {
    const state = accountOf(concurrencyGate("large", 1, { models: ["gpt-5.4"] }));
    take(state, "req_1", 1, { model: "o3" });
    expect(ask(state, 1)).toMatchObject({ outcome: "allowed" });
    take(state, "req_2", 1);
    expect(ask(state, 1)).toMatchObject({ reason: "gate", limit: "large" });
    expect(ask(state, 1, { model: "o3" })).toMatchObject({ outcome: "allowed" });
  });
});

it("what one gate let through is not counted when the next one refuses", () => {
  const state = accountOf({ ...requestGate("first", 5), per: "key" }, requestGate("second", 0));
  expect(ask(state, 1)).toMatchObject({ reason: "gate", limit: "second" });
  expect(viewLimits(state, "key_1", T0).gates[0]).toMatchObject({ remaining: 5 });
});
