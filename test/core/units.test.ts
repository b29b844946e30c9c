import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import { viewLimits } from "../../src/core/account-view.ts";
import { sum } from "../../src/core/amount.ts";
import type { Rate } from "../../src/core/rate-card.ts";
import { receiptOf } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { type Ended, expire, settle, settleLate } from "../../src/core/settlement.ts";
import type { AllowanceUnit } from "../../src/core/unit.ts";
import { coverBy } from "../../src/core/unit.ts";
import type { Usage } from "../../src/core/usage.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  commandOf,
  credits,
  DAY,
  demandOf,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  PLAIN_RATE,
  planOf,
  reportOf,
  sha256,
  sources,
  T0,
  usageOf,
  VIDEO_RATE,
} from "../support/core-fixtures.ts";

/** One credit for each output token, a tenth for each input token. */
const RATE: Rate = {
  ...PLAIN_RATE,
  tokens: { input: credits(100_000), cachedInput: 0, cacheWrite: credits(100_000), output: credits(1_000_000) },
};
const QUOTE = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: RATE };

function included(unit: AllowanceUnit, limit: number, id = "included") {
  return allowanceOf(id, [anchored(DAY, limit)], null, { unit });
}

function tokens(input: number, output: number): Usage {
  return usageOf({ inputTokens: input, outputTokens: output });
}

/** Reserves `bound` and settles for `used`. */
function run(state: AccountState, bound: Usage, used: Usage, id = "req_1"): Ended {
  return end(state, reserved(state, bound, id), used);
}

function reserved(state: AccountState, bound: Usage, id = "req_1"): Reservation {
  return hold(state, commandOf(id, 0, { demand: demandOf(0, { quote: QUOTE, bound }) }));
}

function end(state: AccountState, reservation: Reservation, used: Usage, estimated = false): Ended {
  return finish(state, settle(state, reservation, reportOf(used, "completed", estimated), T0, sha256));
}

/** What an allowance has counted. */
function counted(state: AccountState, id = "included"): number {
  const { allowances } = viewLimits(state, "key_1", T0);
  return allowances.find((allowance) => allowance.id === id)?.windows[0]?.used ?? -1;
}

function expectPaidInFull({ settlement }: Ended): void {
  expect(sum(settlement.posted.map(({ amount }) => amount)) + settlement.overshoot).toBe(settlement.charge);
}

describe("the covered share of the charge is the covered share of the units", () => {
  it.each<[AllowanceUnit, number, number, number, number, number, number]>([
    // unit, available, all, charge, left → units, amount
    ["tokens", 100, 100, 1_000, 1_000, 100, 1_000],
    ["tokens", 200, 100, 1_000, 1_000, 100, 1_000],
    ["tokens", 25, 100, 1_000, 1_000, 25, 250],
    ["tokens", 1, 3, 1_000, 1_000, 1, 333],
    ["tokens", 100, 100, 1_000, 400, 40, 400],
    ["tokens", 39, 100, 1_000, 400, 39, 390],
    ["tokens", 100, 3, 1_000, 400, 2, 400],
    ["tokens", 0, 100, 1_000, 1_000, 0, 0],
    ["tokens", 100, 0, 1_000, 1_000, 0, 0],
    ["tokens", 100, 100, 0, 0, 0, 0],
    ["seconds", 2, 8, 1_000, 1_000, 2, 250],
    ["requests", 1, 1, 1_000, 1_000, 1, 1_000],
    ["requests", 9, 1, 1_000, 400, 1, 400],
    ["requests", 0, 1, 1_000, 1_000, 0, 0],
    ["credits", 300, 1_000, 1_000, 1_000, 300, 300],
    ["credits", 3_000, 1_000, 1_000, 400, 400, 400],
  ])("%s: %d of %d, for %d with %d left", (unit, available, all, charge, left, units, amount) => {
    expect(coverBy(unit, available, all, charge, left)).toEqual({ units, amount });
  });

  it("exactly, where doubles would not", () => {
    const cover = coverBy("tokens", 999_999_999, 1_000_000_000, 9_007_199_254_740_991, 9_007_199_254_740_991);
    expect(cover).toEqual({ units: 999_999_999, amount: 9_007_199_245_733_791 });
  });

  it("of a request by tokens, whatever each token costs", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 50)] }) }, [grantOf("paid", 100)]);
    const ended = run(state, tokens(90, 10), tokens(90, 10));
    expect(sources(ended.settlement.posted)).toEqual(["included=9.5", "paid=9.5"]);
    expect(counted(state)).toBe(50);
    expectPaidInFull(ended);
  });

  it("of a video by seconds", () => {
    const plan = planOf({ features: { sora: { models: ["*"] } }, allowances: [included("seconds", 10)] });
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const bound = usageOf({ seconds: 8, size: "720x1280" });
    const quote = { cardId: "default", cardVersion: 1, model: "sora-2", rate: VIDEO_RATE };
    const demand = demandOf(0, { feature: "sora", model: "sora-2", quote, bound });
    const first = end(state, hold(state, commandOf("req_1", 0, { demand })), bound);
    expect(sources(first.settlement.posted)).toEqual(["included=20"]);
    const second = end(state, hold(state, commandOf("req_2", 0, { demand })), bound);
    expect(sources(second.settlement.posted)).toEqual(["included=5", "paid=15"]);
    expect(counted(state)).toBe(10);
  });

  it("credits pay the rest, or the request is refused and told what there was", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 5)] }) }, [grantOf("paid", 4)]);
    const ask = (output: number) => decide(state, demandOf(0, { quote: QUOTE, bound: tokens(0, output) }), T0);
    expect(ask(9)).toMatchObject({ outcome: "allowed", reserved: credits(9) });
    expect(ask(10)).toMatchObject({ reason: "credits_exhausted", needed: credits(10), available: credits(9) });
  });
});

