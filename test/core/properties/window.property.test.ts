import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { burnOrder, type Grant } from "../../../src/core/grant.ts";
import { decide } from "../../../src/core/waterfall.ts";
import { bookUse, fitsAt, type Marks, markAt, viewWindow, type WindowRule } from "../../../src/core/window.ts";
import {
  accountWith,
  allowanceOf,
  calendar,
  charge,
  commandOf,
  credits,
  demandOf,
  grantOf,
  HOUR,
  hold,
  planOf,
  T0,
} from "../../support/core-fixtures.ts";

const rule: fc.Arbitrary<WindowRule> = fc.record({
  kind: fc.constantFrom("anchored", "sliding"),
  periodMs: fc.integer({ min: 1, max: 5_000 }),
  limit: fc.integer({ min: 1, max: 20 }),
});
const uses = fc.array(fc.record({ after: fc.nat(1_500), amount: fc.integer({ min: 1, max: 8 }) }), {
  maxLength: 40,
  size: "max",
});

interface Use {
  readonly at: number;
  readonly amount: number;
}

/** Lets in what the window has room for; answers what was let in and the window afterwards. */
function admit(at: WindowRule, asked: readonly { after: number; amount: number }[]): { used: Marks; admitted: Use[] } {
  let used: Marks = new Map();
  let now = T0;
  const admitted: Use[] = [];
  for (const { after, amount } of asked) {
    now += after;
    if (viewWindow(at, used, new Map(), now).remaining < amount) continue;
    used = bookUse(at, used, markAt(at, used, new Map(), now), amount, now);
    admitted.push({ at: now, amount });
  }
  return { used, admitted };
}

function between(admitted: readonly Use[], from: number, to: number): number {
  return admitted.reduce((total, use) => (use.at >= from && use.at < to ? total + use.amount : total), 0);
}

describe("a window", () => {
  it("that slides admits no more than its limit in any period", () => {
    fc.assert(
      fc.property(rule, uses, (anyRule, asked) => {
        const at: WindowRule = { ...anyRule, kind: "sliding" };
        const { admitted } = admit(at, asked);
        for (const { at: from } of admitted) {
          expect(between(admitted, from, from + at.periodMs)).toBeLessThanOrEqual(at.limit);
        }
      }),
    );
  });

  it("that is anchored admits no more than its limit from one opening to its reset", () => {
    fc.assert(
      fc.property(rule, uses, (anyRule, asked) => {
        const at: WindowRule = { ...anyRule, kind: "anchored" };
        const { admitted } = admit(at, asked);
        let opened = Number.NEGATIVE_INFINITY;
        for (const { at: instant } of admitted) {
          if (instant < opened + at.periodMs) continue;
          opened = instant;
          expect(between(admitted, opened, opened + at.periodMs)).toBeLessThanOrEqual(at.limit);
        }
      }),
    );
  });

  it("has room exactly from the instant that it names, and not before", () => {
    fc.assert(
      fc.property(
        rule,
        uses,
        uses,
        fc.integer({ min: 1, max: 25 }),
        fc.nat(6_000),
        (at, asked, held, needed, later) => {
          const { used } = admit(at, asked);
          const holds = admit(at, held).used;
          const now = T0 + later;
          const room = (instant: number): number => viewWindow(at, used, holds, instant).remaining;
          const fits = fitsAt(at, used, holds, needed, now);
          if (fits === null) {
            expect(needed).toBeGreaterThan(at.limit);
            return;
          }
          expect(fits).toBeGreaterThanOrEqual(now);
          expect(room(fits)).toBeGreaterThanOrEqual(needed);
          if (fits > now) expect(room(fits - 1)).toBeLessThan(needed);
        },
      ),
    );
  });
});

// C24
it("a request that is told to wait for a reset is let in at that instant, and not before", () => {
  const windows = fc.array(rule, { minLength: 1, maxLength: 3 }).map((rules) => {
    const distinct = new Map(rules.map((each) => [`${each.kind}${each.periodMs}`, each]));
    return [...distinct.values()].map((each) => ({ ...each, limit: credits(each.limit) }));
  });
  fc.assert(
    fc.property(windows, uses, fc.integer({ min: 1, max: 8 }), (rules, asked, amount) => {
      const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", rules)] }) });
      let now = T0;
      for (const [index, use] of asked.entries()) {
        now += use.after;
        if (decide(state, demandOf(use.amount), now).outcome === "denied") continue;
        charge(state, hold(state, commandOf(`req_${index}`, use.amount), now), use.amount, now);
      }
      const decision = decide(state, demandOf(amount), now);
      if (decision.outcome === "allowed") return;
      if (decision.resetsAt === null) {
        expect(amount).toBeGreaterThan(Math.min(...rules.map(({ limit }) => limit)) / 1_000_000);
        return;
      }
      expect(decide(state, demandOf(amount), decision.resetsAt)).toMatchObject({ outcome: "allowed" });
      expect(decide(state, demandOf(amount), decision.resetsAt - 1)).toMatchObject({ outcome: "denied" });
    }),
  );
});

