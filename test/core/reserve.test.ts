import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, NO_CHANGE, openAccount } from "../../src/core/account.ts";
import { holdForJob } from "../../src/core/job.ts";
import type { Reservation, ReservationState } from "../../src/core/reservation.ts";
import { REPLAY_MS, type ReserveCommand, reserve } from "../../src/core/reserve.ts";
import { expire, release } from "../../src/core/settlement.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  concurrencyGate,
  credits,
  demandOf,
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

// X13
describe("a request that its client sends again without a key", () => {
  const WITHIN = 2 * MINUTE;
  const plan = planOf({
    sameRequestMs: WITHIN,
    gates: [requestGate("rpm", 9), concurrencyGate("in-flight", 3)],
    allowances: [allowanceOf("included", [anchored(HOUR, credits(2))])],
  });
  const content = "a cat on a skateboard";
  const job: Partial<ReserveCommand> = { content };
  const again: Partial<ReserveCommand> = { content, repeats: { content } };

  /** An account on which the job of `req_1` is under way, for 5 credits. */
  function jobUnderWay(): [AccountState, Reservation] {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const begun = holdForJob(hold(state, commandOf("req_1", 5, job)), "video_1", T0, 6 * HOUR);
    applyChange(state, { ...NO_CHANGE, reservations: [begun] });
    return [state, begun];
  }

  function ask(state: AccountState, part: Partial<ReserveCommand>, now = T0 + MINUTE, id = "req_2") {
    return reserve(state, null, commandOf(id, 5, { owner: "owner-2", fingerprint: id, ...part }), now);
  }

  it("is answered with the job that the first one began", () => {
    const [state, begun] = jobUnderWay();
    const { answer } = ask(state, again);
    expect(answer).toEqual({ kind: "repeated", reservation: begun });
    expect(answer).toMatchObject({ reservation: { job: "video_1" } });
  });

  it("reserves nothing, counts nothing and passes no gate", () => {
    const [state] = jobUnderWay();
    const before = structuredClone(state);
    for (let times = 0; times < 20; times += 1) {
      const { answer, change } = ask(state, again, T0 + MINUTE, `req_a${times}`);
      expect([answer.kind, change]).toEqual(["repeated", NO_CHANGE]);
    }
    expect(state).toEqual(before);
  });

  it("is answered so when nothing is left to pay with, and no slot", () => {
    const tight = planOf({ sameRequestMs: WITHIN, gates: [concurrencyGate("in-flight", 1)] });
    const state = accountWith({ plan: tight }, [grantOf("paid", 5)]);
    const first = hold(state, commandOf("req_1", 5, job));
    expect(ask(state, job).answer).toMatchObject({ kind: "denied", denial: { reason: "gate" } });
    expect(ask(state, again).answer).toEqual({ kind: "repeated", reservation: first });
    state.row = { ...state.row, status: "suspended" };
    expect(ask(state, again).answer.kind).toBe("repeated");
  });

  it("is answered so before upstream has taken the job on, too", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const first = hold(state, commandOf("req_1", 5, job));
    expect(ask(state, again, T0).answer).toEqual({ kind: "repeated", reservation: first });
    expect(first.job).toBeUndefined();
  });

  it.each([
    ["at the last moment", WITHIN, "repeated"],
    ["a millisecond later", WITHIN + 1, "reserved"],
    ["by a clock that went back", -HOUR, "repeated"],
  ])("within the plan's time only: %s", (_, after, kind) => {
    const [state] = jobUnderWay();
    expect(ask(state, again, T0 + after).answer.kind).toBe(kind);
  });

  it("without saying so, is another one", () => {
    const [state] = jobUnderWay();
    expect(ask(state, job).answer).toMatchObject({ kind: "reserved", reservation: { requestId: "req_2", content } });
  });

  it.each<[string, Partial<ReserveCommand>]>([
    ["another content", { content: "a dog", repeats: { content: "a dog" } }],
    ["another key", { ...again, demand: demandOf(5, { keyId: "key_2" }) }],
  ])("is another one with %s", (_, part) => {
    const [state] = jobUnderWay();
    expect(ask(state, part).answer).toMatchObject({ kind: "reserved", reservation: { requestId: "req_2" } });
  });

  it("matches no request that began no job, such as one of text", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    hold(state, commandOf("req_1", 5));
    expect(ask(state, again).answer.kind).toBe("reserved");
  });

  it.each<[string, (state: AccountState, begun: Reservation) => unknown]>([
    ["released", (state, begun) => finish(state, release(state, begun, "upstream_error", T0, sha256))],
    ["settled", (state, begun) => charge(state, begun, 5)],
    ["expired", (state, begun) => finish(state, expire(state, begun, T0 + MINUTE, sha256))],
  ])("begins a new job once the first one is %s", (_, end) => {
    const [state, begun] = jobUnderWay();
    end(state, begun);
    expect(ask(state, again).answer).toMatchObject({ kind: "reserved", reservation: { requestId: "req_2" } });
  });

  it.each([
    ["does not say it", planOf({ gates: [] })],
    ["says never", planOf({ sameRequestMs: null })],
  ])("is decided as any other where the plan %s", (_, other) => {
    const [state] = jobUnderWay();
    state.row = { ...state.row, plan: other };
    expect(ask(state, again).answer.kind).toBe("reserved");
  });

  it("that was decided as another one is found by the next repetition", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    const { answer, change } = ask(state, again, T0, "req_1");
    expect(answer.kind).toBe("reserved");
    applyChange(state, change);
    expect(ask(state, again).answer).toMatchObject({ kind: "repeated", reservation: { requestId: "req_1" } });
  });

  it("repeats the newest of several, in whatever order they are kept", () => {
    const state = accountWith({ plan }, [grantOf("paid", 100)]);
    for (const [id, at] of [
      ["req_b", T0 + SECOND],
      ["req_c", T0 + SECOND],
      ["req_a", T0],
    ] as const) {
      hold(state, commandOf(id, 5, job), at);
    }
    const stored = openAccount(state.row, state.grants.values(), [...state.pending.values()].reverse());
    for (const kept of [state, stored]) {
      expect(ask(kept, again).answer).toMatchObject({ kind: "repeated", reservation: { requestId: "req_c" } });
    }
  });

  it("is recalled by its own id first: a command that comes twice gets one answer", () => {
    const [state] = jobUnderWay();
    const second = commandOf("req_2", 5, { content });
    const mine = hold(state, second, T0);
    expect(reserve(state, mine, { ...second, repeats: { content } }, T0).answer).toEqual({
      kind: "reserved",
      reservation: mine,
    });
  });
});
