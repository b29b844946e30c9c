import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, type Change } from "../../src/core/account.ts";
import { viewGrants } from "../../src/core/account-view.ts";
import { sum } from "../../src/core/amount.ts";
import { nextRenewalAt, renewEntitlements } from "../../src/core/entitlement.ts";
import { remaining } from "../../src/core/grant.ts";
import { lapseGrants, voidGrant } from "../../src/core/granting.ts";
import type { Entitlement } from "../../src/core/plan.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  entitlementOf,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

const NOVEMBER = Date.UTC(2026, 10, 1);
const DECEMBER = Date.UTC(2026, 11, 1);
const JANUARY = Date.UTC(2027, 0, 1);

function accountOf(...entitlements: Entitlement[]): AccountState {
  return accountWith({ plan: planOf({ entitlements }) });
}

function renew(state: AccountState, now: number): Change | null {
  const change = renewEntitlements(state, now, sha256);
  if (change) applyChange(state, change);
  expect(sum([...state.grants.values()].map(remaining)), "the balance is what is left of all grants").toBe(
    state.row.balance,
  );
  return change;
}

/** What is left of each open grant, with the reason that it was given for. */
function open(state: AccountState): Record<string, number> {
  return Object.fromEntries(viewGrants(state).map((grant) => [grant.reason, remaining(grant) / credits(1)]));
}

function use(state: AccountState, id: string, amount: number, now: number): void {
  charge(state, hold(state, commandOf(id, amount), now), amount, now);
}

describe("an entitlement is granted once per period", () => {
  it("first when the account begins, for the whole period, to be spent at once", () => {
    const state = accountOf(entitlementOf("monthly", 100));
    const change = renew(state, T0);
    expect(change?.grants).toMatchObject([
      { kind: "entitlement", amount: credits(100), effectiveAt: NOVEMBER, expiresAt: DECEMBER, priority: 10 },
    ]);
    expect(decide(state, demandOf(100), T0)).toMatchObject({ outcome: "allowed" });
  });

  it("whatever is repeated", () => {
    const state = accountOf(entitlementOf("monthly", 100));
    renew(state, T0);
    for (const now of [T0, T0 + 1, T0 + DAY, DECEMBER - 1]) expect(renew(state, now)).toBeNull();
    expect(state.row).toMatchObject({ seq: 1, balance: credits(100) });
  });

  it("and the account that forgot it writes the same grant again, not another one", () => {
    const first = renewEntitlements(accountOf(entitlementOf("monthly", 100)), T0, sha256);
    const again = renewEntitlements(accountOf(entitlementOf("monthly", 100)), T0 + HOUR, sha256);
    expect(again?.grants[0]?.id).toBe(first?.grants[0]?.id);
  });

  it("anew in the next one, from its first instant on", () => {
    const state = accountOf(entitlementOf("monthly", 100));
    renew(state, T0);
    use(state, "req_1", 30, T0);
    expect(renew(state, DECEMBER - 1)).toBeNull();
    renew(state, DECEMBER);
    expect(open(state)).toEqual({ "monthly: renewed": 100 });
  });

  it("what was left of the period before has lapsed in the same change", () => {
    const state = accountOf(entitlementOf("monthly", 100));
    renew(state, T0);
    use(state, "req_1", 30, T0);
    const kinds = renew(state, DECEMBER)?.entries.flatMap(({ updates }) =>
      updates.map(({ kind, amount }) => [kind, amount / credits(1)]),
    );
    expect(kinds).toEqual([
      ["expiry", 70],
      ["grant", 100],
    ]);
  });

  it("a clock that goes back over the edge grants nothing again", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(50) }));
    renew(state, DECEMBER - MINUTE);
    renew(state, DECEMBER);
    use(state, "req_1", 20, DECEMBER);
    const before = structuredClone(state);
    expect(renew(state, DECEMBER - 1)).toBeNull();
    expect(nextRenewalAt(state, DECEMBER - 1)).toBe(DECEMBER);
    expect(renew(state, DECEMBER)).toBeNull();
    expect(state).toEqual(before);
  });

  it("periods in which nobody looked are not granted afterwards", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(50) }));
    renew(state, T0);
    renew(state, Date.UTC(2027, 5, 15));
    expect(open(state)["monthly: renewed"]).toBe(100);
  });

  it.each([
    ["a day of 25 hours", "day", "2026-10-25T10:00Z", "2026-10-24T22:00Z", "2026-10-25T23:00Z"],
    ["a week", "week", "2026-11-22T12:00Z", "2026-11-15T23:00Z", "2026-11-22T23:00Z"],
    ["a month", "month", "2026-03-31T21:59Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"],
  ] as const)("by the calendar of its place: %s", (_, unit, at, start, end) => {
    const period = { unit, timeZone: "Europe/Berlin", weekStartsOn: 1 };
    const state = accountOf(entitlementOf("e", 5, { period }));
    const now = Date.parse(at);
    expect(nextRenewalAt(state, now)).toBe(now);
    expect(renew(state, now)?.grants).toMatchObject([{ effectiveAt: Date.parse(start), expiresAt: Date.parse(end) }]);
    expect(nextRenewalAt(state, now)).toBe(Date.parse(end));
  });
});

