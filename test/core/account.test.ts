import { describe, expect, it } from "vitest";
import { applyChange, gateOwner, keepMeters, meterId, openAccount, viewMeter } from "../../src/core/account.ts";
import { BrokenInvariant } from "../../src/core/amount.ts";
import type { Plan } from "../../src/core/plan.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  credits,
  DAY,
  grantOf,
  HOUR,
  hold,
  planOf,
  requestGate,
  sliding,
  T0,
} from "../support/core-fixtures.ts";

function plan(limit: number, periodMs = 5 * HOUR): Plan {
  return planOf({ allowances: [allowanceOf("included", [anchored(periodMs, credits(limit))])] });
}

function view(state: ReturnType<typeof accountWith>, limit: number, periodMs = 5 * HOUR) {
  return viewMeter(state, "included", anchored(periodMs, credits(limit)), T0);
}

describe("what is held is the fold of the pending reservations", () => {
  it("an account that is loaded again is the same account", () => {
    const state = accountWith({ plan: plan(5) }, [grantOf("a", 4), grantOf("b", 9)]);
    hold(state, commandOf("req_1", 7));
    hold(state, commandOf("req_2", 3));
    charge(state, hold(state, commandOf("req_3", 1)), 1);
    expect(openAccount(state.row, state.grants.values(), state.pending.values())).toEqual(state);
  });

  it("a grant that is used up is not loaded again", () => {
    const state = accountWith({}, [grantOf("a", 4), grantOf("b", 9)]);
    const { change } = charge(state, hold(state, commandOf("req_1", 4)), 4);
    expect(change.grants.map(({ id }) => id)).toEqual(["a"]);
    expect(openAccount(state.row, [...change.grants, ...state.grants.values()], [])).toEqual(state);
  });

  it("holds nothing when nothing is pending", () => {
    const state = accountWith({ plan: plan(5) }, [grantOf("a", 4)]);
    charge(state, hold(state, commandOf("req_1", 7)), 7);
    expect(state.heldGrants.size + state.heldMeters.size + state.pending.size).toBe(0);
  });

  it("a checkpoint replaces a pending reservation and holds nothing twice", () => {
    const state = accountWith({}, [grantOf("a", 4)]);
    const pending = hold(state, commandOf("req_1", 3));
    applyChange(state, { row: null, grants: [], reservations: [{ ...pending, expiresAt: T0 + HOUR }], entries: [] });
    expect(state.heldGrants.get("a")).toBe(credits(3));
    expect(state.pending.get("req_1")?.expiresAt).toBe(T0 + HOUR);
  });

  it("an end that is applied twice gives back once", () => {
    const state = accountWith({}, [grantOf("a", 10)]);
    const other = hold(state, commandOf("req_2", 3));
    const { change } = charge(state, hold(state, commandOf("req_1", 3)), 1);
    applyChange(state, change);
    expect(state.heldGrants.get("a")).toBe(other.reserved);
  });

  it("a draw that is less than nothing stops the command", () => {
    const state = accountWith({}, [grantOf("a", 10)]);
    const pending = hold(state, commandOf("req_1", 3));
    const wrong = { ...pending, requestId: "req_9", draws: [{ kind: "grant", source: "x", amount: -1 }] } as const;
    expect(() => openAccount(state.row, [], [wrong])).toThrow(BrokenInvariant);
  });
});

describe("a new version of a plan", () => {
  it("a new limit keeps what was used", () => {
    const state = accountWith({ plan: plan(5) });
    charge(state, hold(state, commandOf("req_1", 4)), 4);
    expect(view(state, 9)).toMatchObject({ used: credits(4), remaining: credits(5) });
    expect(view(state, 3)).toMatchObject({ used: credits(4), remaining: 0 });
  });

  it("a new period starts afresh", () => {
    const state = accountWith({ plan: plan(5) });
    charge(state, hold(state, commandOf("req_1", 4)), 4);
    expect(view(state, 5, 6 * HOUR)).toMatchObject({ used: 0, startedAt: null });
  });

  it("a request under way is settled where it was reserved", () => {
    const state = accountWith({ plan: plan(5) });
    const pending = hold(state, commandOf("req_1", 4));
    state.row = { ...state.row, plan: planOf({ version: 2 }) };
    expect(charge(state, pending, 4).settlement.overshoot).toBe(0);
    expect(view(state, 5)).toMatchObject({ used: credits(4) });
  });

  it("a window that came with it counts what a request under way uses beyond its reservation", () => {
    const state = accountWith({ plan: plan(50) });
    const pending = hold(state, commandOf("req_1", 4));
    const week = anchored(7 * DAY, credits(3));
    const windows = [anchored(5 * HOUR, credits(50)), week];
    state.row = { ...state.row, plan: planOf({ version: 2, allowances: [allowanceOf("included", windows)] }) };
    charge(state, pending, 6);
    expect(view(state, 50)).toMatchObject({ used: credits(6) });
    expect(viewMeter(state, "included", week, T0)).toMatchObject({ used: credits(2), remaining: credits(1) });
  });
});

it("meters of limits that a plan no longer has are forgotten, the others are kept", () => {
  const gate = requestGate("rpm", 5, sliding(HOUR, 5));
  const kept = [meterId("included", anchored(5 * HOUR, 1)), meterId(gateOwner(gate, "key_1"), sliding(HOUR, 1))];
  const gone = [
    meterId("included", anchored(HOUR, 1)),
    meterId("other", anchored(5 * HOUR, 1)),
    meterId("rpm", sliding(HOUR, 1)),
  ];
  const meters = Object.fromEntries([...kept, ...gone].map((meter) => [meter, new Map([[T0, 1]])]));
  expect(Object.keys(keepMeters(meters, { ...plan(9), gates: [gate] }))).toEqual(kept);
  expect(keepMeters(meters, planOf())).toEqual({});
});

it("windows of one owner are metered apart by kind and period", () => {
  const rules = [anchored(HOUR, 1), anchored(2 * HOUR, 1), sliding(HOUR, 1)];
  expect(new Set(rules.map((rule) => meterId("a", rule))).size).toBe(3);
  expect(meterId("a", anchored(HOUR, 1))).toBe(meterId("a", anchored(HOUR, 2)));
});
