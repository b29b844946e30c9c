import { describe, expect, test } from "vitest";
import type { Receipt } from "../../src/core/receipt.ts";
import { NO_USAGE } from "../../src/core/usage.ts";
import { pictureOf } from "../../src/dashboard/waterfall-steps.ts";

const CREDIT = 1_000_000;

const RECEIPT: Receipt = {
  requestId: "req_1",
  attempt: 1,
  at: 0,
  feature: "codex",
  model: "m",
  keyId: "key_1",
  plan: { id: "p", version: 1 },
  rateCard: { id: "default", version: 1 },
  considered: [
    { source: "rpm", kind: "gate", unit: "requests", available: 5, taken: 1 },
    { source: "inc", kind: "allowance", unit: "credits", available: CREDIT, taken: CREDIT },
    { source: "grt_a", kind: "grant", unit: "credits", available: 5 * CREDIT, taken: 3 * CREDIT },
    { source: "grt_b", kind: "grant", unit: "credits", available: 9 * CREDIT, taken: 0 },
  ],
  state: "settled",
  reserved: 4 * CREDIT,
  draws: [
    { kind: "allowance", source: "inc", amount: CREDIT },
    { kind: "grant", source: "grt_a", amount: 3 * CREDIT },
  ],
  denial: null,
  refunded: 0,
  expiresAt: null,
  outcome: "completed",
  estimated: false,
  usage: NO_USAGE,
  charge: {
    amount: 2 * CREDIT,
    posted: [
      { kind: "allowance", source: "inc", amount: CREDIT },
      { kind: "grant", source: "grt_a", amount: CREDIT },
    ],
    returned: 2 * CREDIT,
    overshoot: 0,
  },
  rows: null,
};

function told(receipt: Receipt): (readonly [string | null, string, number, number])[] {
  const { steps } = pictureOf(receipt);
  return steps.map(({ source, told, begin, amount }) => [source, told, begin / CREDIT, amount / CREDIT]);
}

describe("the picture of a waterfall", () => {
  test("has every source in the order in which it was asked; each begins where the one before ended", () => {
    expect(told(RECEIPT)).toEqual([
      ["inc", "paid 1.00", 0, 1],
      ["grt_a", "paid 1.00", 1, 1],
      ["grt_b", "not needed", 2, 0],
    ]);
    expect(pictureOf(RECEIPT)).toMatchObject({ whole: 2 * CREDIT, reserved: 4 * CREDIT });
  });

  test("shows what is reserved while the request is open", () => {
    const open: Receipt = { ...RECEIPT, state: "pending", charge: null, usage: null };
    expect(told(open).map(([, text]) => text)).toEqual(["1.00 reserved", "3.00 reserved", "not needed"]);
    expect(pictureOf(open).whole).toBe(4 * CREDIT);
  });

  test("shows a source that was asked at the end only, and what nobody paid", () => {
    const posted = [
      { kind: "allowance", source: "inc", amount: CREDIT },
      { kind: "grant", source: "grt_a", amount: 5 * CREDIT },
      { kind: "grant", source: "grt_new", amount: CREDIT },
    ] as const;
    const over: Receipt = { ...RECEIPT, charge: { amount: 9 * CREDIT, posted, returned: 0, overshoot: 2 * CREDIT } };
    expect(told(over).slice(2)).toEqual([
      ["grt_b", "gave nothing", 6, 0],
      ["grt_new", "paid 1.00", 6, 1],
      [null, "2.00 refunded at once", 7, 2],
    ]);
    expect(pictureOf(over).whole).toBe(9 * CREDIT);
  });

  test("shows what a refused request could have had, and what it lacked", () => {
    const denial = { reason: "credits_exhausted", limit: null, resetsAt: null, available: 4 * CREDIT, count: 1 };
    const denied: Receipt = { ...RECEIPT, draws: [], charge: null, denial: { ...denial, needed: 6 * CREDIT } };
    expect(told(denied)).toEqual([
      ["inc", "could give 1.00", 0, 1],
      ["grt_a", "could give 3.00", 1, 3],
      ["grt_b", "gave nothing", 4, 0],
      [null, "2.00 lacking", 4, 2],
    ]);
  });

  test("has no steps where nothing was asked", () => {
    const free: Receipt = { ...RECEIPT, considered: [], draws: [], charge: null };
    expect(pictureOf(free)).toEqual({ steps: [], whole: 0, reserved: 0 });
  });
});
