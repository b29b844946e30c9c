import { describe, expect, it } from "vitest";
import type { FoldedDenial, UsageOutcome } from "../../src/core/event.ts";
import type { Receipt, ReceiptCharge } from "../../src/core/receipt.ts";
import { type Decision, type DenialReason, decide } from "../../src/core/waterfall.ts";
import { decisionSentence, receiptSentence } from "../../src/wire/sentence.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  credits,
  DAY,
  demandOf,
  grantOf,
  HOUR,
  planOf,
  T0,
} from "../support/core-fixtures.ts";

const PAID: ReceiptCharge = {
  amount: credits(1.5),
  posted: [{ kind: "allowance", source: "included", amount: credits(1.5) }],
  returned: 0,
  overshoot: 0,
};

/** A settled receipt that the allowance `included` paid whole, with `part` in its place. */
function receipt(part: Partial<Receipt> = {}, charge: Partial<ReceiptCharge> = {}): Receipt {
  return {
    requestId: "req_1",
    attempt: 1,
    at: T0,
    feature: "codex",
    model: "gpt-5.4",
    keyId: "key_1",
    plan: { id: "plus", version: 1 },
    rateCard: { id: "default", version: 1 },
    considered: [],
    state: "settled",
    reserved: credits(1.5),
    draws: [{ kind: "allowance", source: "included", amount: credits(1.5) }],
    denial: null,
    refunded: 0,
    expiresAt: null,
    outcome: "completed",
    estimated: false,
    usage: null,
    charge: { ...PAID, ...charge },
    rows: null,
    ...part,
  };
}

function denial(part: Partial<FoldedDenial>): Receipt {
  const folded = { reason: "gate", limit: null, resetsAt: null, needed: 0, available: 0, count: 1, ...part };
  return receipt({ denial: folded, outcome: "denied", charge: null, state: "released" });
}

describe("the sentence of a refusal", () => {
  it.each<[DenialReason, string | null, string]>([
    ["account_suspended", "acct_1", "Denied: the account is suspended (acct_1). Nothing was charged."],
    [
      "account_frozen",
      "acct_1",
      "Denied: paid use of the account is stopped until its ledger has been checked (acct_1). Nothing was charged.",
    ],
    ["feature_not_entitled", "sora", "Denied: the plan does not include this (sora). Nothing was charged."],
    ["model_not_entitled", "gpt-5.5", "Denied: the plan does not include this model (gpt-5.5). Nothing was charged."],
    ["unpriced", "tool shell", "Denied: this has no price (tool shell). Nothing was charged."],
    ["gate", "codex-rpm", "Denied: a limit was reached that credits do not lift (codex-rpm). Nothing was charged."],
    [
      "allowance_exhausted",
      "included",
      "Denied: the included use was used up and the credits did not suffice (included). Nothing was charged.",
    ],
    ["credits_exhausted", null, "Denied: neither the included use nor the credits sufficed. Nothing was charged."],
    ["credits_reserved", null, "Denied: the credits were reserved by requests in flight. Nothing was charged."],
  ])("%s is told in words of its own", (reason, limit, sentence) => {
    expect(receiptSentence(denial({ reason, limit }))).toBe(sentence);
  });

  it("names what was needed, when there is room again, and how many others were refused alike", () => {
    const more = { needed: credits(8), available: credits(2.5), resetsAt: T0 + 5 * HOUR, count: 12 };
    expect(receiptSentence(denial({ reason: "allowance_exhausted", limit: "included", ...more }))).toBe(
      "Denied: the included use was used up and the credits did not suffice (included): 8.00 credits were needed, " +
        "2.50 could be had; there is room again at 2026-11-22 17:00:00 UTC. " +
        "Nothing was charged (the latest of 12 in the same minute).",
    );
  });

  it("shows a reason of a later release as it is, rather than none", () => {
    expect(receiptSentence(denial({ reason: "moon_phase" }))).toBe("Denied: moon_phase. Nothing was charged.");
  });
});