describe("several entitlements", () => {
  const daily = entitlementOf("daily", 5, { period: { unit: "day", timeZone: "UTC", weekStartsOn: 1 } });

  it("are granted each for itself", () => {
    const state = accountOf(entitlementOf("monthly", 100), daily);
    expect(renew(state, T0)?.entries).toHaveLength(2);
    expect(nextRenewalAt(state, T0)).toBe(Date.UTC(2026, 10, 23));
    expect(renew(state, T0 + DAY)?.grants.map(({ amount }) => amount)).toEqual(expect.arrayContaining([credits(5)]));
    expect(open(state)).toEqual({ "daily: renewed": 5, "monthly: renewed": 100 });
  });

  it("that are due together are one change, linked and in order", () => {
    const state = accountOf(entitlementOf("monthly", 100), daily);
    renew(state, T0);
    const change = renew(state, DECEMBER);
    expect(change?.entries.map(({ seq }) => seq)).toEqual(change?.entries.map((_, index) => 3 + index));
    for (const [index, entry] of (change?.entries ?? []).entries()) {
      const before = change?.entries[index - 1];
      if (before) expect(entry.prev).toBe(before.hash);
    }
    expect(change?.row?.head).toBe(change?.entries.at(-1)?.hash);
    expect(open(state)).toEqual({ "daily: renewed": 5, "monthly: renewed": 100 });
  });

  it("pay only for their features", () => {
    const state = accountOf(entitlementOf("videos", 100, { features: ["sora"] }));
    renew(state, T0);
    expect(decide(state, demandOf(1), T0)).toMatchObject({ reason: "credits_exhausted" });
  });

  it("of a plan without any, nothing is due", () => {
    expect(renew(accountOf(), T0)).toBeNull();
    expect(nextRenewalAt(accountOf(), T0)).toBeNull();
  });
});

