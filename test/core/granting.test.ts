import { describe, expect, it } from "vitest";
import { applyChange, openAccount } from "../../src/core/account.ts";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { addGrant, canHold, type GrantCommand, lapseGrants, MOST_BALANCE, sameTerms } from "../../src/core/granting.ts";
import type { Plan } from "../../src/core/plan.ts";
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
  grantIn,
  grantOf,
  HOUR,
  hold,
  planOf,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

const SHORT = grantOf("promo", 10, { kind: "promotional", expiresAt: T0 + DAY });
const EXPIRY = T0 + DAY;

function lapse(state: ReturnType<typeof accountWith>, now: number) {
  const change = lapseGrants(state, now, sha256);
  if (change) applyChange(state, change);
  return change;
}

describe("a grant is seen by the very next decision", () => {
  it("and stands in the journal with its terms", () => {
    const state = accountWith();
    const { grant, change } = addGrant(state, SHORT, T0, sha256);
    applyChange(state, change);
    expect(decide(state, demandOf(10), T0)).toMatchObject({ outcome: "allowed" });
    expect(grant).toMatchObject({ createdAt: T0, createdSeq: 1, used: 0, lapsed: 0 });
    expect(change.entries[0]).toMatchObject({
      seq: 1,
      usage: null,
      monetization: null,
      updates: [
        {
          id: "bal_1.1.1.0",
          kind: "grant",
          source: "promo",
          delta: credits(10),
          balanceAfter: credits(10),
          detail: {
            kind: "promotional",
            priority: 50,
            effectiveAt: 0,
            expiresAt: EXPIRY,
            features: null,
            reason: "bought",
          },
        },
      ],
    });
  });

  it("is part of the balance before it takes effect, and pays nothing until then", () => {
    const state = accountWith({}, [grantOf("later", 10, { effectiveAt: EXPIRY })]);
    expect(state.row.balance).toBe(credits(10));
    expect(decide(state, demandOf(1), EXPIRY - 1)).toMatchObject({ reason: "credits_exhausted" });
    expect(decide(state, demandOf(1), EXPIRY)).toMatchObject({ outcome: "allowed" });
  });
});

describe("what is left of a grant lapses when it expires", () => {
  it("and the journal says how much", () => {
    const state = accountWith({}, [SHORT, grantOf("paid", 5)]);
    charge(state, hold(state, commandOf("req_1", 4)), 4);
    const change = lapse(state, EXPIRY);
    expect(change?.entries[0]?.updates).toMatchObject([{ kind: "expiry", source: "promo", delta: -credits(6) }]);
    expect(state.row.balance).toBe(credits(5));
    expect(state.grants.has("promo")).toBe(false);
  });

  it.each([
    ["a millisecond before the expiry", EXPIRY - 1],
    ["when the clock went back", T0 - HOUR],
  ])("nothing lapses %s", (_, now) => expect(lapse(accountWith({}, [SHORT]), now)).toBeNull());

  it("nothing lapses twice", () => {
    const state = accountWith({}, [SHORT]);
    lapse(state, EXPIRY);
    expect(lapse(state, EXPIRY)).toBeNull();
    expect(state.row.balance).toBe(0);
  });

  it("a grant without expiry never lapses", () => {
    expect(lapse(accountWith({}, [grantOf("paid", 5)]), Number.MAX_SAFE_INTEGER)).toBeNull();
  });

  it("a grant that was used up has nothing to lapse", () => {
    const state = accountWith({}, [SHORT]);
    charge(state, hold(state, commandOf("req_1", 10)), 10);
    expect(lapse(state, EXPIRY)).toBeNull();
  });
});

// P9: an expiry never takes reserved credit.
describe("what a request holds survives the expiry of its grant", () => {
  it("only the rest lapses, and what the request returns lapses after it", () => {
    const state = accountWith({}, [SHORT]);
    const reservation = hold(state, commandOf("req_1", 7));
    lapse(state, EXPIRY);
    expect(grantIn(state, "promo")).toMatchObject({ lapsed: credits(3), used: 0 });
    expect(lapse(state, EXPIRY + 1)).toBeNull();
    charge(state, reservation, 5, EXPIRY + HOUR);
    expect(state.row.balance).toBe(credits(2));
    lapse(state, EXPIRY + HOUR);
    expect(state.row.balance).toBe(0);
    expect(state.grants.size).toBe(0);
  });

  it("what came back from an expired grant cannot be drawn again before it lapses", () => {
    const state = accountWith({}, [SHORT]);
    charge(state, hold(state, commandOf("req_1", 7)), 1, EXPIRY);
    expect(decide(state, demandOf(1), EXPIRY)).toMatchObject({ reason: "credits_exhausted", available: 0 });
  });

  it("what has lapsed does not come back when the clock does", () => {
    const state = accountWith({}, [SHORT]);
    hold(state, commandOf("req_1", 7));
    lapse(state, EXPIRY);
    expect(decide(state, demandOf(1), EXPIRY - 1)).toMatchObject({ reason: "credits_reserved", available: 0 });
  });
});

