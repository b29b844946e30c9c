import { expect, test } from "vitest";
import { checkPayments } from "../../src/payments/check.ts";
import { plansOf } from "../support/query-plans.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

test("the check of the books reads grants by their index, and never the whole ledger", async () => {
  const plans = await plansOf(migratedD1(), (db) => checkPayments(db, Date.now()));
  const ofLedger = plans.filter((step) => / b( |$)/.test(step));
  expect(ofLedger.slice(0, 2)).toEqual([
    expect.stringContaining("USING INDEX refunds_by_cause (account_id=? AND cause=?)"),
    "SCAN b USING INDEX refunds_by_cause",
  ]);
  expect(ofLedger).not.toContain("SCAN b");
});