describe("what was left goes over into the next period, up to the cap", () => {
  it.each([
    [0, 0, 0],
    [100, 50, 50],
    [70, 50, 30],
    [50, 50, 50],
    [20, 0, 0],
  ])("of 100 with %d used and a cap of %d: %d", (used, cap, over) => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(cap) }));
    renew(state, T0);
    if (used > 0) use(state, "req_1", used, T0);
    renew(state, DECEMBER);
    const left = 100 - used;
    expect(open(state)["monthly: rolled over"] ?? 0).toBe(Math.min(left, cap));
    expect(over).toBeGreaterThanOrEqual(0);
    expect(open(state)["monthly: renewed"]).toBe(100);
  });

  it("and lapses at the end of that: it does not roll over again", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(50) }));
    renew(state, T0);
    renew(state, DECEMBER);
    expect(open(state)).toEqual({ "monthly: rolled over": 50, "monthly: renewed": 100 });
    renew(state, JANUARY);
    expect(open(state)).toEqual({ "monthly: rolled over": 50, "monthly: renewed": 100 });
    expect(state.row.balance).toBe(credits(150));
  });

  it("is used before what is new", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(50) }));
    renew(state, T0);
    renew(state, DECEMBER);
    use(state, "req_1", 60, DECEMBER);
    expect(open(state)).toEqual({ "monthly: renewed": 90 });
  });

  it("held parts stay with their requests and do not roll over", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(100) }));
    renew(state, T0);
    const pending = hold(state, commandOf("req_1", 60), DECEMBER - 1);
    renew(state, DECEMBER);
    expect(viewGrants(state).map((grant) => [grant.reason, remaining(grant) / 1e6, grant.reserved / 1e6])).toEqual([
      ["monthly: renewed", 60, 60],
      ["monthly: rolled over", 40, 0],
      ["monthly: renewed", 100, 0],
    ]);
    expect(charge(state, pending, 25, DECEMBER + HOUR).settlement.overshoot).toBe(0);
    const lapsed = lapseGrants(state, DECEMBER + HOUR, sha256);
    expect(lapsed?.entries[0]?.updates).toMatchObject([{ kind: "expiry", amount: credits(35) }]);
  });

  it("a voided grant does not roll over", () => {
    const state = accountOf(entitlementOf("monthly", 100, { rolloverCap: credits(100) }));
    const granted = renew(state, T0)?.grants[0];
    if (!granted) throw new Error("nothing was granted");
    applyChange(state, voidGrant(state, granted, "abuse", T0, sha256).change);
    renew(state, DECEMBER);
    expect(open(state)).toEqual({ "monthly: renewed": 100 });
  });

  it("bought credits are left alone", () => {
    const state = accountWith({ plan: planOf({ entitlements: [entitlementOf("monthly", 100)] }) }, [
      grantOf("paid", 7),
    ]);
    renew(state, T0);
    renew(state, DECEMBER);
    expect(open(state)).toEqual({ "monthly: renewed": 100, bought: 7 });
  });
});

describe("a change of plan", () => {
  const small = planOf({ id: "small", entitlements: [entitlementOf("small", 10)] });
  const large = planOf({ id: "large", entitlements: [entitlementOf("large", 90)] });

  function moveTo(state: AccountState, plan: typeof small): void {
    state.row = { ...state.row, plan };
  }

  it("grants what the new plan entitles to at once, and leaves what was granted", () => {
    const state = accountWith({ plan: small });
    renew(state, T0);
    moveTo(state, large);
    expect(nextRenewalAt(state, T0)).toBe(T0);
    renew(state, T0);
    expect(open(state)).toEqual({ "small: renewed": 10, "large: renewed": 90 });
  });

  it("to and fro within one period grants nothing twice", () => {
    const state = accountWith({ plan: small });
    renew(state, T0);
    for (const plan of [large, small, large, small]) {
      moveTo(state, plan);
      renew(state, T0 + HOUR);
    }
    expect(state.row.balance).toBe(credits(100));
  });

  it("an entitlement that the plan no longer has is not renewed, and what is left of it lapses", () => {
    const state = accountWith({ plan: small });
    renew(state, T0);
    moveTo(state, planOf());
    expect(renew(state, DECEMBER)).toBeNull();
    applyChange(
      state,
      lapseGrants(state, DECEMBER, sha256) ?? { row: null, grants: [], reservations: [], entries: [] },
    );
    expect(state.row.balance).toBe(0);
  });

  it("a new version that gives more gives it from the next period on", () => {
    const state = accountWith({ plan: small });
    renew(state, T0);
    moveTo(state, { ...small, version: 2, entitlements: [entitlementOf("small", 25)] });
    expect(renew(state, T0 + HOUR)).toBeNull();
    renew(state, DECEMBER);
    expect(open(state)).toEqual({ "small: renewed": 25 });
  });
});
