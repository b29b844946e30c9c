import { describe, expect, it } from "vitest";
import { type AccountHistory, backtestAccount, type Trial } from "../../src/core/backtest.ts";
import type { Plan } from "../../src/core/plan.ts";
import type { Rate } from "../../src/core/rate-card.ts";
import { fullHistory, History } from "../ledger/history.ts";
import {
  allowanceOf,
  anchored,
  concurrencyGate,
  credits,
  DAY,
  entitlementOf,
  grantOf,
  HOUR,
  PLAIN_RATE,
  planOf,
  requestGate,
  sha256,
} from "../support/core-fixtures.ts";

/** A day's included use, then credits. */
function included(amount: number, part: Partial<Plan> = {}): Plan {
  return planOf({ allowances: [allowanceOf("included", [anchored(DAY, credits(amount))])], ...part });
}

function trial(plan: Plan | null, rate: Rate | null = PLAIN_RATE): Trial {
  return {
    planOf: () => plan,
    quoteOf: (model, { id, version }) => rate && { cardId: id, cardVersion: version, model, rate },
  };
}

function historyOf(history: History, opening: AccountHistory["opening"] = []): AccountHistory {
  return { accountId: history.id, opening, entries: history.entries };
}

function run(history: History, plan: Plan | null, rate: Rate | null = PLAIN_RATE) {
  return backtestAccount(historyOf(history), trial(plan, rate), sha256);
}

const dear: Rate = { ...PLAIN_RATE, tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(2_000_000) } };
const half: Rate = { ...PLAIN_RATE, tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(500_000) } };

/** Ten credits bought and four requests of three credits, five credits of them included. */
function usual(): History {
  const history = new History("acct_1", included(5)).give(grantOf("grt_a", 10));
  for (const id of ["req_1", "req_2", "req_3", "req_4"]) history.request(id, 4, 3);
  return history;
}

describe("stored usage run again", () => {
  it("under the same plan and prices costs what it cost, and the same sources pay", () => {
    const { before, after, requests, deniedAfter } = run(usual(), included(5));
    expect(before).toEqual({ charged: credits(12), allowances: credits(5), grants: credits(7), overshoot: 0 });
    expect(after).toEqual(before);
    expect([requests, deniedAfter]).toEqual([4, {}]);
  });

  it("under the same plan repeats a request that ran over what nobody covered", () => {
    const history = new History("acct_1", included(5)).give(grantOf("grt_a", 2)).request("req_1", 4, 9);
    const { before, after } = run(history, included(5));
    expect(before).toEqual({ charged: credits(9), allowances: credits(5), grants: credits(2), overshoot: credits(2) });
    expect(after).toEqual(before);
  });

  it("under the same plan repeats a history with everything in it", () => {
    const history = fullHistory();
    const { before, after, deniedBefore, deniedAfter } = run(history, history.state.row.plan);
    expect(after.charged).toBe(before.charged);
    // This history was granted its first entitlement (2 credits) late; an account gets it with its first request.
    expect(after.overshoot).toBe(before.overshoot - credits(2));
    expect([deniedBefore, deniedAfter]).toEqual([4, {}]);
  });

  it("shows what more included use is worth", () => {
    const { after } = run(usual(), included(10));
    expect(after).toEqual({ charged: credits(12), allowances: credits(10), grants: credits(2), overshoot: 0 });
  });

  it("shows whom other prices charge what", () => {
    const { before, after } = run(usual(), included(5), half);
    expect(before.charged).toBe(credits(12));
    expect(after).toEqual({ charged: credits(6), allowances: credits(5), grants: credits(1), overshoot: 0 });
  });

  it("tells which requests would have been refused, and charges nothing for them", () => {
    const nothing = run(usual(), planOf());
    expect(nothing.after).toMatchObject({ charged: credits(9), grants: credits(9) });
    expect(nothing.deniedAfter).toEqual({ credits_exhausted: 1 });
    const gated = run(usual(), included(5, { gates: [requestGate("rpm", 1, anchored(HOUR, 1))] }));
    expect(gated.after.charged).toBe(credits(3));
    expect(gated.deniedAfter).toEqual({ gate: 3 });
    expect(run(usual(), planOf({ features: {} })).deniedAfter).toEqual({ feature_not_entitled: 4 });
    expect(run(usual(), included(5), null).deniedAfter).toEqual({ unpriced: 4 });
    expect(run(usual(), null).deniedAfter).toEqual({ plan_unknown: 4 });
  });

  it("has requests in flight together that were", () => {
    const history = new History("acct_1", included(50));
    const first = history.hold("req_1", 3);
    history.now += 1_000;
    history.request("req_2", 3, 3).ends(first, 3);
    expect(run(history, included(50, { gates: [concurrencyGate("one", 1)] })).deniedAfter).toEqual({ gate: 1 });
    expect(run(history, included(50, { gates: [concurrencyGate("two", 2)] })).deniedAfter).toEqual({});
  });

  it("grants what the plan that is tried entitles to, and not again what the old one did", () => {
    const monthly = planOf({ entitlements: [entitlementOf("monthly", 4)] });
    const history = new History("acct_1", monthly).renew().give(grantOf("grt_a", 10));
    history.request("req_1", 4, 3).request("req_2", 4, 3);
    expect(run(history, monthly).after).toMatchObject({ charged: credits(6), grants: credits(6) });
    const without = run(history.request("req_3", 6, 6), planOf());
    expect(without.after.charged).toBe(credits(6));
    expect(without.deniedAfter).toEqual({ credits_exhausted: 1 });
  });

  it("takes back what was voided", () => {
    const history = new History("acct_1").give(grantOf("grt_a", 10)).voids("grt_a", "given by mistake");
    history.give(grantOf("grt_b", 4)).request("req_1", 4, 4);
    expect(run(history, planOf()).after.grants).toBe(credits(4));
    expect(run(history, planOf(), dear).deniedAfter).toEqual({ credits_exhausted: 1 });
  });

  it("gives what was given back by hand", () => {
    const history = new History("acct_1").give(grantOf("grt_a", 10)).request("req_1", 6, 6);
    history.refunds("req_1", 5, "poor answer").request("req_2", 9, 9);
    expect(run(history, planOf())).toMatchObject({ after: { grants: credits(15) }, deniedAfter: {} });
  });

  it("begins with what was left of the grants", () => {
    const history = new History("acct_1").give(grantOf("grt_a", 10)).request("req_1", 4, 4);
    const entries = history.entries.slice(1);
    const opening = (left: number) => [{ command: grantOf("grt_a", left), at: history.at(1).at, seq: 1 }];
    const result = (left: number) =>
      backtestAccount({ accountId: "acct_1", opening: opening(left), entries }, trial(planOf()), sha256);
    expect(result(4).after.grants).toBe(credits(4));
    expect(result(3).deniedAfter).toEqual({ credits_exhausted: 1 });
  });

  it("counts what came late and what was corrected as one request", () => {
    const history = new History("acct_1").give(grantOf("grt_a", 20)).late("req_1", 3, 5);
    const { requests, before, after } = run(history, planOf());
    expect(requests).toBe(1);
    expect(before.charged).toBe(credits(5));
    expect(after).toEqual(before);
  });

  it("does not run again what was not charged", () => {
    const history = new History("acct_1").give(grantOf("grt_a", 20)).refused("req_1", 3);
    expect(run(history, planOf())).toMatchObject({ requests: 0, after: { charged: 0 } });
  });
});
