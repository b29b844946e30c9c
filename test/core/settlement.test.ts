import { describe, expect, it } from "vitest";
import { applyChange } from "../../src/core/account.ts";
import { BrokenInvariant, sum } from "../../src/core/amount.ts";
import type { UsageOutcome } from "../../src/core/event.ts";
import type { Plan } from "../../src/core/plan.ts";
import { reserve } from "../../src/core/reserve.ts";
import { expire, release, settle } from "../../src/core/settlement.ts";
import { NO_USAGE } from "../../src/core/usage.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  credits,
  DAY,
  finish,
  grantIn,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  reportOf,
  requestGate,
  sha256,
  sources,
  T0,
  worth,
} from "../support/core-fixtures.ts";

const INCLUDED = planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])] });
const METER = `included/anchored/${5 * HOUR}`;

function threeSources(plan: Plan = INCLUDED) {
  return accountWith({ plan }, [grantOf("promo", 3, { kind: "promotional" }), grantOf("paid", 10)]);
}

describe("a settlement consumes draws in the order of the reservation and returns from the tail", () => {
  it.each<[number, string[], number]>([
    [10, ["included=5", "promo=3", "paid=2"], 0],
    [9, ["included=5", "promo=3", "paid=1"], 1],
    [8, ["included=5", "promo=3"], 2],
    [6, ["included=5", "promo=1"], 4],
    [5, ["included=5"], 5],
    [1, ["included=1"], 9],
    [0, [], 10],
  ])("of 10 reserved, %d used", (used, posted, returned) => {
    const state = threeSources();
    const { settlement } = charge(state, hold(state, commandOf("req_1", 10)), used);
    expect(sources(settlement.posted)).toEqual(posted);
    expect(settlement).toMatchObject({ charge: credits(used), returned: credits(returned), overshoot: 0 });
    expect(state.row.balance).toBe(credits(13 - Math.max(0, used - 5)));
    expect(state.pending.size + state.heldGrants.size + state.heldMeters.size).toBe(0);
  });

  it("the journal says who paid, in one entry with its cause", () => {
    const state = threeSources();
    const { change } = charge(state, hold(state, commandOf("req_1", 10)), 9);
    expect(change.entries).toHaveLength(1);
    const [entry] = change.entries;
    expect(entry?.usage).toMatchObject({ id: "use_1.1", outcome: "completed", decision: { reserved: credits(10) } });
    expect(entry?.monetization).toMatchObject({ id: "mon_1.1", usageId: "use_1.1", amount: credits(9) });
    expect(entry?.updates.map(({ kind, source, delta, cause }) => [kind, source, delta, cause])).toEqual([
      ["allowance", "included", 0, "mon_1.1"],
      ["debit", "promo", -credits(3), "mon_1.1"],
      ["debit", "paid", -credits(1), "mon_1.1"],
    ]);
  });

  it("what was returned can be spent at once", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    charge(state, hold(state, commandOf("req_1", 10)), 1);
    expect(hold(state, commandOf("req_2", 9)).reserved).toBe(credits(9));
  });

  it("the rate is the one of the reservation, whatever the card says by now", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const reservation = hold(state, commandOf("req_1", 5));
    expect(charge(state, reservation, 4, T0 + DAY).change.entries[0]?.monetization).toMatchObject({
      cardId: "default",
      cardVersion: 1,
      amount: credits(4),
    });
  });
});

