import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import type { UsageOutcome } from "../../src/core/event.ts";
import { expectedOutput, type Learned, learn } from "../../src/core/learning.ts";
import type { Plan } from "../../src/core/plan.ts";
import { release, settle } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  CODEX_RATE,
  commandOf,
  credits,
  demandOf,
  finish,
  grantOf,
  hold,
  planOf,
  reportOf,
  sha256,
  T0,
  usageOf,
} from "../support/core-fixtures.ts";

const LEARNED = planOf({ estimate: "learned" });
const CEILING = CODEX_RATE.maxOutputTokens;
const QUOTE = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: CODEX_RATE };
const OPEN = demandOf(0, { quote: QUOTE, bound: usageOf({ outputTokens: CEILING }), openOutput: true });

function learnt(...tokens: number[]): Learned {
  return tokens.reduce((learned: Learned, output) => learn(learned, "gpt-5.4", output), {});
}

describe("what is expected of the next request", () => {
  it("is nothing while too little is known", () => {
    expect(expectedOutput({}, "gpt-5.4")).toBeNull();
    expect(expectedOutput(learnt(...Array(7).fill(4_000)), "gpt-5.4")).toBeNull();
    expect(expectedOutput(learnt(...Array(8).fill(4_000)), "o3")).toBeNull();
  });

  it.each([
    ["half as much again as the highest", [...Array(7).fill(100), 4_000], 6_000],
    ["rounded up", [...Array(7).fill(100), 3_333], 5_000],
    ["never less than a short answer", Array(8).fill(10), 1_024],
    ["not raised by one long answer among many", [...Array(63).fill(4_000), 90_000], 6_000],
    ["raised by several", [...Array(60).fill(4_000), ...Array(4).fill(90_000)], 135_000],
    ["forgotten after 64 others", [...Array(4).fill(90_000), ...Array(64).fill(4_000)], 6_000],
  ])("is %s", (_, tokens, expected) => expect(expectedOutput(learnt(...tokens), "gpt-5.4")).toBe(expected));

  it("is remembered for the models in use, and never for more than a few", () => {
    let learned: Learned = {};
    for (let index = 0; index < 100; index += 1) {
      for (const model of ["always", `model-${index}`]) learned = learn(learned, model, 5_000);
    }
    expect(Object.keys(learned)).toHaveLength(16);
    expect(expectedOutput(learned, "always")).toBe(7_500);
    expect(Object.keys(learned)).toContain("model-99");
    expect(Object.keys(learned)).not.toContain("model-80");
  });
});

describe("a plan that estimates by what it has learnt", () => {
  function account(plan: Plan = LEARNED, output = 4_000): AccountState {
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    for (let index = 0; index < 8; index += 1) answer(state, `req_${index}`, output);
    return state;
  }

  function answer(
    state: AccountState,
    id: string,
    output: number,
    outcome: UsageOutcome = "completed",
    estimated = false,
  ) {
    const pending = hold(state, commandOf(id, 0, { demand: OPEN }));
    const report = reportOf(usageOf({ outputTokens: output }), outcome, estimated);
    return finish(state, settle(state, pending, report, T0, sha256)).settlement;
  }

  it("reserves the ceiling first, and then what the account usually needs", () => {
    expect(decide(accountWith({ plan: LEARNED }, [grantOf("paid", 1_000)]), OPEN, T0)).toMatchObject({
      reserved: credits(48),
    });
    expect(decide(account(), OPEN, T0)).toMatchObject({
      bound: { outputTokens: 6_000 },
      reserved: credits(2.25),
      clampedTo: null,
    });
  });

  it("never more than the ceiling", () => {
    expect(decide(account(LEARNED, CEILING), OPEN, T0)).toMatchObject({ bound: { outputTokens: CEILING } });
  });

  it.each([
    ["the client has set a bound itself", LEARNED, { openOutput: false }],
    ["another model is asked", LEARNED, { model: "o3" }],
    ["the plan reserves the ceiling", planOf(), {}],
  ])("reserves the worst case when %s", (_, plan, part) => {
    const state = account();
    state.row = { ...state.row, plan };
    expect(decide(state, { ...OPEN, ...part }, T0)).toMatchObject({ bound: { outputTokens: CEILING } });
  });

  it("an answer longer than expected is paid by what is there, and raises what is expected", () => {
    const state = account();
    expect(answer(state, "req_long", 20_000)).toMatchObject({ charge: credits(7.5), overshoot: 0 });
    expect(decide(state, OPEN, T0)).toMatchObject({ bound: { outputTokens: 30_000 } });
  });

  it("without overshoot, what is expected is sent upstream as the bound", () => {
    expect(decide(account({ ...LEARNED, overshoot: "clamp" }), OPEN, T0)).toMatchObject({ clampedTo: 6_000 });
  });

  it.each<[UsageOutcome, boolean, boolean]>([
    ["completed", false, true],
    ["incomplete", false, true],
    ["completed", true, false],
    ["cut", true, false],
    ["client_gone", false, false],
    ["failed", false, false],
  ])("an end %s (counted by the gateway: %s) is learnt from: %s", (outcome, estimated, learns) => {
    const state = account();
    answer(state, "req_9", 5_000, outcome, estimated);
    expect(state.row.learned["gpt-5.4"]).toHaveLength(learns ? 9 : 8);
  });

  it("nothing is learnt from a request that produced nothing", () => {
    const state = account();
    answer(state, "req_9", 0);
    finish(state, release(state, hold(state, commandOf("req_10", 0, { demand: OPEN })), "rejected", T0, sha256));
    expect(state.row.learned["gpt-5.4"]).toHaveLength(8);
  });

  it("a plan that does not need it remembers nothing", () => expect(account(planOf()).row.learned).toEqual({}));
});