it("several grants lapse in one entry", () => {
  const state = accountWith({}, [SHORT, { ...SHORT, id: "promo-2" }, grantOf("paid", 1)]);
  expect(lapse(state, EXPIRY)?.entries[0]?.updates.map(({ source }) => source)).toEqual(["promo", "promo-2"]);
  expect(state.row).toMatchObject({ seq: 4, balance: credits(1) });
});

it("an account writes the same entry for a lapse in whatever order its grants are stored", () => {
  const state = accountWith({}, [SHORT, { ...SHORT, id: "promo-2" }]);
  const reversed = openAccount(state.row, [...state.grants.values()].reverse(), []);
  expect(lapseGrants(reversed, EXPIRY, sha256)).toEqual(lapseGrants(state, EXPIRY, sha256));
});

describe("an amount that cannot be granted stops the command, and nothing is written", () => {
  it.each([-1, 0, 0.5, 1e16, Number.NaN, Number.POSITIVE_INFINITY])("%d micro-credits", (amount) => {
    const state = accountWith({}, [grantOf("paid", 5)]);
    const before = structuredClone(state);
    expect(() => addGrant(state, { ...SHORT, amount }, T0, sha256)).toThrow(BrokenInvariant);
    expect(state).toEqual(before);
  });
});

describe("an account holds no more than can be counted", () => {
  const full = (plan?: Plan) => accountWith(plan ? { plan } : {}, [grantOf("a", 3e9), grantOf("b", 1e9)]);

  it("up to the last micro-credit, and not one more", () => {
    const state = accountWith({}, [grantOf("a", 3e9)]);
    expect(canHold(state, MOST_BALANCE - state.row.balance)).toBe(true);
    expect(canHold(state, MOST_BALANCE - state.row.balance + 1)).toBe(false);
    expect(full().row.balance).toBe(MOST_BALANCE);
    expect(() => addGrant(full(), { ...SHORT, amount: 1 }, T0, sha256)).toThrow(BrokenInvariant);
  });

  it("what was used or has lapsed makes room again", () => {
    const state = full();
    charge(state, hold(state, commandOf("req_1", 7)), 7);
    expect(canHold(state, credits(7))).toBe(true);
    expect(canHold(state, credits(7) + 1)).toBe(false);
    const short = accountWith({}, [{ ...SHORT, amount: MOST_BALANCE }]);
    lapse(short, EXPIRY);
    expect(canHold(short, MOST_BALANCE)).toBe(true);
  });

  it("a full account with an allowance beside it is served as any other", () => {
    const state = full(planOf({ allowances: [allowanceOf("included", [anchored(HOUR, credits(5))])] }));
    expect(decide(state, demandOf(8), T0)).toMatchObject({ outcome: "allowed", reserved: credits(8) });
  });

  it("a full account refunds the largest overshoot there can be without leaving the range", () => {
    const state = full();
    const surprise = hold(state, commandOf("req_1", 0));
    hold(state, commandOf("req_2", 4e9));
    expect(charge(state, surprise, 1e9).settlement).toMatchObject({ overshoot: credits(1e9) });
    expect(state.row.balance).toBe(MOST_BALANCE);
  });
});

describe("a repeated grant command", () => {
  const { grant } = addGrant(accountWith(), SHORT, T0, sha256);

  it("is the same grant, even if its effective instant was filled in anew", () => {
    expect(sameTerms(grant, SHORT)).toBe(true);
    expect(sameTerms(grant, { ...SHORT, effectiveAt: T0 + HOUR })).toBe(true);
    expect(sameTerms({ ...grant, used: 5, lapsed: 1 }, SHORT)).toBe(true);
  });

  it.each<Partial<GrantCommand>>([
    { amount: SHORT.amount + 1 },
    { kind: "paid" },
    { priority: 51 },
    { expiresAt: null },
    { expiresAt: EXPIRY + 1 },
    { reason: "another" },
    { features: ["codex"] },
    { features: [] },
  ])("with %j is another one", (part) => expect(sameTerms(grant, { ...SHORT, ...part })).toBe(false));
});
