import { describe, expect, it } from "vitest";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { price } from "../../src/core/rate-card.ts";
import { reserve } from "../../src/core/reserve.ts";
import { incoherence } from "../../src/core/usage.ts";
import { type Allowed, type Decision, decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  CODEX_RATE,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  grantOf,
  HOUR,
  hold,
  planOf,
  requestGate,
  sources,
  T0,
  usageOf,
} from "../support/core-fixtures.ts";

const INCLUDED = planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])] });

function allowed(decision: Decision): Allowed {
  if (decision.outcome !== "allowed") throw new Error(`denied: ${JSON.stringify(decision)}`);
  return decision;
}

/** Asks `count` times for `amount` credits, all in flight together; answers how many were let in. */
function admitted(state: AccountState, count: number, amount: number): number {
  let admissions = 0;
  for (let index = 0; index < count; index += 1) {
    const { answer, change } = reserve(state, null, commandOf(`req_${index}`, amount), T0);
    applyChange(state, change);
    if (answer.kind === "reserved") admissions += 1;
  }
  return admissions;
}

describe("included use pays first, then credits, within one request", () => {
  it("one request is paid by an allowance, a promotion and a purchase together", () => {
    const state = accountWith({ plan: INCLUDED }, [
      grantOf("paid", 10, { kind: "paid" }),
      grantOf("promo", 3, { kind: "promotional" }),
    ]);
    const decision = allowed(decide(state, demandOf(10), T0));
    expect(sources(decision.draws)).toEqual(["included=5", "promo=3", "paid=2"]);
    expect(decision.reserved).toBe(credits(10));
    expect(decision.considered.map(({ source, available, taken }) => [source, available, taken])).toEqual([
      ["included", credits(5), credits(5)],
      ["promo", credits(3), credits(3)],
      ["paid", credits(10), credits(2)],
    ]);
  });

  it("a request within the allowance leaves credits alone", () => {
    const state = accountWith({ plan: INCLUDED }, [grantOf("paid", 10)]);
    expect(sources(allowed(decide(state, demandOf(5), T0)).draws)).toEqual(["included=5"]);
  });

  it("of a thousand grants, it names those that gave and the first of the others", () => {
    const many = (each: number) => Array.from({ length: 1_000 }, (_, index) => grantOf(`g${index}`, each));
    const [rich, poor] = [accountWith({}, many(10)), accountWith({}, many(0.1))];
    expect(allowed(decide(rich, demandOf(15), T0)).considered.map(({ taken }) => taken / 1e6)).toEqual([
      ...[10, 5],
      ...Array(18).fill(0),
    ]);
    const { draws, considered } = allowed(decide(poor, demandOf(5), T0));
    expect(draws).toHaveLength(50);
    expect(considered.map(({ source, taken }) => [source, taken])).toEqual(draws.map((d) => [d.source, d.amount]));
  });

  it("a request that costs nothing needs no source", () => {
    const decision = allowed(decide(accountWith(), demandOf(0), T0));
    expect(decision).toMatchObject({ reserved: 0, draws: [] });
  });

  it("allowances and grants of other features pay nothing", () => {
    const plan = planOf({ allowances: [allowanceOf("video", [anchored(HOUR, credits(50))], ["sora"])] });
    const state = accountWith({ plan }, [grantOf("video-only", 50, { features: ["sora"] }), grantOf("any", 2)]);
    expect(sources(allowed(decide(state, demandOf(2), T0)).draws)).toEqual(["any=2"]);
    expect(decide(state, demandOf(3), T0)).toMatchObject({ reason: "credits_exhausted", available: credits(2) });
  });

  it.each([
    ["not yet effective", grantOf("g", 10, { effectiveAt: T0 + 1 })],
    ["expired this instant", grantOf("g", 10, { expiresAt: T0 })],
  ])("a grant that is %s pays nothing", (_, grant) => {
    expect(decide(accountWith({}, [grant]), demandOf(1), T0)).toMatchObject({ reason: "credits_exhausted" });
  });

  it("the decision looks only: asking changes nothing", () => {
    const state = accountWith({ plan: INCLUDED }, [grantOf("paid", 10)]);
    const before = structuredClone(state);
    decide(state, demandOf(10), T0);
    decide(state, demandOf(1_000), T0);
    expect(state).toEqual(before);
  });
});

// C1, C2: admission compares the worst case of this request with what is left beside all open reservations.
describe("a balance worth k requests admits exactly k of N", () => {
  it.each([
    [1, 20, 3, 1],
    [6, 20, 3, 6],
    [7, 20, 3, 6],
    [50, 20, 3, 6],
    [50, 20, 21, 0],
    [50, 20, 20, 1],
    [50, 20, 1, 20],
  ])("%d requests on %d credits at %d each: %d", (count, balance, amount, expected) => {
    const state = accountWith({}, [grantOf("paid", balance)]);
    expect(admitted(state, count, amount)).toBe(expected);
    expect(state.heldGrants.get("paid") ?? 0).toBe(credits(expected * amount));
  });

  it("however the balance is spread over sources", () => {
    const grants = [1, 2, 3, 4, 5].map((amount) => grantOf(`g${amount}`, amount));
    const state = accountWith({ plan: INCLUDED }, grants);
    expect(admitted(state, 50, 3)).toBe(6);
  });

  it("a positive balance below the worst case admits nobody", () => {
    const state = accountWith({}, [grantOf("paid", 2.999_999)]);
    expect(admitted(state, 50, 3)).toBe(0);
    expect(state.pending.size).toBe(0);
  });
});

