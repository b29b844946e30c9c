import { describe, expect, it } from "vitest";
import { type Denials, foldDenial, recallDenial, writeDenials } from "../../src/core/denials.ts";
import type { Gate } from "../../src/core/plan.ts";
import { receiptOf, receiptOfDenial } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { refund } from "../../src/core/refund.ts";
import { decide } from "../../src/core/waterfall.ts";
import { receiptWire } from "../../src/wire/receipt.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  demandOf,
  gateOf,
  grantIn,
  grantOf,
  hold,
  planOf,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

const GATES: Gate[] = [
  gateOf("tpm", "tokens", 500),
  gateOf("dearest", "credits", credits(20), { window: null }),
  concurrencyGate("in-flight", 3),
];

function account() {
  const windows = [anchored(DAY, 2)];
  const plan = planOf({ gates: GATES, allowances: [allowanceOf("calls", windows, null, { unit: "requests" })] });
  return accountWith({ plan }, [grantOf("paid", 10)]);
}

/** An account without included use that refuses three requests for 11 credits. */
function refusing() {
  const state = accountWith({ plan: planOf({ gates: GATES }) }, [grantOf("paid", 10)]);
  const denials: Denials = new Map();
  for (const requestId of ["req_1", "req_2", "req_3"]) {
    const demand = demandOf(11);
    const denial = decide(state, demand, T0);
    if (denial.outcome === "allowed") throw new Error("was not refused");
    foldDenial(denials, { requestId, demand, denial, at: T0 });
  }
  return { state, denials };
}

describe("the receipt of a refusal", () => {
  const { state, denials } = refusing();
  const fold = recallDenial(denials, "req_3");
  if (!fold) throw new Error("the latest refusal was forgotten");
  const fresh = receiptWire(receiptOfDenial(fold, { id: "plus", version: 1 }), null);

  it("says why, what was needed, what was looked at and that nothing was touched", () => {
    expect(fresh).toEqual({
      request_id: "req_3",
      attempt: 0,
      at: "2026-11-22T12:00:00.000Z",
      feature: "codex",
      model: "gpt-5.4",
      key_id: "key_1",
      sentence: expect.stringMatching(/^Denied: .*11\.00 credits were needed, 10\.00 could be had.*latest of 3/),
      decision: {
        outcome: "denied",
        reason: "credits_exhausted",
        limit: null,
        resets_at: null,
        needed: "11.000000",
        available: "10.000000",
        count: 3,
        considered: [
          { source: "tpm", kind: "gate", unit: "tokens", available: "500", taken: "11" },
          { source: "dearest", kind: "gate", unit: "credits", available: "20.000000", taken: "11.000000" },
          { source: "in-flight", kind: "gate", unit: "concurrency", available: "3", taken: "1" },
          { source: "paid", kind: "grant", unit: "credits", available: "10.000000", taken: "10.000000" },
        ],
        plan: { id: "plus", version: 1 },
        rate_card: { id: "default", version: 1 },
      },
      reservation: null,
      usage: null,
      prices: null,
      charge: null,
      ledger: null,
    });
  });

  it("is the same from the ledger, with its rows; no quantities are shown that were never measured", () => {
    const { entries } = writeDenials(state, denials, T0 + 60_000, sha256);
    const stored = receiptFromLedger(entries);
    const ledger = {
      seq: 2,
      usage_event: "use_3.0~2",
      monetization_event: null,
      balance_updates: ["bal_1.1.2.0"],
      confirmed: true,
    };
    expect(stored && receiptWire(stored, null)).toEqual({ ...fresh, ledger });
  });

  it("of a request that passes no gate names the gate, and what it took is nothing", () => {
    const denial = decide(state, demandOf(21), T0);
    if (denial.outcome === "allowed") throw new Error("was not refused");
    const latest = { requestId: "req_9", demand: demandOf(21), denial, at: T0 };
    const { decision } = receiptWire(receiptOfDenial({ latest, count: 1 }, { id: "plus", version: 1 }), null);
    expect(decision).toMatchObject({ reason: "gate", limit: "dearest", needed: "0.000000", count: 1 });
    expect(decision.considered.at(-1)).toEqual({
      source: "dearest",
      kind: "gate",
      unit: "credits",
      available: "20.000000",
      taken: "0.000000",
    });
  });
});

describe("the receipt of a request that was let through", () => {
  it("shows quantities in the units of their owners, and charges in credits", () => {
    const state = account();
    const reservation = hold(state, commandOf("req_1", 8));
    const wire = receiptWire(receiptOf(charge(state, reservation, 6).reservation, true), null);
    expect(wire.decision.considered).toEqual([
      { source: "tpm", kind: "gate", unit: "tokens", available: "500", taken: "8" },
      { source: "dearest", kind: "gate", unit: "credits", available: "20.000000", taken: "8.000000" },
      { source: "in-flight", kind: "gate", unit: "concurrency", available: "3", taken: "1" },
      { source: "calls", kind: "allowance", unit: "requests", available: "2", taken: "1" },
      { source: "paid", kind: "grant", unit: "credits", available: "10.000000", taken: "0.000000" },
    ]);
    expect(wire.reservation?.draws).toEqual([{ source: "calls", kind: "allowance", amount: "8.000000" }]);
    expect(wire.charge).toMatchObject({ amount: "6.000000", returned: "2.000000", refunded: "0.000000" });
    expect(wire.decision).toMatchObject({ outcome: "allowed", reason: null });
  });

  it("tells what an operator gave back, beside the charge, which stays what it was", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const { reservation } = charge(state, hold(state, commandOf("req_1", 8)), 6);
    const wanted = { id: "ref_1", amount: credits(1.25), at: T0, reason: "wrong answer" };
    const refunded = refund(state, reservation, wanted, (id) => grantIn(state, id), sha256);
    const wire = receiptWire(receiptOf(refunded.reservation, true), null);
    expect(wire.charge).toMatchObject({ amount: "6.000000", refunded: "1.250000", overshoot: "0.000000" });
  });
});
