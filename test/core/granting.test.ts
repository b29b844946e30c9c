import { describe, expect, it } from "vitest";
import { applyChange } from "../../src/core/account.ts";
import { addGrant, expireGrants, type GrantCommand, sameTerms } from "../../src/core/granting.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  grantIn,
  grantOf,
  HOUR,
  hold,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

const SHORT = grantOf("promo", 10, { kind: "promotional", expiresAt: T0 + DAY });
const EXPIRY = T0 + DAY;

function lapse(state: ReturnType<typeof accountWith>, now: number) {
  const change = expireGrants(state, now, sha256);
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
  ])("with %j is another one", (part) => expect(sameTerms(grant, { ...SHORT, ...part })).toBe(false));
});
