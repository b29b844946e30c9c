import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, NO_CHANGE } from "../../src/core/account.ts";
import type { Grant } from "../../src/core/grant.ts";
import { lapseGrants, voidGrant } from "../../src/core/granting.ts";
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

function voidIt(state: AccountState, grant: Grant = grantIn(state, "promo"), now = T0) {
  const done = voidGrant(state, grant, "abuse", now, sha256);
  applyChange(state, done.change);
  return done;
}

function lapse(state: AccountState, now: number) {
  const change = lapseGrants(state, now, sha256);
  applyChange(state, change ?? NO_CHANGE);
  return change;
}

describe("a grant that is voided", () => {
  it("is taken away at once, and the journal says how much and why", () => {
    const state = accountWith({}, [grantOf("promo", 10, { priority: 1 }), grantOf("paid", 5)]);
    charge(state, hold(state, commandOf("req_1", 4)), 4);
    const { grant, change } = voidIt(state);
    expect(grant).toMatchObject({ voidedAt: T0, used: credits(4), lapsed: credits(6) });
    expect(change.entries).toMatchObject([
      { usage: null, updates: [{ kind: "void", source: "promo", delta: -credits(6), detail: { reason: "abuse" } }] },
    ]);
    expect(state.row).toMatchObject({ balance: credits(5), used: credits(4) });
    expect(state.grants.has("promo")).toBe(false);
  });

  it("pays for nothing new", () => {
    const state = accountWith({}, [grantOf("promo", 10)]);
    hold(state, commandOf("req_1", 4));
    voidIt(state);
    expect(decide(state, demandOf(1), T0)).toMatchObject({ reason: "credits_exhausted", available: 0 });
  });

  it("voided again changes nothing", () => {
    const state = accountWith({}, [grantOf("promo", 10)]);
    hold(state, commandOf("req_1", 4));
    voidIt(state);
    const before = structuredClone(state);
    expect(voidIt(state, grantIn(state, "promo"), T0 + HOUR).change).toBe(NO_CHANGE);
    expect(state).toEqual(before);
  });

  it("that was used up is marked, and takes nothing", () => {
    const state = accountWith({}, [grantOf("promo", 4)]);
    const used = charge(state, hold(state, commandOf("req_1", 4)), 4).change.grants[0];
    if (!used) throw new Error("nothing was paid");
    const { grant, change } = voidIt(state, used);
    expect(grant).toMatchObject({ voidedAt: T0, lapsed: 0 });
    expect(change.entries[0]?.updates).toMatchObject([{ kind: "none", delta: 0, cause: "promo" }]);
    expect(state.row.balance).toBe(0);
  });

  it("before it takes effect never does", () => {
    const state = accountWith({}, [grantOf("promo", 4, { effectiveAt: T0 + DAY })]);
    voidIt(state);
    expect(state.row.balance).toBe(0);
    expect(decide(state, demandOf(1), T0 + DAY)).toMatchObject({ outcome: "denied" });
  });
});

describe("what a request holds of a grant stays good until the request ends", () => {
  it.each([
    [4, 0, 0],
    [1, 3, 0],
    [0, 4, 0],
    [7, 0, 3],
  ])("of 4 held, %d used: %d are taken afterwards, %d are overshoot", (used, taken, overshoot) => {
    const state = accountWith({}, [grantOf("promo", 10)]);
    const pending = hold(state, commandOf("req_1", 4));
    voidIt(state);
    expect(state.row.balance).toBe(credits(4));
    expect(lapse(state, T0)).toBeNull();
    expect(charge(state, pending, used, T0 + HOUR).settlement).toMatchObject({ overshoot: credits(overshoot) });
    const updates = lapse(state, T0 + HOUR)?.entries[0]?.updates ?? [];
    expect(updates.map(({ kind, amount }) => [kind, amount])).toEqual(taken > 0 ? [["void", credits(taken)]] : []);
    expect(state.row.balance).toBe(0);
    expect(state.grants.size).toBe(0);
  });

  it("also when the grant expires before the request ends", () => {
    const state = accountWith({}, [grantOf("promo", 10, { expiresAt: T0 + HOUR })]);
    const pending = hold(state, commandOf("req_1", 4));
    voidIt(state);
    expect(lapse(state, T0 + HOUR)).toBeNull();
    expect(charge(state, pending, 4, T0 + DAY).settlement.overshoot).toBe(0);
  });
});
