import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, heldOfGrant, NO_CHANGE, openAccount } from "../../../src/core/account.ts";
import { viewGrants, viewLimits } from "../../../src/core/account-view.ts";
import { sum } from "../../../src/core/amount.ts";
import { burnOrder, type Grant, isLive, remaining } from "../../../src/core/grant.ts";
import { covers } from "../../../src/core/plan.ts";
import { release } from "../../../src/core/settlement.ts";
import { sourcesOf, takeFrom } from "../../../src/core/sources.ts";
import { decide } from "../../../src/core/waterfall.ts";
import {
  accountWith,
  charge,
  commandOf,
  credits,
  demandOf,
  finish,
  hold,
  sha256,
  T0,
  worth,
} from "../../support/core-fixtures.ts";

type Terms = Pick<Grant, "kind" | "priority" | "features" | "effectiveAt" | "expiresAt" | "createdAt" | "createdSeq">;
type Standing = Pick<Grant, "used" | "lapsed" | "voidedAt" | "reclaimed">;

type Step =
  | { readonly do: "give"; readonly terms: Terms }
  /** What a settlement, refund, expiry, void or reclaim may leave of a grant; also nothing, and more than before. */
  | { readonly do: "change"; readonly grant: number; readonly standing: Standing }
  | { readonly do: "hold"; readonly amount: number }
  | { readonly do: "end"; readonly request: number; readonly amount: number | null }
  /** The clock goes on, or back. */
  | { readonly do: "pass"; readonly ms: number }
  /** The object is evicted and reads its rows in any order. */
  | { readonly do: "reload" };

const AMOUNT = 10;
/** Few values, so that grants tie in any part of the order, and begin and end in the midst of a history. */
const instant = fc.integer({ min: -4, max: 12 }).map((ticks) => T0 + ticks);
const FIELDS = {
  kind: fc.constantFrom<Grant["kind"][]>("entitlement", "promotional", "paid", "adjustment"),
  priority: fc.nat(1),
  features: fc.constantFrom(null, null, ["codex"], ["sora"]),
  effectiveAt: instant,
  expiresAt: fc.option(instant),
  createdAt: instant,
  createdSeq: fc.nat(2),
} as const;
const terms: fc.Arbitrary<Terms> = fc.record(FIELDS);
const part = fc.nat(AMOUNT / 2).map(credits);
const standing: fc.Arbitrary<Standing> = fc.record({
  used: part,
  lapsed: part,
  voidedAt: fc.option(instant, { freq: 1 }),
  reclaimed: fc.constantFrom(0, 0, credits(3)),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("give"), terms }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("change"), grant: fc.nat(30), standing }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("hold"), amount: fc.integer({ min: 1, max: 25 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("end"), request: fc.nat(9), amount: fc.option(fc.nat(25)) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.integer({ min: -6, max: 8 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reload") }) },
);

/** An account, with every grant that it ever had beside it. */
class History {
  state: AccountState = accountWith();
  now = T0;
  readonly known = new Map<string, Grant>();
  #requests = 0;

  run(step: Step): void {
    switch (step.do) {
      case "give": {
        const rest = { amount: credits(AMOUNT), reason: "", used: 0, lapsed: 0, voidedAt: null };
        this.#set({ ...step.terms, ...rest, id: `grt_${(this.known.size * 7) % 31}_${this.known.size}` });
        break;
      }
      case "change": {
        const grant = [...this.known.values()][step.grant % Math.max(1, this.known.size)];
        if (grant && heldOfGrant(this.state, grant.id) === 0) this.#set({ ...grant, ...step.standing });
        break;
      }
      case "hold":
        if (decide(this.state, demandOf(step.amount), this.now).outcome === "denied") break;
        this.#requests += 1;
        hold(this.state, commandOf(`req_${this.#requests}`, step.amount), this.now);
        break;
      case "end":
        this.#end(step.request, step.amount);
        break;
      case "pass":
        this.now += step.ms;
        break;
      case "reload":
        this.state = openAccount(this.state.row, [...this.known.values()].reverse(), this.state.pending.values());
    }
  }

  #end(request: number, amount: number | null): void {
    const { state, now } = this;
    const reservation = [...state.pending.values()][request % Math.max(1, state.pending.size)];
    if (!reservation) return;
    const { change } =
      amount === null
        ? finish(state, release(state, reservation, "rejected", now, sha256))
        : charge(state, reservation, amount, now);
    for (const grant of change.grants) this.known.set(grant.id, grant);
  }

  #set(grant: Grant): void {
    this.known.set(grant.id, grant);
    const left = [...this.known.values()].map(remaining);
    applyChange(this.state, { ...NO_CHANGE, row: { ...this.state.row, balance: sum(left) }, grants: [grant] });
  }
}

function openInOrder({ known }: History): Grant[] {
  return [...known.values()].filter((grant) => remaining(grant) > 0).sort(burnOrder);
}

describe("what is kept of an account's grants is what looking at all of them anew would show", () => {
  const histories = fc.array(step, { maxLength: 60, size: "max" });

  it("after any changes, whether the clock goes on or back", () => {
    fc.assert(
      fc.property(histories, (steps) => {
        const history = new History();
        for (const each of steps) {
          history.run(each);
          const { state, now } = history;
          const open = openInOrder(history);
          expect([...state.grants.values()]).toEqual(open);
          expect(viewGrants(state).map(({ id }) => id)).toEqual(open.map(({ id }) => id));
          const free = (grant: Grant): number => remaining(grant) - heldOfGrant(state, grant.id);
          const live = open.filter((grant) => isLive(grant, now));
          expect(viewLimits(state, "key_1", now).credits.available).toBe(sum(live.map(free)));
          const paying = live.filter(({ features }) => covers(features, "codex"));
          const shown = sourcesOf(state, demandOf(1), now).map(({ id, available }) => [id, available]);
          expect(shown).toEqual(paying.map((grant) => [grant.id, free(grant)]));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("and what is asked for now and then only is kept just as well", () => {
    fc.assert(
      fc.property(histories, fc.nat(7), (steps, pause) => {
        const history = new History();
        for (const [index, each] of steps.entries()) {
          history.run(each);
          if (index % (pause + 1) !== 0) continue;
          const { state, now } = history;
          const live = openInOrder(history).filter((grant) => isLive(grant, now));
          const free = sum(live.map((grant) => remaining(grant) - heldOfGrant(state, grant.id)));
          expect(viewLimits(state, "key_1", now).credits.available).toBe(free);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("a decision that stops looking once it has enough takes what it would have taken of all", () => {
    // Most of them live, since only what lies beyond the first ones is left out.
    const living = fc.record({ ...FIELDS, effectiveAt: fc.constantFrom(T0 - 2, T0 - 1, T0, T0 + 1) });
    const many = fc.array(living, { minLength: 40, maxLength: 80, size: "max" });
    fc.assert(
      fc.property(many, fc.nat(400), fc.nat(400), (all, held, amount) => {
        const history = new History();
        for (const each of all) history.run({ do: "give", terms: each });
        history.run({ do: "hold", amount: held });
        const { state, now } = history;
        const every = sourcesOf(state, demandOf(amount), now);
        const paying = openInOrder(history).filter((one) => isLive(one, now) && covers(one.features, "codex"));
        expect(every.map(({ id }) => id)).toEqual(paying.map(({ id }) => id));
        const enough = sourcesOf(state, demandOf(amount), now, { most: credits(amount) });
        const taken = takeFrom(enough, worth(amount), credits(amount));
        expect(taken).toEqual(takeFrom(every, worth(amount), credits(amount)));
      }),
    );
  });
});
