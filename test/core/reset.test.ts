import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
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
  give,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  SECOND,
  sliding,
  T0,
} from "../support/core-fixtures.ts";

const INCLUDED = planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])] });

/** Uses up `amount` credits at `now`. */
function use(state: AccountState, id: string, amount: number, now = T0): void {
  charge(state, hold(state, commandOf(id, amount), now), amount, now);
}

// C24: the reset instant that is shown is the one that is enforced.
describe("a refusal names the first instant from which the same request is let in", () => {
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

describe("a request that one allowance alone cannot pay waits until all of them together can", () => {
  const short = allowanceOf("short", [anchored(5 * HOUR, credits(5))]);
  const long = allowanceOf("long", [anchored(DAY, credits(5))]);

  /** An account whose allowances were used up by `amount` credits. */
  function usedUp(allowances: (typeof short)[], amount: number, paid = 0): AccountState {
    const state = accountWith({ plan: planOf({ allowances }) }, paid > 0 ? [grantOf("paid", paid)] : []);
    use(state, "req_1", amount);
    return state;
  }

  function expectLetInAt(state: AccountState, amount: number, limit: string, resetsAt: number): void {
    const demand = demandOf(amount);
    expect(decide(state, demand, T0)).toMatchObject({ reason: "allowance_exhausted", limit, resetsAt });
    expect(decide(state, demand, resetsAt - 1)).toMatchObject({ reason: "allowance_exhausted", limit, resetsAt });
    expect(decide(state, demand, resetsAt)).toMatchObject({ outcome: "allowed", reserved: credits(amount) });
  }

  it("both come back at the same instant", () => {
    expectLetInAt(usedUp([short, { ...short, id: "other" }], 10), 8, "short", T0 + 5 * HOUR);
  });

  it.each([
    ["the longer one last", [short, long]],
    ["the longer one first", [long, short]],
  ])("the later of two resets counts, with %s", (_, allowances) => {
    expectLetInAt(usedUp(allowances, 10), 8, "long", T0 + DAY);
  });

  it("what one of them has left counts towards the reset of the other", () => {
    expectLetInAt(usedUp([short, long], 6), 8, "short", T0 + 5 * HOUR);
  });

  it("credits that are left count towards the resets of both", () => {
    expectLetInAt(usedUp([short, long], 10, 3), 8, "short", T0 + 5 * HOUR);
    expectLetInAt(usedUp([short, long], 10, 3), 13, "long", T0 + DAY);
  });

  it("a sliding window gives back its share as it slides", () => {
    const minute = allowanceOf("minute", [sliding(MINUTE, credits(5))]);
    expectLetInAt(usedUp([minute, short], 10), 5, "minute", T0 + MINUTE + SECOND);
    expectLetInAt(usedUp([minute, short], 10), 8, "short", T0 + 5 * HOUR);
  });

  it("more than all of them together ever give: no reset is promised", () => {
    const state = usedUp([short, long], 10);
    expect(decide(state, demandOf(11), T0)).toMatchObject({ reason: "credits_exhausted", resetsAt: null });
  });

  it("an allowance of another feature does not help", () => {
    const videos = allowanceOf("videos", [anchored(DAY, credits(5))], ["sora"]);
    const state = usedUp([short, videos], 5);
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "credits_exhausted", resetsAt: null });
  });
});

// C24
describe("grants that begin or end before a reset", () => {
  function usedUp(...grants: ReturnType<typeof grantOf>[]): AccountState {
    const state = accountWith({ plan: INCLUDED });
    use(state, "req_1", 5);
    for (const grant of grants) give(state, grant);
    return state;
  }

  it("a grant that has expired by then does not count", () => {
    const state = usedUp(grantOf("promo", 3, { expiresAt: T0 + HOUR }));
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "credits_exhausted", resetsAt: null });
    expect(decide(state, demandOf(8), T0 + 5 * HOUR)).toMatchObject({ outcome: "denied" });
  });

  it("a grant that expires after it counts", () => {
    const state = usedUp(grantOf("promo", 3, { expiresAt: T0 + 5 * HOUR + 1 }));
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(8), T0 + 5 * HOUR)).toMatchObject({ outcome: "allowed" });
  });

  it("a grant that has begun by then counts", () => {
    const state = usedUp(grantOf("later", 3, { effectiveAt: T0 + HOUR }));
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
    expect(decide(state, demandOf(8), T0 + 5 * HOUR)).toMatchObject({ outcome: "allowed" });
  });

  it("what others hold of a grant does not count", () => {
    const state = usedUp(grantOf("paid", 3));
    hold(state, commandOf("req_2", 2));
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "credits_exhausted" });
    expect(decide(state, demandOf(6), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
  });

  it("credits of a frozen account do not count", () => {
    const state = usedUp(grantOf("paid", 3));
    state.row = { ...state.row, status: "frozen" };
    expect(decide(state, demandOf(8), T0)).toMatchObject({ reason: "account_frozen", resetsAt: null });
    expect(decide(state, demandOf(5), T0)).toMatchObject({ reason: "allowance_exhausted", resetsAt: T0 + 5 * HOUR });
  });
});
