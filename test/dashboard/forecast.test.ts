import { describe, expect, test } from "vitest";
import type { Grant } from "../../src/core/grant.ts";
import { forecast, fullAt, paceOf } from "../../src/dashboard/forecast.ts";

const DAY = 24 * 3_600_000;
const NOW = Date.UTC(2026, 10, 22);
const CREDIT = 1_000_000;

function grant(id: string, credits: number, terms: Partial<Grant> = {}): Grant {
  return {
    id,
    kind: "paid",
    amount: credits * CREDIT,
    priority: 50,
    effectiveAt: NOW - DAY,
    expiresAt: null,
    features: null,
    reason: id,
    createdAt: NOW - DAY,
    createdSeq: 1,
    used: 0,
    lapsed: 0,
    voidedAt: null,
    ...terms,
  };
}

describe("the pace", () => {
  test("is what was used over the days in which it was used, at least one and at most seven", () => {
    expect(paceOf({ amount: 0, firstAt: null, complete: true }, NOW)).toBe(0);
    expect(paceOf({ amount: 6 * CREDIT, firstAt: NOW - 60_000, complete: true }, NOW)).toBe(6 * CREDIT);
    expect(paceOf({ amount: 6 * CREDIT, firstAt: NOW - 3 * DAY, complete: true }, NOW)).toBe(2 * CREDIT);
    expect(paceOf({ amount: 14 * CREDIT, firstAt: NOW - 7 * DAY, complete: true }, NOW)).toBe(2 * CREDIT);
    // The newest use of an account that is too busy for all of a day to be read.
    expect(paceOf({ amount: 6 * CREDIT, firstAt: NOW - DAY / 4, complete: false }, NOW)).toBe(24 * CREDIT);
  });
});

describe("the forecast", () => {
  const cases: [string, Grant[], number, number | null, [string, number][]][] = [
    ["nothing used, nothing runs out", [grant("a", 10)], 0, null, []],
    ["no credits, nothing to run out", [], 1, null, []],
    ["one grant", [grant("a", 10)], 2, 5, []],
    ["one after the other", [grant("a", 10), grant("b", 4)], 2, 7, []],
    ["more than a year", [grant("a", 1_000)], 1, null, []],
    ["an expiry takes what is left", [grant("a", 10, { expiresAt: NOW + 2 * DAY }), grant("b", 4)], 2, 4, [["a", 6]]],
    [
      "an expiry later than the use takes nothing",
      [grant("a", 4, { expiresAt: NOW + 9 * DAY }), grant("b", 4)],
      2,
      4,
      [],
    ],
    [
      "one that expires while another burns",
      [grant("a", 8), grant("b", 5, { expiresAt: NOW + DAY })],
      2,
      4,
      [["b", 5]],
    ],
    ["one that begins later", [grant("a", 4), grant("b", 4, { effectiveAt: NOW + DAY })], 2, 4, []],
    ["one that begins too late", [grant("a", 4), grant("b", 4, { effectiveAt: NOW + 9 * DAY })], 2, 2, []],
    ["ended ones do not count", [grant("a", 4, { expiresAt: NOW }), grant("b", 4, { voidedAt: NOW })], 2, null, []],
  ];
  test.each(cases)("%s", (_, grants, perDay, days, lapsing) => {
    const told = forecast(grants, perDay * CREDIT, NOW);
    expect(told.exhaustedAt).toBe(days === null ? null : NOW + days * DAY);
    expect(told.lapsing.map(({ id, amount }) => [id, amount / CREDIT])).toEqual(lapsing);
  });
});

describe("a window", () => {
  const rule = { kind: "anchored", periodMs: 10 * DAY, limit: 100 } as const;
  const at = (used: number, elapsedDays: number, limit = rule) =>
    fullAt(
      {
        rule: limit,
        used,
        held: 0,
        remaining: 100 - used,
        startedAt: NOW - elapsedDays * DAY,
        resetsAt: NOW + (10 - elapsedDays) * DAY,
      },
      NOW,
    );

  test("that is used faster than its period tells when it will be full", () => {
    expect(at(50, 2)).toBe(NOW + 2 * DAY);
  });

  test("says nothing when it resets before, when it is full, unused or just opened", () => {
    expect(at(10, 5)).toBeNull();
    expect(at(100, 5)).toBeNull();
    expect(at(0, 5)).toBeNull();
    expect(at(90, 0.1)).toBeNull();
  });
});
