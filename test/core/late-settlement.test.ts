import { describe, expect, it } from "vitest";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { BrokenInvariant } from "../../src/core/amount.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { acceptsLate, expire, LATE_MS, release, settleLate } from "../../src/core/settlement.ts";
import type { Usage } from "../../src/core/usage.ts";
import {
  accountWith,
  charge,
  commandOf,
  credits,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  reportOf,
  sha256,
  sources,
  T0,
  worth,
} from "../support/core-fixtures.ts";

const EXPIRED_AT = T0 + HOUR;

/** An account of 20 credits on which a request for 10 has expired, charged for `checkpoint`. */
function expired(checkpoint: Usage | null = null): [AccountState, Reservation] {
  const state = accountWith({}, [grantOf("paid", 20)]);
  const pending = { ...hold(state, commandOf("req_1", 10)), checkpoint };
  applyChange(state, { row: null, grants: [], reservations: [pending], entries: [] });
  return [state, finish(state, expire(state, pending, EXPIRED_AT, sha256)).reservation];
}

function late(state: AccountState, reservation: Reservation, amount: number, now = EXPIRED_AT + MINUTE) {
  return finish(state, settleLate(state, reservation, reportOf(worth(amount)), now, sha256));
}

describe("a settlement that comes after the expiry charges only the difference", () => {
  it.each([
    [0, 8, 8],
    [3, 8, 5],
    [3, 3, 0],
    [3, 2, 0],
    [3, 0, 0],
  ])("charged %d, used %d: %d more", (checkpoint, used, difference) => {
    const [state, reservation] = expired(checkpoint > 0 ? worth(checkpoint) : null);
    const { settlement } = late(state, reservation, used);
    expect(settlement).toMatchObject({ charge: credits(difference), outcome: "late", returned: 0, overshoot: 0 });
    expect(state.row.balance).toBe(credits(20 - Math.max(checkpoint, used)));
  });

  it("as an event of its own, beside the one of the expiry", () => {
    const [state, reservation] = expired(worth(3));
    const { change, reservation: after } = late(state, reservation, 8);
    expect(change.entries[0]).toMatchObject({
      usage: { id: "use_1.1~late", outcome: "late", attempt: 1 },
      monetization: { id: "mon_1.1~late", usageId: "use_1.1~late", amount: credits(5) },
    });
    expect(after).toMatchObject({ state: "expired", settlement: { charge: credits(3) }, late: { charge: credits(5) } });
    expect(after.endedAt).toBe(EXPIRED_AT);
  });

  it("from what the sources have now; the rest is overshoot, seen and refunded", () => {
    const [state, reservation] = expired();
    const other = hold(state, commandOf("req_2", 15), EXPIRED_AT);
    const { settlement } = late(state, reservation, 8);
    expect(sources(settlement.posted)).toEqual(["paid=5"]);
    expect(settlement.overshoot).toBe(credits(3));
    expect(charge(state, other, 15, EXPIRED_AT + HOUR).settlement.overshoot).toBe(0);
    expect(state.row.balance).toBe(0);
  });

  it("an estimate never costs more than was reserved, both charges together", () => {
    const [state, reservation] = expired(worth(3));
    const ended = settleLate(state, reservation, reportOf(worth(99), "cut", true), EXPIRED_AT, sha256);
    expect(ended.settlement.charge).toBe(credits(7));
  });
});

describe("a late settlement counts once and for a limited time", () => {
  it("not a second time", () => {
    const [state, reservation] = expired();
    const { reservation: after } = late(state, reservation, 8);
    expect(acceptsLate(after, EXPIRED_AT + MINUTE)).toBe(false);
    expect(() => late(state, after, 9)).toThrow(BrokenInvariant);
    expect(state.row.balance).toBe(credits(12));
  });

  it("until 72 hours have passed", () => {
    const [state, reservation] = expired();
    expect(acceptsLate(reservation, EXPIRED_AT + LATE_MS)).toBe(true);
    expect(acceptsLate(reservation, EXPIRED_AT + LATE_MS + 1)).toBe(false);
    expect(() => late(state, reservation, 8, EXPIRED_AT + LATE_MS + 1)).toThrow(BrokenInvariant);
  });

  it("not for a request that is pending, settled or released", () => {
    const state = accountWith({}, [grantOf("paid", 20)]);
    const pending = hold(state, commandOf("req_1", 4));
    const settled = charge(state, hold(state, commandOf("req_2", 4)), 4).reservation;
    const released = finish(
      state,
      release(state, hold(state, commandOf("req_3", 4)), "rejected", T0, sha256),
    ).reservation;
    for (const reservation of [pending, settled, released]) {
      expect(acceptsLate(reservation, T0)).toBe(false);
      expect(() => late(state, reservation, 8, T0)).toThrow(BrokenInvariant);
    }
  });
});
