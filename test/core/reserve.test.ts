import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, NO_CHANGE } from "../../src/core/account.ts";
import type { Reservation, ReservationState } from "../../src/core/reservation.ts";
import { REPLAY_MS, type ReserveCommand, reserve } from "../../src/core/reserve.ts";
import { expire, release } from "../../src/core/settlement.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  credits,
  finish,
  give,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  requestGate,
  SECOND,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

/** An account on which `req_1` (5 credits) has come to `ending`. */
function endedAs(ending: ReservationState, part: Partial<ReserveCommand> = {}): [AccountState, Reservation] {
  const state = accountWith({}, [grantOf("paid", 100)]);
  const pending = hold(state, commandOf("req_1", 5, part));
  switch (ending) {
    case "pending":
      return [state, pending];
    case "settled":
      return [state, charge(state, pending, 3).reservation];
    case "released":
      return [state, finish(state, release(state, pending, "upstream_error", T0, sha256)).reservation];
    case "expired":
      return [state, finish(state, expire(state, pending, pending.expiresAt, sha256)).reservation];
  }
}

describe("a new request is held with everything its settlement needs", () => {
  it("and holds nothing in the books", () => {
    const plan = planOf({
      gates: [requestGate("rpm", 9)],
      allowances: [allowanceOf("included", [anchored(HOUR, credits(2))])],
    });
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const { answer, change } = reserve(state, null, commandOf("req_1", 5), T0);
    expect(answer).toMatchObject({
      kind: "reserved",
      reservation: {
        requestId: "req_1",
        attempt: 1,
        state: "pending",
        reserved: credits(5),
        plan: { id: "plus", version: 1 },
        reservedAt: T0,
        expiresAt: T0 + 10 * MINUTE,
        checkpoint: null,
        endedAt: null,
        settlement: null,
        late: null,
      },
    });
    expect(change).toMatchObject({ row: null, grants: [], entries: [] });
    applyChange(state, change);
    expect(state.row.balance).toBe(credits(100));
    expect(state.heldGrants.get("paid")).toBe(credits(3));
    expect(state.heldMeters.get(`included/anchored/${HOUR}`)).toEqual(new Map([[T0, credits(2)]]));
  });
});

describe("the same id again", () => {
  const other = { owner: "owner-2" };
  const otherBody = { fingerprint: "body-2" };
  it.each<[ReservationState, string, Partial<ReserveCommand>, string]>([
    ["pending", "from the same caller", {}, "reserved"],
    ["pending", "from somebody else", other, "in_flight"],
    ["pending", "with another body", otherBody, "mismatch"],
    ["pending", "from somebody else with another body", { ...other, ...otherBody }, "mismatch"],
    ["settled", "from the same caller", {}, "ended"],
    ["settled", "from somebody else", other, "ended"],
    ["settled", "with another body", otherBody, "mismatch"],
    ["released", "with another body", otherBody, "mismatch"],
    ["expired", "from the same caller", {}, "ended"],
    ["expired", "from somebody else", other, "ended"],
    ["expired", "with another body", otherBody, "mismatch"],
  ])("when %s, %s: %s → %s and nothing changes", (ending, _, part, kind) => {
    const [state, existing] = endedAs(ending);
    const { answer, change } = reserve(state, existing, commandOf("req_1", 5, part), T0 + MINUTE);
    expect(answer.kind).toBe(kind);
    expect(change).toBe(NO_CHANGE);
    if (answer.kind !== "mismatch") expect(answer).toMatchObject({ reservation: existing });
  });

  it("is answered as it was, even when the account could not afford it now", () => {
    const state = accountWith({}, [grantOf("paid", 5)]);
    const existing = hold(state, commandOf("req_1", 5));
    expect(reserve(state, existing, commandOf("req_1", 5), T0).answer).toEqual({
      kind: "reserved",
      reservation: existing,
    });
    state.row = { ...state.row, status: "suspended" };
    expect(reserve(state, existing, commandOf("req_1", 5), T0).answer.kind).toBe("reserved");
  });

  it("says nothing of the first request to who sends another body", () => {
    const [state, existing] = endedAs("settled");
    expect(reserve(state, existing, commandOf("req_1", 5, otherBody), T0).answer).toEqual({ kind: "mismatch" });
  });
});

describe("after a release the same request may be tried again", () => {
  it("as a new attempt, with events of its own", () => {
    const [state, released] = endedAs("released");
    const { answer, change } = reserve(state, released, commandOf("req_1", 5, { owner: "owner-2" }), T0 + MINUTE);
    expect(answer).toMatchObject({ kind: "reserved", reservation: { attempt: 2, owner: "owner-2", settlement: null } });
    applyChange(state, change);
    if (answer.kind !== "reserved") return;
    expect(charge(state, answer.reservation, 2).settlement.usageId).toBe("use_1.2");
    expect(released.settlement?.usageId).toBe("use_1.1");
  });

  it("and is decided anew: a denial holds nothing", () => {
    const [state, released] = endedAs("released");
    const { answer, change } = reserve(state, released, commandOf("req_1", 500), T0);
    expect(answer).toMatchObject({ kind: "denied", denial: { reason: "credits_exhausted" } });
    expect(change).toBe(NO_CHANGE);
  });

  it("a denied request is not remembered: after a top-up the same id is let in", () => {
    const state = accountWith();
    expect(reserve(state, null, commandOf("req_1", 5), T0).answer.kind).toBe("denied");
    give(state, grantOf("paid", 5), T0 + SECOND);
    expect(reserve(state, null, commandOf("req_1", 5), T0 + SECOND).answer.kind).toBe("reserved");
  });
});

describe("an Idempotency-Key answers for eight days after its request has ended", () => {
  const keyed = { keyed: true };
  it.each<[ReservationState, string]>([
    ["settled", "ended"],
    ["expired", "ended"],
  ])("%s: until then it is replayed", (ending, kind) => {
    const [state, existing] = endedAs(ending, keyed);
    const now = (existing.endedAt ?? 0) + REPLAY_MS;
    expect(reserve(state, existing, commandOf("req_1", 5, keyed), now).answer.kind).toBe(kind);
  });

  it.each<[ReservationState, Partial<ReserveCommand>]>([
    ["settled", keyed],
    ["expired", keyed],
    ["released", keyed],
    ["settled", { ...keyed, fingerprint: "body-2", owner: "owner-2" }],
    ["released", { ...keyed, fingerprint: "body-2" }],
  ])("%s: a millisecond later it counts as new, %j", (ending, part) => {
    const [state, existing] = endedAs(ending, keyed);
    const now = (existing.endedAt ?? 0) + REPLAY_MS + 1;
    const { answer } = reserve(state, existing, commandOf("req_1", 5, part), now);
    expect(answer).toMatchObject({ kind: "reserved", reservation: { attempt: 2, state: "pending", late: null } });
  });

  it("a request that is still under way is never forgotten", () => {
    const [state, existing] = endedAs("pending", keyed);
    const command = commandOf("req_1", 5, { ...keyed, owner: "owner-2" });
    expect(reserve(state, existing, command, T0 + 10 * REPLAY_MS).answer.kind).toBe("in_flight");
  });

  it("an id that Spillway made itself is never forgotten", () => {
    const [state, existing] = endedAs("settled");
    expect(reserve(state, existing, commandOf("req_1", 5), T0 + 10 * REPLAY_MS).answer.kind).toBe("ended");
  });
});