describe("a request is indivisible", () => {
  const plan = planOf({ allowances: [included("requests", 2)] });

  it("an included request pays the whole of it, however expensive, and the next ones are paid by credits", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    expect(sources(run(state, tokens(0, 900), tokens(0, 900), "req_1").settlement.posted)).toEqual(["included=900"]);
    expect(sources(run(state, tokens(0, 1), tokens(0, 1), "req_2").settlement.posted)).toEqual(["included=1"]);
    expect(sources(run(state, tokens(0, 9), tokens(0, 9), "req_3").settlement.posted)).toEqual(["paid=9"]);
    expect(counted(state)).toBe(2);
  });

  it("a reserved one pays the whole final charge, also what is more than reserved", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const ended = run(state, tokens(0, 5), tokens(0, 50));
    expect(sources(ended.settlement.posted)).toEqual(["included=50"]);
    expect(ended.settlement).toMatchObject({ charge: credits(50), overshoot: 0, returned: 0 });
    expect(counted(state)).toBe(1);
  });

  it("one that cost nothing in the end is given back", () => {
    const state = accountWith({ plan });
    run(state, tokens(0, 5), tokens(0, 0));
    expect(counted(state)).toBe(0);
  });

  it("held requests are not given out twice", () => {
    const state = accountWith({ plan });
    reserved(state, tokens(0, 5), "req_1");
    reserved(state, tokens(0, 5), "req_2");
    const asked = demandOf(0, { quote: QUOTE, bound: tokens(0, 5) });
    expect(decide(state, asked, T0)).toMatchObject({ reason: "credits_reserved" });
  });

  it("used up, it names the instant from which the next one is let in", () => {
    const state = accountWith({ plan });
    for (const id of ["req_1", "req_2"]) run(state, tokens(0, 5), tokens(0, 5), id);
    const asked = demandOf(0, { quote: QUOTE, bound: tokens(0, 5) });
    expect(decide(state, asked, T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + DAY });
    expect(decide(state, asked, T0 + DAY - 1)).toMatchObject({ outcome: "denied" });
    expect(decide(state, asked, T0 + DAY)).toMatchObject({ outcome: "allowed" });
  });
});

