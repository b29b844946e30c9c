import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import { deniedLike, isLasting } from "../../src/core/lasting-denial.ts";
import type { Usage } from "../../src/core/usage.ts";
import { type Demand, type Denial, decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  CODEX_RATE,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  demandOf,
  gateOf,
  grantOf,
  HOUR,
  hold,
  planOf,
  requestGate,
  T0,
  usageOf,
  worth,
} from "../support/core-fixtures.ts";

function denialOf(state: AccountState, demand: Demand = demandOf(1)): Denial {
  const decision = decide(state, demand, T0);
  if (decision.outcome !== "denied") throw new Error("it was let in");
  return decision;
}

describe("a denial lasts", () => {
  const ten = anchored(5 * HOUR, credits(10));

  it.each<[string, () => AccountState]>([
    ["of an empty account", () => accountWith()],
    ["of a suspended account", () => accountWith({ status: "suspended" })],
    ["of an account on hold", () => accountWith({ status: "frozen" }, [grantOf("paid", 5)])],
    ["of a feature that the plan does not have", () => accountWith({ plan: planOf({ features: {} }) })],
    [
      "of a model that the plan does not have",
      () => accountWith({ plan: planOf({ features: { codex: { models: [] } } }) }),
    ],
    ["of a gate that counts requests", () => accountWith({ plan: planOf({ gates: [requestGate("rpm", 0)] }) })],
  ])("%s", (_, state) => {
    expect(isLasting(denialOf(state()))).toBe(true);
  });

  it("where the included use is used up", () => {
    const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", [ten])] }) });
    expect(isLasting(denialOf(state, demandOf(11)))).toBe(true);
  });

  it.each<[string, () => AccountState]>([
    ["credits that requests in flight hold", () => accountWith({}, [grantOf("paid", 5)])],
    [
      "slots that they hold",
      () => accountWith({ plan: planOf({ gates: [concurrencyGate("in-flight", 1)] }) }, [grantOf("paid", 9)]),
    ],
    [
      "tokens that they hold",
      () => accountWith({ plan: planOf({ gates: [gateOf("tpm", "tokens", 5)] }) }, [grantOf("paid", 9)]),
    ],
  ])("but not one that waits for %s", (_, state) => {
    const account = state();
    hold(account, commandOf("req_1", 5));
    expect(isLasting(denialOf(account))).toBe(false);
  });
});

describe("what answers for another request", () => {
  const denied = (bound: Partial<Usage>, part: Partial<Demand> = {}) =>
    demandOf(0, {
      quote: { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: CODEX_RATE },
      bound: usageOf(bound),
      ...part,
    });
  const denial = denialOf(accountWith(), demandOf(7));

  it("is the same denial for the same request", () => {
    expect(deniedLike(demandOf(7), demandOf(7), denial)).toEqual(denial);
  });

  it("does not tell a larger one what the smaller one lacked", () => {
    expect(deniedLike(demandOf(8), demandOf(7), denial)).toEqual({ ...denial, needed: 0, available: 0 });
  });

  const bound = { inputTokens: 1_000, cacheWriteTokens: 500, outputTokens: 100, seconds: 2, calls: { web_search: 2 } };
  it.each<[string, Demand]>([
    ["with less input", denied({ ...bound, inputTokens: 999 })],
    ["with less output", denied({ ...bound, outputTokens: 99 })],
    ["with less of its input written to a cache", denied({ ...bound, cacheWriteTokens: 499 })],
    ["with more of it read from a cache", denied({ ...bound, cachedInputTokens: 500 })],
    ["of fewer seconds", denied({ ...bound, seconds: 1 })],
    ["with fewer calls of tools", denied({ ...bound, calls: { web_search: 1, code_interpreter: 9 } })],
    ["of another tier", denied({ ...bound, serviceTier: "flex" })],
    ["of another size", denied({ ...bound, size: "720x1280" })],
    ["at the rates of a long context", denied({ ...bound, inputTokens: 300_000 })],
    ["whose output may be lowered", denied(bound, { openOutput: true })],
    ["for another model", denied(bound, { model: "gpt-5.4-mini" })],
    ["of another feature", denied(bound, { feature: "sora" })],
    ["by another key", denied(bound, { keyId: "key_2" })],
    ["at other prices", { ...denied(bound), quote: { ...denied(bound).quote, cardVersion: 2 } }],
  ])("is nothing for one %s", (_, wanted) => {
    expect(deniedLike(denied(bound), denied(bound), denial)).toEqual(denial);
    expect(deniedLike(wanted, denied(bound), denial)).toBeNull();
  });

  it("is nothing where two allowances share by tokens: a dearer request may round to fit", () => {
    const tokens = (id: string, limit: number) => allowanceOf(id, [anchored(DAY, limit)], null, { unit: "tokens" });
    const plan = planOf({ allowances: [tokens("daily", 1_000), tokens("extra", 2_000)] });
    const rate = { ...CODEX_RATE, perCall: { web_search: credits(0.125) } };
    const quote = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate };
    const searching = (calls: number) =>
      demandOf(0, { quote, bound: usageOf({ inputTokens: 3_000, calls: { web_search: calls } }) });
    const state = accountWith({ plan });
    expect(decide(state, searching(3), T0).outcome).toBe("allowed");
    expect(isLasting(denialOf(state, searching(2)))).toBe(false);
  });

  it("is nothing of a gate that counts tokens: of the larger request less output may be left", () => {
    const plan = planOf({ estimate: "clamp", gates: [gateOf("tpm", "output_tokens", 5)] });
    const quote = {
      ...demandOf(0).quote,
      rate: {
        ...CODEX_RATE,
        tokens: { input: credits(1_000_000), cachedInput: 0, cacheWrite: 0, output: credits(1_000_000) },
      },
    };
    const open = (inputTokens: number) =>
      demandOf(0, { quote, openOutput: true, bound: { ...worth(100), inputTokens } });
    const state = accountWith({ plan }, [grantOf("paid", 10)]);
    expect(decide(state, open(6), T0).outcome).toBe("allowed");
    expect(isLasting(denialOf(state, open(1)))).toBe(false);
  });
});