// C24
it("so it is with calendars, units, and grants that begin and end meanwhile", () => {
  const anyRule: fc.Arbitrary<WindowRule> = fc.oneof(
    fc.record({
      kind: fc.constantFrom("anchored", "sliding"),
      periodMs: fc.integer({ min: HOUR, max: 40 * HOUR }),
      limit: fc.integer({ min: 1, max: 20 }),
    }),
    fc
      .record({ unit: fc.constantFrom("day", "week"), place: fc.constantFrom("UTC", "Europe/Berlin", "Asia/Kolkata") })
      .chain(({ unit, place }) => fc.integer({ min: 1, max: 20 }).map((limit) => calendar(unit, place, limit))),
  );
  const allowances = fc
    .array(fc.record({ unit: fc.constantFrom("credits", "requests", "tokens"), rule: anyRule }), { maxLength: 3 })
    .map((all) =>
      all.map(({ unit, rule: at }, index) => {
        const limit = unit === "credits" ? credits(at.limit) : at.limit;
        return allowanceOf(`a${index}`, [{ ...at, limit }], null, { unit });
      }),
    );
  const ahead = fc.integer({ min: 1, max: 60 }).map((hours) => T0 + hours * HOUR);
  const grants = fc.array(
    fc.record({ amount: fc.integer({ min: 1, max: 5 }), effectiveAt: ahead, expiresAt: fc.option(ahead) }),
    { maxLength: 3 },
  );
  const spaced = fc.array(fc.record({ hours: fc.nat(6), amount: fc.integer({ min: 1, max: 8 }) }), { maxLength: 12 });
  fc.assert(
    fc.property(allowances, grants, spaced, fc.integer({ min: 1, max: 30 }), (plan, given, asked, amount) => {
      const commands = given.map((each, index) => grantOf(`g${index}`, 0, { ...each, amount: credits(each.amount) }));
      const state = accountWith({ plan: planOf({ allowances: plan }) }, commands);
      let now = T0;
      for (const [index, use] of asked.entries()) {
        now += use.hours * HOUR;
        if (decide(state, demandOf(use.amount), now).outcome === "denied") continue;
        charge(state, hold(state, commandOf(`req_${index}`, use.amount), now), use.amount, now);
      }
      const decision = decide(state, demandOf(amount), now);
      if (decision.outcome === "allowed" || decision.resetsAt === null) return;
      expect(decide(state, demandOf(amount), decision.resetsAt)).toMatchObject({ outcome: "allowed" });
      expect(decide(state, demandOf(amount), decision.resetsAt - 1)).toMatchObject({ outcome: "denied" });
    }),
    { numRuns: 300 },
  );
});

it("grants have one burn order, whatever order they come in", () => {
  const grant: fc.Arbitrary<Omit<Grant, "id">> = fc.record({
    kind: fc.constantFrom("entitlement", "promotional", "paid", "adjustment"),
    amount: fc.constant(1),
    priority: fc.nat(1),
    effectiveAt: fc.nat(1),
    expiresAt: fc.option(fc.nat(1)),
    features: fc.constant(null),
    reason: fc.constant(grantOf("any", 1).reason),
    createdAt: fc.nat(1),
    createdSeq: fc.nat(1),
    used: fc.constant(0),
    lapsed: fc.constant(0),
    voidedAt: fc.constant(null),
  });
  fc.assert(
    fc.property(
      fc.array(grant, { maxLength: 8 }),
      fc.array(fc.nat(), { minLength: 8, maxLength: 8 }),
      (terms, keys) => {
        const grants = terms.map((term, index) => ({ ...term, id: `grt_${index}` }));
        const shuffled = grants
          .map((each, index) => ({ each, key: keys[index] ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each);
        expect(shuffled.sort(burnOrder)).toEqual([...grants].sort(burnOrder));
      },
    ),
  );
});