describe("sources of several units pay one request together, in their order", () => {
  it("credits, then tokens, then a purchase", () => {
    const allowances = [included("credits", credits(2), "value"), included("tokens", 50, "volume")];
    const state = accountWith({ plan: planOf({ allowances }) }, [grantOf("paid", 100)]);
    const ended = run(state, tokens(0, 100), tokens(0, 100));
    expect(sources(ended.settlement.posted)).toEqual(["value=2", "volume=50", "paid=48"]);
    expect([counted(state, "value"), counted(state, "volume")]).toEqual([credits(2), 50]);
    expectPaidInFull(ended);
  });

  it("tokens, and an included request for what is left", () => {
    const allowances = [included("tokens", 40, "volume"), included("requests", 1, "calls")];
    const state = accountWith({ plan: planOf({ allowances }) }, [grantOf("paid", 100)]);
    const ended = run(state, tokens(0, 100), tokens(0, 100));
    expect(sources(ended.settlement.posted)).toEqual(["volume=40", "calls=60"]);
    expect(state.row.balance).toBe(credits(100));
    expectPaidInFull(ended);
  });

  it("two of tokens, one after the other", () => {
    const allowances = [included("tokens", 40, "small"), included("tokens", 900, "large")];
    const state = accountWith({ plan: planOf({ allowances }) });
    const ended = run(state, tokens(0, 100), tokens(0, 100));
    expect(sources(ended.settlement.posted)).toEqual(["small=40", "large=60"]);
    expect([counted(state, "small"), counted(state, "large")]).toEqual([40, 60]);
  });
});

describe("what is counted is what was used", () => {
  it("fewer tokens than reserved: the rest of the allowance is there again", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 100)] }) });
    run(state, tokens(50, 50), tokens(20, 10));
    expect(counted(state)).toBe(30);
    expect(state.heldMeters.size).toBe(0);
  });

  it("more tokens than reserved: the allowance counts them while it can", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 100)] }) }, [grantOf("paid", 100)]);
    const ended = run(state, tokens(0, 20), tokens(0, 150));
    expect(sources(ended.settlement.posted)).toEqual(["included=100", "paid=50"]);
    expect(counted(state)).toBe(100);
    expectPaidInFull(ended);
  });

  it("what nobody can pay is overshoot", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 100)] }) });
    const ended = run(state, tokens(0, 20), tokens(0, 150));
    expect(ended.settlement).toMatchObject({ overshoot: credits(50) });
    expectPaidInFull(ended);
  });

  it("what the gateway counted itself is paid by what was reserved", () => {
    const state = accountWith({ plan: planOf({ allowances: [included("tokens", 100)] }) }, [grantOf("paid", 100)]);
    const ended = end(state, reserved(state, tokens(0, 100)), tokens(0, 150), true);
    expect(sources(ended.settlement.posted)).toEqual(["included=100"]);
    expect(ended.settlement).toMatchObject({ charge: credits(100), overshoot: 0 });
  });

  it.each([
    ["cheaper tokens than were reserved", tokens(90, 10)],
    ["more tokens than were reserved", tokens(190, 10)],
    ["fewer", tokens(0, 40)],
    ["everything", tokens(0, 100)],
    ["more of everything", tokens(300, 100)],
  ])("the receipt says the same whoever remembers it: %s", (_, used) => {
    const allowances = [included("tokens", 50, "volume"), included("requests", 1, "calls")];
    const state = accountWith({ plan: planOf({ allowances }) }, [grantOf("paid", 500)]);
    const { reservation, change } = run(state, tokens(0, 100), used);
    expect(receiptFromLedger(change.entries)).toEqual(receiptOf(reservation, true));
  });
});

describe("an end that comes late", () => {
  /** Expires after `known` was recorded, and is settled late for `used`. */
  function late(unit: AllowanceUnit, limit: number, known: Usage, used: Usage): { state: AccountState; ended: Ended } {
    const state = accountWith({ plan: planOf({ allowances: [included(unit, limit)] }) }, [grantOf("paid", 500)]);
    const pending = { ...reserved(state, tokens(0, 100)), checkpoint: known };
    const expired = finish(state, expire(state, pending, T0 + MINUTE, sha256));
    const ended = settleLate(state, expired.reservation, reportOf(used), T0 + HOUR, sha256);
    return { state, ended: finish(state, ended) };
  }

  it("counts only the tokens beyond those that the expiry counted", () => {
    const { state, ended } = late("tokens", 100, tokens(0, 30), tokens(0, 70));
    expect(sources(ended.settlement.posted)).toEqual(["included=40"]);
    expect(counted(state)).toBe(70);
  });

  it("is still one request", () => {
    const { state, ended } = late("requests", 5, tokens(0, 30), tokens(0, 70));
    expect(counted(state)).toBe(1);
    expect(ended.settlement).toMatchObject({ charge: credits(40), overshoot: 0 });
    expect(state.row.balance).toBe(credits(500));
  });

  it("counts everything when nothing was known before", () => {
    const { state } = late("tokens", 100, tokens(0, 0), tokens(0, 70));
    expect(counted(state)).toBe(70);
  });
});