// X17, C11: the usage is never lost, the balance is never negative, and both sides are visible.
describe("more used than reserved", () => {
  it("is taken from what the sources can give now, without overshoot", () => {
    const state = threeSources();
    const { settlement } = charge(state, hold(state, commandOf("req_1", 6)), 12);
    expect(sources(settlement.posted)).toEqual(["included=5", "promo=3", "paid=4"]);
    expect(settlement).toMatchObject({ charge: credits(12), returned: 0, overshoot: 0 });
  });

  it("what nobody can pay is debited and refunded in the same entry", () => {
    const state = threeSources();
    const { settlement, change } = charge(state, hold(state, commandOf("req_1", 6)), 25);
    expect(settlement).toMatchObject({ charge: credits(25), overshoot: credits(7) });
    expect(state.row.balance).toBe(0);
    const updates = change.entries[0]?.updates ?? [];
    expect(updates.slice(-2).map(({ kind, source, amount, delta }) => [kind, source, amount, delta])).toEqual([
      ["overshoot_refund", null, credits(7), credits(7)],
      ["overshoot", null, credits(7), -credits(7)],
    ]);
    expect(Math.min(...updates.map(({ balanceAfter }) => balanceAfter))).toBeGreaterThanOrEqual(0);
    expect(sum(updates.map(({ delta }) => delta))).toBe(-credits(13));
  });

  it("never touches what another request has reserved", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const first = hold(state, commandOf("req_1", 2));
    const second = hold(state, commandOf("req_2", 8));
    expect(charge(state, first, 9).settlement).toMatchObject({ overshoot: credits(7) });
    expect(charge(state, second, 8).settlement).toMatchObject({ overshoot: 0 });
    expect(state.row.balance).toBe(0);
  });

  it("a request that was free by its bound and was not free in the end is still charged", () => {
    const state = accountWith();
    expect(charge(state, hold(state, commandOf("req_1", 0)), 4).settlement).toMatchObject({
      charge: credits(4),
      posted: [],
      overshoot: credits(4),
    });
    expect(state.row.balance).toBe(0);
  });

  it("a frozen account pays no more credits than it had reserved", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const reservation = hold(state, commandOf("req_1", 2));
    state.row = { ...state.row, status: "frozen" };
    expect(charge(state, reservation, 5).settlement).toMatchObject({ overshoot: credits(3) });
    expect(state.row.balance).toBe(credits(8));
  });

  it("what the gateway counted itself never costs more than was reserved", () => {
    const state = accountWith({}, [grantOf("paid", 10)]);
    const reservation = hold(state, commandOf("req_1", 2));
    const ended = settle(state, reservation, reportOf(worth(9), "cut", true), T0, sha256);
    expect(ended.settlement).toMatchObject({ charge: credits(2), estimated: true, overshoot: 0 });
    expect(ended.settlement.usage.outputTokens).toBe(9);
  });
});

describe("a window that rolled on while the request ran", () => {
  it("the use belongs to the window in which it was reserved", () => {
    const state = accountWith({ plan: INCLUDED });
    const reservation = hold(state, commandOf("req_1", 5));
    const later = T0 + 5 * HOUR;
    expect(hold(state, commandOf("req_2", 5), later).reserved).toBe(credits(5));
    charge(state, reservation, 5, later + MINUTE);
    expect(state.row.meters[METER]).toEqual(new Map());
    expect(state.heldMeters.get(METER)).toEqual(new Map([[later, credits(5)]]));
  });

  it("what is more than reserved is booked in the window of now, apart", () => {
    const state = accountWith({ plan: INCLUDED });
    const later = T0 + 5 * HOUR;
    const { settlement } = charge(state, hold(state, commandOf("req_1", 4)), 6, later);
    expect(sources(settlement.posted)).toEqual(["included=4", "included=2"]);
    expect(state.row.meters[METER]).toEqual(new Map([[later, credits(2)]]));
  });
});

// C8
describe("a request that upstream refused costs nothing and is still told", () => {
  it.each<UsageOutcome>(["rejected", "upstream_error", "abandoned", "failed"])("%s", (outcome) => {
    const state = threeSources(planOf({ ...INCLUDED, gates: [requestGate("rpm", 5)] }));
    const before = state.row;
    const reservation = hold(state, commandOf("req_1", 10));
    const { change, settlement } = finish(state, release(state, reservation, outcome, T0, sha256));
    expect(settlement).toMatchObject({ charge: 0, posted: [], returned: credits(10), overshoot: 0, usage: NO_USAGE });
    expect(change.entries[0]).toMatchObject({
      seq: before.seq + 1,
      usage: { id: "use_1.1", outcome },
      monetization: null,
      updates: [{ kind: "none", delta: 0, cause: "use_1.1" }],
    });
    expect(state.row.balance).toBe(before.balance);
    expect(state.heldGrants.size + state.heldMeters.size + state.pending.size).toBe(0);
    expect(state.row.meters[METER]).toBeUndefined();
  });
});