// C4: what has no bound of its own is held at the ceiling, never unheld.
describe("every request is held at its worst case", () => {
  const bound = usageOf({ inputTokens: 1_000, outputTokens: CODEX_RATE.maxOutputTokens });
  const open = demandOf(0, {
    quote: { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: CODEX_RATE },
    bound,
    openOutput: true,
  });
  const ceiling = 48_062_500;

  it("an open request is held at the ceiling of its model", () => {
    expect(price(CODEX_RATE, bound)).toBe(ceiling);
    expect(decide(accountWith({}, [grantOf("paid", 100)]), open, T0)).toMatchObject({ reserved: ceiling });
    expect(decide(accountWith({}, [grantOf("paid", 48)]), open, T0)).toMatchObject({ reason: "credits_exhausted" });
  });

  it("a plan that clamps lowers an open request to what the sources can pay, and says so", () => {
    const state = accountWith({ plan: planOf({ estimate: "clamp" }) }, [grantOf("paid", 1)]);
    const decision = allowed(decide(state, open, T0));
    expect(decision.clampedTo).toBe(2_500);
    expect(decision.bound.outputTokens).toBe(2_500);
    expect(decision.reserved).toBe(credits(1));
  });

  it("a lowered bound lowers the reasoning within it too", () => {
    const state = accountWith({ plan: planOf({ estimate: "clamp" }) }, [grantOf("paid", 3)]);
    const asked = demandOf(10, { bound: usageOf({ outputTokens: 10, reasoningTokens: 10 }), openOutput: true });
    const decision = allowed(decide(state, asked, T0));
    expect(decision.bound).toMatchObject({ outputTokens: 3, reasoningTokens: 3 });
    expect(incoherence(decision.bound)).toBeNull();
  });

  it.each([
    ["the client has set the bound itself", planOf({ estimate: "clamp" }), { ...open, openOutput: false }, 1],
    ["the plan reserves the ceiling", planOf(), open, 1],
    ["not even one token can be paid", planOf({ estimate: "clamp" }), open, 0.062_874],
    ["nothing is left", planOf({ estimate: "clamp" }), open, 0],
  ])("nothing is lowered when %s", (_, plan, demand, amount) => {
    const state = accountWith({ plan }, amount > 0 ? [grantOf("paid", amount)] : []);
    expect(decide(state, demand, T0)).toMatchObject({ outcome: "denied", reason: "credits_exhausted" });
  });

  it("a plan without overshoot sends the bound upstream even when nothing had to be lowered", () => {
    const state = accountWith({ plan: planOf({ overshoot: "clamp" }) }, [grantOf("paid", 10)]);
    expect(decide(state, demandOf(3), T0)).toMatchObject({ clampedTo: 3, reserved: credits(3) });
    expect(decide(accountWith({}, [grantOf("paid", 10)]), demandOf(3), T0)).toMatchObject({ clampedTo: null });
  });
});

// C5: all windows and layers commit together or none.
describe("a draw is booked in all windows of its allowance or in none", () => {
  const twoWindows = planOf({
    allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(20)), anchored(7 * DAY, credits(30))])],
  });

  it("the smaller room decides", () => {
    const state = accountWith({ plan: twoWindows });
    charge(state, hold(state, commandOf("req_1", 20)), 20);
    expect(sources(allowed(decide(state, demandOf(10), T0 + 5 * HOUR)).draws)).toEqual(["included=10"]);
    expect(decide(state, demandOf(11), T0 + 5 * HOUR)).toMatchObject({ available: credits(10) });
  });

  it("each window counts the same use", () => {
    const state = accountWith({ plan: twoWindows });
    charge(state, hold(state, commandOf("req_1", 12)), 7);
    expect(Object.values(state.row.meters)).toEqual([new Map([[T0, credits(7)]]), new Map([[T0, credits(7)]])]);
  });

  it.each([
    ["the second window refuses", twoWindows, 31],
    ["a gate refuses", planOf({ ...twoWindows, gates: [requestGate("rpm", 0)] }), 1],
    ["the second gate refuses", planOf({ ...twoWindows, gates: [requestGate("a", 5), requestGate("b", 0)] }), 1],
  ])("nothing is booked anywhere when %s", (_, plan, amount) => {
    const state = accountWith({ plan });
    const { answer, change } = reserve(state, null, commandOf("req_1", amount), T0);
    expect(answer.kind).toBe("denied");
    expect(change).toEqual({ row: null, grants: [], reservations: [], entries: [] });
  });

  it("credits left over do not pay a part of a request that is refused", () => {
    const state = accountWith({ plan: INCLUDED }, [grantOf("paid", 1)]);
    expect(admitted(state, 10, 7)).toBe(0);
    expect(state.heldMeters.size + state.heldGrants.size).toBe(0);
  });
});
