import { describe, expect, it } from "vitest";
import type { ChainedEntry } from "../../src/core/event.ts";
import { balanceUpdateWire, pageWire, usageEventWire } from "../../src/wire/ledger.ts";
import { usageTotalWire } from "../../src/wire/usage-totals.ts";
import { History } from "../ledger/history.ts";
import { credits, grantOf } from "../support/core-fixtures.ts";

const history = new History()
  .give(grantOf("grt_a", 5, { features: ["codex"] }))
  .request("req_1", 2, 2)
  .refunds("req_1", 1, "wrong answer")
  .voids("grt_a", "closed")
  .denied(["req_2", "req_3"], 9);

function placed({ epoch, seq, at, updates, usage, monetization, hash }: ChainedEntry) {
  const [update] = updates;
  if (!update) throw new Error("an entry has an update");
  const place = { epoch, seq, draw: 0 };
  return { place, at, update, usageId: usage?.id ?? null, monetizationId: monetization?.id ?? null, hash };
}

describe("a balance update on the wire", () => {
  it.each<[string, number, object]>([
    [
      "a grant with its terms",
      1,
      {
        kind: "grant",
        source: "grt_a",
        amount: "5.000000",
        delta: "5.000000",
        grant: {
          kind: "paid",
          priority: 50,
          effective_at: "1970-01-01T00:00:00.000Z",
          expires_at: null,
          features: ["codex"],
          reason: "bought",
        },
        reason: "bought",
      },
    ],
    [
      "a debit without a reason",
      2,
      { kind: "debit", delta: "-2.000000", request_id: "req_1", grant: null, reason: null },
    ],
    [
      "a refund with its reason and the charge that it undoes",
      3,
      {
        kind: "refund",
        source: "grt_a",
        delta: "1.000000",
        cause: "mon_1.1",
        request_id: "req_1",
        grant: null,
        reason: "wrong answer",
      },
    ],
    [
      "a voided grant with its reason",
      4,
      { kind: "void", delta: "-4.000000", request_id: null, grant: null, reason: "closed" },
    ],
    [
      "a refusal, which moves nothing",
      5,
      { kind: "none", delta: "0.000000", balance_after: "0.000000", usage_event: "use_3.0~5", reason: null },
    ],
  ])("%s", (_what, seq, fields) => {
    expect(balanceUpdateWire(placed(history.at(seq)))).toMatchObject({ seq, draw: 0, ...fields });
  });
});

describe("a usage event on the wire", () => {
  it("tells a refusal apart from what was served", () => {
    const { usage, epoch, seq, at } = history.at(5);
    if (!usage) throw new Error("a refusal is a usage event");
    const wire = usageEventWire({ event: usage, place: { epoch, seq, draw: 0 }, at, charge: null });
    expect(wire).toMatchObject({
      request_id: "req_3",
      attempt: 0,
      outcome: "denied",
      reserved: "0.000000",
      charge: null,
    });
    expect(wire.usage).toMatchObject({ output_tokens: 0, outcome: "denied" });
  });
});

it("a list says whether there is more, and where it goes on", () => {
  expect(pageWire({ data: [1, 2], nextCursor: "MQ" }, String)).toEqual({
    data: ["1", "2"],
    has_more: true,
    next_cursor: "MQ",
  });
  expect(pageWire({ data: [], nextCursor: null }, String)).toEqual({ data: [], has_more: false, next_cursor: null });
});

it("a usage total counts what was refused apart from what was served", () => {
  const counts = { inputTokens: 10, cachedInputTokens: 8, outputTokens: 4, reasoningTokens: 1, seconds: 0 };
  const group = { day: "2026-11-22", feature: null, model: null };
  expect(
    usageTotalWire({ ...group, ...counts, requests: 2, denied: 7, charge: credits(1.5), refunded: credits(2) }),
  ).toEqual({
    ...group,
    requests: 2,
    denied: 7,
    input_tokens: 10,
    cached_input_tokens: 8,
    output_tokens: 4,
    reasoning_tokens: 1,
    seconds: 0,
    charge: "1.500000",
    refunded: "2.000000",
    net_charge: "-0.500000",
  });
});