describe("a request whose time is over is charged what is known, never what was reserved", () => {
  it("nothing, if nothing is known", () => {
    const state = threeSources();
    const { settlement } = finish(state, expire(state, hold(state, commandOf("req_1", 10)), T0 + HOUR, sha256));
    expect(settlement).toMatchObject({ charge: 0, outcome: "expired", estimated: false, returned: credits(10) });
  });

  it("the last checkpoint, as an estimate", () => {
    const state = threeSources();
    const pending = { ...hold(state, commandOf("req_1", 10)), checkpoint: worth(6) };
    applyChange(state, { row: null, grants: [], reservations: [pending], entries: [] });
    const { settlement } = finish(state, expire(state, pending, T0 + HOUR, sha256));
    expect(settlement).toMatchObject({ charge: credits(6), estimated: true, returned: credits(4) });
  });

  it("a checkpoint above the reservation is charged up to the reservation", () => {
    const state = threeSources();
    const pending = { ...hold(state, commandOf("req_1", 10)), checkpoint: worth(99) };
    expect(expire(state, pending, T0 + HOUR, sha256).settlement).toMatchObject({ charge: credits(10), overshoot: 0 });
  });
});

describe("a grant that expires while a part of it is reserved", () => {
  it("pays the reserved part, and no more", () => {
    const state = accountWith({}, [grantOf("promo", 10, { expiresAt: T0 + MINUTE })]);
    const reservation = hold(state, commandOf("req_1", 4));
    expect(charge(state, reservation, 6, T0 + HOUR).settlement).toMatchObject({ overshoot: credits(2) });
    expect(grantIn(state, "promo").used).toBe(credits(4));
  });
});

// C9, C7: exactly one terminal state.
describe("a reservation ends once", () => {
  const endings = {
    settled: (state: ReturnType<typeof threeSources>, r: ReturnType<typeof hold>) =>
      settle(state, r, reportOf(worth(3)), T0, sha256),
    released: (state: ReturnType<typeof threeSources>, r: ReturnType<typeof hold>) =>
      release(state, r, "rejected", T0, sha256),
    expired: (state: ReturnType<typeof threeSources>, r: ReturnType<typeof hold>) =>
      expire(state, r, T0 + HOUR, sha256),
  };
  const names = ["settled", "released", "expired"] as const;
  it.each(names.flatMap((first) => names.map((second) => [first, second] as const)))("%s, then %s", (first, second) => {
    const state = threeSources();
    const ended = finish(state, endings[first](state, hold(state, commandOf("req_1", 10))));
    expect(ended.reservation.state).toBe(first);
    const before = structuredClone(state);
    expect(() => endings[second](state, ended.reservation)).toThrow(BrokenInvariant);
    expect(state).toEqual(before);
  });

  it("a copy of the reservation that was kept from before its end charges nothing again", () => {
    const state = threeSources();
    const kept = hold(state, commandOf("req_1", 10));
    charge(state, kept, 3);
    const before = structuredClone(state);
    for (const again of Object.values(endings)) expect(() => again(state, kept)).toThrow(BrokenInvariant);
    expect(state).toEqual(before);
  });

  it("the first attempt of a request cannot end its second", () => {
    const state = threeSources();
    const first = hold(state, commandOf("req_1", 10));
    const released = finish(state, endings.released(state, first)).reservation;
    const { answer, change } = reserve(state, released, commandOf("req_1", 10), T0);
    expect(answer).toMatchObject({ kind: "reserved", reservation: { attempt: 2 } });
    applyChange(state, change);
    for (const end of Object.values(endings)) expect(() => end(state, first)).toThrow(BrokenInvariant);
    expect(state.pending.get("req_1")).toMatchObject({ attempt: 2, state: "pending" });
  });
});
