import { describe, expect, it } from "vitest";
import type { AccountState } from "../../src/core/account.ts";
import { viewGrants, viewLimits } from "../../src/core/account-view.ts";
import { voidGrant } from "../../src/core/granting.ts";
import { accountWire, grantWire } from "../../src/wire/account.ts";
import { quantityText } from "../../src/wire/quantity.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  calendar,
  charge,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  gateOf,
  grantIn,
  grantOf,
  hold,
  planOf,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

function shown(state: AccountState) {
  const { id, status, statusReason, plan, seq } = state.row;
  const limits = viewLimits(state, "key_1", T0);
  return accountWire({ kind: "account", id, status, statusReason, plan, seq, limits, grants: viewGrants(state) });
}

describe("a quantity on the wire", () => {
  it.each([
    ["credits", 12_500_000, "12.500000"],
    ["requests", 1, "1"],
    ["tokens", 1_000_000_000_000, "1000000000000"],
    ["input_tokens", 0, "0"],
    ["seconds", 8, "8"],
    ["concurrency", 12, "12"],
  ] as const)("in %s is written as people count it", (unit, amount, text) => {
    expect(quantityText(unit, amount)).toBe(text);
  });
});

describe("an account on the wire", () => {
  it("shows allowances in their own unit, and calendar windows with their place", () => {
    const plan = planOf({
      allowances: [
        allowanceOf("calls", [anchored(DAY, 50)], null, { unit: "requests", models: ["gpt-5.*"] }),
        allowanceOf("included", [calendar("month", "Europe/Berlin", credits(20))]),
      ],
    });
    const state = accountWith({ plan });
    charge(state, hold(state, commandOf("req_1", 3)), 2);
    hold(state, commandOf("req_2", 3));
    const [calls, included] = shown(state).allowances;
    expect(calls).toEqual({
      id: "calls",
      features: null,
      models: ["gpt-5.*"],
      unit: "requests",
      windows: [
        {
          kind: "anchored",
          period: "1d",
          limit: "50",
          used: "1",
          reserved: "1",
          remaining: "48",
          started_at: "2026-11-22T12:00:00.000Z",
          resets_at: "2026-11-23T12:00:00.000Z",
        },
      ],
    });
    expect(included?.windows).toEqual([
      {
        kind: "calendar",
        period: "month",
        time_zone: "Europe/Berlin",
        limit: "20.000000",
        used: "0.000000",
        reserved: "0.000000",
        remaining: "20.000000",
        started_at: "2026-10-31T23:00:00.000Z",
        resets_at: "2026-11-30T23:00:00.000Z",
      },
    ]);
  });

  it("shows gates as numbers, those in credits as amounts, and whose they are", () => {
    const gates = [
      gateOf("rpm", "requests", 60, { per: "key" }),
      gateOf("dearest", "credits", credits(5), { window: null }),
      concurrencyGate("in-flight", 12),
    ];
    const state = accountWith({ plan: planOf({ gates }) }, [grantOf("grt_a", 9)]);
    hold(state, commandOf("req_1", 3));
    expect(shown(state).gates).toEqual([
      { id: "rpm", unit: "requests", per: "key", limit: 60, remaining: 59, resets_at: expect.stringMatching(/Z$/) },
      { id: "dearest", unit: "credits", per: "account", limit: "5.000000", remaining: "5.000000", resets_at: null },
      { id: "in-flight", unit: "concurrency", per: "account", limit: 12, remaining: 11, resets_at: null },
    ]);
  });

  it("shows a voided grant with what was taken from it and when", () => {
    const state = accountWith({}, [grantOf("grt_a", 9)]);
    charge(state, hold(state, commandOf("req_1", 3)), 2);
    const { grant } = voidGrant(state, grantIn(state, "grt_a"), "given by mistake", T0 + DAY, sha256);
    expect(grantWire({ ...grant, reserved: 0 })).toMatchObject({
      amount: "9.000000",
      used: "2.000000",
      expired: "7.000000",
      remaining: "0.000000",
      voided_at: "2026-11-23T12:00:00.000Z",
    });
  });
});