describe("the sentence of a request that was let through", () => {
  const grant = { kind: "grant", source: "grt_1" } as const;

  it.each<[string, Partial<Receipt>, Partial<ReceiptCharge>, string]>([
    ["paid by one source", {}, {}, "Allowed: 1.50 credits from the allowance included."],
    [
      "paid by several, with the rest back",
      { reserved: credits(4) },
      {
        posted: [...PAID.posted, { ...grant, amount: credits(0.4375) }],
        amount: credits(1.9375),
        returned: credits(2.0625),
      },
      "Allowed: 1.9375 credits (1.50 from the allowance included, 0.4375 from the grant grt_1); " +
        "2.0625 that were reserved went back.",
    ],
    [
      "more than the sources could pay",
      {},
      { overshoot: credits(0.25) },
      "Allowed: 1.50 credits from the allowance included; 0.25 more than your sources could pay were refunded at once.",
    ],
    ["free", {}, { amount: 0, posted: [] }, "Allowed: nothing was charged."],
    [
      "broken off",
      { outcome: "cut", estimated: true },
      {},
      "Allowed: 1.50 credits from the allowance included; the answer broke off, so only what had arrived is charged.",
    ],
    [
      "expired",
      { outcome: "expired", state: "expired", estimated: true },
      {},
      "Allowed: 1.50 credits from the allowance included; " +
        "the request did not report its end, so only what had been seen of it is charged.",
    ],
    [
      "without usage from upstream",
      { estimated: true },
      {},
      "Allowed: 1.50 credits from the allowance included; the model provider reported no usage, so it was counted here.",
    ],
  ])("%s", (_what, part, charge, sentence) => {
    expect(receiptSentence(receipt(part, charge))).toBe(sentence);
  });

  it("under way: what is reserved, and from where", () => {
    expect(receiptSentence(receipt({ state: "pending", charge: null, outcome: null }))).toBe(
      "Allowed: 1.50 credits are reserved from the allowance included; the request is under way.",
    );
  });

  it("under way and free: no empty list of payers", () => {
    const free = receipt({ state: "pending", charge: null, outcome: null, reserved: 0, draws: [] });
    expect(receiptSentence(free)).not.toContain("()");
  });

  it.each<[UsageOutcome, string]>([
    ["rejected", "the model provider refused the request"],
    ["upstream_error", "the model provider gave no answer"],
    ["abandoned", "it was cancelled before it had cost anything"],
    ["failed", "the model provider could not finish it"],
  ])("released as %s: nothing was charged, and everything went back", (outcome, why) => {
    expect(receiptSentence(receipt({ state: "released", outcome }, { amount: 0, posted: [] }))).toBe(
      `Not charged: ${why}, and the 1.50 credits that were reserved went back.`,
    );
  });
});

describe("the sentence of a quote", () => {
  function quoted(bound: number, estimate: "ceiling" | "clamp" = "ceiling"): Decision {
    const allowances = [allowanceOf("included", [anchored(DAY, credits(3))])];
    const state = accountWith({ plan: planOf({ allowances, estimate }) }, [grantOf("grt_1", 4)]);
    return decide(state, demandOf(bound, { openOutput: true }), T0);
  }

  it.each<[string, Decision, string]>([
    ["one payer", quoted(2), "Would be allowed: at most 2.00 credits from the allowance included."],
    [
      "several payers",
      quoted(6),
      "Would be allowed: at most 6.00 credits (3.00 from the allowance included, 3.00 from the grant grt_1).",
    ],
    [
      "an answer that is cut to what can be paid",
      quoted(50, "clamp"),
      "Would be allowed: at most 7.00 credits (3.00 from the allowance included, 4.00 from the grant grt_1), " +
        "for at most 7 output tokens.",
    ],
    [
      "a refusal",
      quoted(50),
      "Denied: neither the included use nor the credits sufficed: 50.00 credits were needed, 7.00 could be had. " +
        "Nothing was charged.",
    ],
  ])("%s", (_what, decision, sentence) => {
    expect(decisionSentence(decision)).toBe(sentence);
  });

  it("a free request: no empty list of payers", () => {
    expect(decisionSentence(quoted(0))).not.toContain("()");
  });
});
