import { describe, expect, it } from "vitest";
import { applyChange } from "../../src/core/account.ts";
import { viewGrants, viewLimits } from "../../src/core/account-view.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { receiptOf } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { expire, release, settle, settleLate } from "../../src/core/settlement.ts";
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
  finish,
  grantOf,
  HOUR,
  hold,
  PLAIN_RATE,
  planOf,
  reportOf,
  requestGate,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";

const PLAN = planOf({
  allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])],
  gates: [requestGate("rpm", 9), concurrencyGate("in-flight", 3)],
});

function account() {
  return accountWith({ plan: PLAN }, [grantOf("later", 4, { effectiveAt: T0 + DAY }), grantOf("paid", 10)]);
}

describe("the receipt is the same, whoever remembers the request", () => {
  it.each([3, 8, 30])("settled for %d", (amount) => {
    const state = account();
    const { reservation, change } = charge(state, hold(state, commandOf("req_1", 8)), amount);
    const ledger = receiptFromLedger(change.entries);
    expect(ledger).toEqual(receiptOf(reservation, true));
    expect(ledger?.charge?.amount).toBe(credits(amount));
  });

  it("released", () => {
    const state = account();
    const ended = finish(state, release(state, hold(state, commandOf("req_1", 8)), "rejected", T0, sha256));
    const [ledger, object] = [receiptFromLedger(ended.change.entries), receiptOf(ended.reservation, true)];
    expect(ledger).toEqual(object);
    expect(object).toMatchObject({ state: "released", charge: { amount: 0, returned: credits(8) } });
  });

  it("expired, and charged late", () => {
    const state = account();
    const pending = { ...hold(state, commandOf("req_1", 8)), checkpoint: worth(3) };
    applyChange(state, { row: null, grants: [], reservations: [pending], entries: [] });
    const entries: ChainedEntry[] = [];
    const expired = finish(state, expire(state, pending, T0 + HOUR, sha256));
    const late = finish(state, settleLate(state, expired.reservation, reportOf(worth(7)), T0 + HOUR, sha256));
    entries.push(...expired.change.entries, ...late.change.entries);
    const [ledger, object] = [receiptFromLedger(entries), receiptOf(late.reservation, true)];
    expect(ledger).toEqual(object);
    expect(object).toMatchObject({
      state: "expired",
      outcome: "late",
      charge: { amount: credits(7), returned: credits(5) },
    });
  });

  it.each(["settled", "released", "expired"] as const)("%s, it names the rate card that was quoted", (ending) => {
    const state = account();
    const quote = { cardId: "summer", cardVersion: 7, model: "gpt-5.4", rate: PLAIN_RATE };
    const pending = hold(state, commandOf("req_1", 8, { demand: demandOf(8, { quote }) }));
    const end = {
      settled: () => settle(state, pending, reportOf(worth(3)), T0, sha256),
      released: () => release(state, pending, "rejected", T0, sha256),
      expired: () => expire(state, pending, T0 + HOUR, sha256),
    };
    const { reservation, change } = end[ending]();
    const rateCard = { id: "summer", version: 7 };
    expect(change.entries[0]?.usage?.decision.rateCard).toEqual(rateCard);
    for (const receipt of [receiptFromLedger(change.entries), receiptOf(reservation, true)]) {
      expect(receipt).toMatchObject({ state: ending, rateCard });
    }
  });

  it("of a request that is under way, there is no charge yet", () => {
    const receipt = receiptOf(hold(account(), commandOf("req_1", 8)), false);
    expect(receipt).toMatchObject({ state: "pending", charge: null, usage: null, rows: null, reserved: credits(8) });
  });

  it("of nothing, there is none", () => expect(receiptFromLedger([])).toBeNull());

  it("of an entry without a request, there is none", () => {
    const state = accountWith();
    const entry = charge(state, hold(state, commandOf("req_1", 0)), 0).change.entries[0];
    if (entry) expect(receiptFromLedger([{ ...entry, usage: null }])).toBeNull();
  });
});

// X1: what is shown and what is decided come from the same state.
describe("the limits that an account shows", () => {
  it("are those that are enforced, reserved parts apart", () => {
    const state = account();
    charge(state, hold(state, commandOf("req_1", 7)), 7);
    hold(state, commandOf("req_2", 3));
    const view = viewLimits(state, "key_1", T0);
    expect(view.credits).toEqual({ available: credits(5), reserved: credits(3), used: credits(2) });
    expect(view.gates.map(({ id, remaining }) => [id, remaining])).toEqual([
      ["rpm", 7],
      ["in-flight", 2],
    ]);
    expect(view.allowances[0]?.windows[0]).toMatchObject({
      used: credits(5),
      held: 0,
      remaining: 0,
      resetsAt: T0 + 5 * HOUR,
    });
    expect(viewGrants(state).map(({ id, reserved }) => [id, reserved])).toEqual([
      ["paid", credits(3)],
      ["later", 0],
    ]);
  });

  it("do not offer a grant before it takes effect", () => {
    expect(viewLimits(account(), "key_1", T0).credits.available).toBe(credits(10));
    expect(viewLimits(account(), "key_1", T0 + DAY).credits.available).toBe(credits(14));
  });
});
