import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { burnOrder, type Grant, isLive, remaining } from "../../src/core/grant.ts";
import { DAY, grantOf, T0 } from "../support/core-fixtures.ts";

function grant(id: string, part: Partial<Grant> = {}): Grant {
  return { ...grantOf(id, 10), createdAt: T0, createdSeq: 1, used: 0, lapsed: 0, voidedAt: null, ...part };
}

function order(...grants: Grant[]): string[] {
  return grants.sort(burnOrder).map(({ id }) => id);
}

describe("grants are burnt in one order, whatever order they are stored in", () => {
  const first = grant("first");
  it.each<[string, Partial<Grant>, Partial<Grant>]>([
    [
      "smaller priority",
      { priority: 1, expiresAt: null, kind: "paid" },
      { priority: 2, expiresAt: 5, kind: "promotional" },
    ],
    ["earlier expiry", { expiresAt: T0 + DAY, kind: "paid" }, { expiresAt: T0 + 2 * DAY, kind: "promotional" }],
    ["an expiry before none", { expiresAt: T0 + 900 * DAY }, { expiresAt: null }],
    ["promotional before paid", { kind: "promotional", effectiveAt: 9 }, { kind: "paid", effectiveAt: 1 }],
    ["entitlement before paid", { kind: "entitlement" }, { kind: "paid" }],
    ["promotional before an adjustment", { kind: "promotional" }, { kind: "adjustment" }],
    ["earlier effective", { effectiveAt: 1, createdAt: T0 + 1 }, { effectiveAt: 2 }],
    ["earlier created", { createdAt: T0, createdSeq: 9 }, { createdAt: T0 + 1, createdSeq: 1 }],
    ["earlier in the journal", { createdSeq: 1, id: "z" }, { createdSeq: 2, id: "a" }],
  ])("%s", (_, sooner, later) => {
    const a = grant("sooner", sooner);
    const b = grant("later", later);
    expect(burnOrder(a, b)).toBeLessThan(0);
    expect(burnOrder(b, a)).toBeGreaterThan(0);
  });

  it("the id decides when all else is equal", () => {
    expect(order(grant("c"), grant("a"), grant("b"))).toEqual(["a", "b", "c"]);
    expect(order(grant("b"), grant("a"), grant("c"))).toEqual(["a", "b", "c"]);
  });

  it("promotional and entitlement stand on one level", () => {
    const older = grant("z", { kind: "promotional", createdSeq: 1 });
    const newer = grant("a", { kind: "entitlement", createdSeq: 2 });
    expect(order(newer, older)).toEqual(["z", "a"]);
  });

  it("what was used already does not matter", () => {
    expect(burnOrder({ ...first, used: 9_000_000 }, grant("second"))).toBeLessThan(0);
  });
});

describe("a grant pays only while it is live", () => {
  const term = grant("g", { effectiveAt: T0, expiresAt: T0 + DAY });
  it.each([
    [T0 - 1, false],
    [T0, true],
    [T0 + DAY - 1, true],
    [T0 + DAY, false],
    [T0 + DAY + 1, false],
  ])("at %d: %s", (now, live) => expect(isLive(term, now)).toBe(live));

  it("a grant without expiry stays live", () => expect(isLive(grant("g"), Number.MAX_SAFE_INTEGER)).toBe(true));
  it("a grant that expires before it takes effect is never live", () => {
    const never = grant("g", { effectiveAt: 10, expiresAt: 5 });
    for (const now of [4, 5, 7, 10, 11]) expect(isLive(never, now)).toBe(false);
  });
});

describe("what is left of a grant", () => {
  it("counts neither what was used nor what lapsed", () => {
    expect(remaining(grant("g", { used: 3_000_000, lapsed: 2_000_000 }))).toBe(5_000_000);
  });
  it.each<Partial<Grant>>([{ used: 10_000_001 }, { lapsed: 10_000_001 }, { used: 6_000_000, lapsed: 4_000_001 }])(
    "is never below zero: %j stops the command",
    (part) => expect(() => remaining(grant("g", part))).toThrow(BrokenInvariant),
  );
});
