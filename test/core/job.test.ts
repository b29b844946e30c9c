import { describe, expect, it } from "vitest";
import { beginJob, holdForJob, isAwaited, nextPoll } from "../../src/core/job.ts";
import { resourceOf } from "../../src/core/resource.ts";
import { expire, LATE_MS, release, settleLate } from "../../src/core/settlement.ts";
import {
  accountWith,
  charge,
  commandOf,
  demandOf,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  reportOf,
  SECOND,
  sha256,
  T0,
  usageOf,
  worth,
} from "../support/core-fixtures.ts";

describe("how often upstream is asked after a job", () => {
  /** Instants at which a job is asked after that nobody ends, in ms after its creation. */
  function polls(untilMs: number): number[] {
    const asked: number[] = [];
    let job = beginJob(0);
    while (job.pollAt <= untilMs) {
      asked.push(job.pollAt);
      job = nextPoll(job, 0, job.pollAt);
    }
    return asked;
  }

  it("soon at first, then less and less often, up to once a minute", () => {
    const asked = polls(10 * MINUTE);
    const pauses = asked.map((at, index) => at - (asked[index - 1] ?? 0));
    expect(pauses.slice(0, 8)).toEqual([5_000, 7_500, 11_250, 16_875, 25_313, 37_969, 56_953, 60_000]);
    expect(new Set(pauses.slice(7))).toEqual(new Set([60_000]));
  });

  it("after six hours every quarter of an hour, however long it takes", () => {
    const asked = polls(3 * 24 * HOUR);
    const late = asked.filter((at) => at > 6 * HOUR + MINUTE);
    const pauses = late.slice(1).map((at, index) => at - (late[index] ?? 0));
    expect(new Set(pauses)).toEqual(new Set([15 * MINUTE]));
    expect(asked.length).toBeLessThan(360 + 270 + 10);
  });

  it("an alarm that was late is not made up for", () => {
    expect(nextPoll({ pollAt: T0, polls: 0 }, T0, T0 + HOUR)).toEqual({ pollAt: T0 + HOUR + 7_500, polls: 1 });
  });
});

describe("a reservation with a job", () => {
  const pending = () => {
    const state = accountWith({}, [grantOf("paid", 100)]);
    return { state, reservation: hold(state, commandOf("req_1", 5)) };
  };

  it("lasts as long as the job may, and never shorter than before", () => {
    const { reservation } = pending();
    expect(holdForJob(reservation, "vid_1", T0 + SECOND, HOUR)).toEqual({
      ...reservation,
      job: "vid_1",
      expiresAt: T0 + SECOND + HOUR,
    });
    expect(holdForJob(reservation, "vid_1", T0, MINUTE).expiresAt).toBe(reservation.expiresAt);
  });

  it("is awaited while it is pending, and after its expiry as long as a late charge counts", () => {
    const { state, reservation } = pending();
    expect(isAwaited(reservation, T0 + 10 * HOUR)).toBe(true);
    const endedAt = T0 + HOUR;
    const expired = finish(state, expire(state, reservation, endedAt, sha256)).reservation;
    expect(isAwaited(expired, endedAt + LATE_MS)).toBe(true);
    expect(isAwaited(expired, endedAt + LATE_MS + 1)).toBe(false);
    const late = finish(state, settleLate(state, expired, reportOf(worth(3)), endedAt + MINUTE, sha256)).reservation;
    expect(isAwaited(late, endedAt + MINUTE)).toBe(false);
  });

  it("is not awaited once it has been settled or released", () => {
    const one = pending();
    expect(isAwaited(charge(one.state, one.reservation, 3).reservation, T0)).toBe(false);
    const other = pending();
    const released = release(other.state, other.reservation, "failed", T0, sha256).reservation;
    expect(isAwaited(released, T0)).toBe(false);
  });
});

describe("what is remembered of a response", () => {
  const bound = usageOf({ inputTokens: 900, outputTokens: 100 });
  const reservation = hold(
    accountWith({}, [grantOf("paid", 1_000)]),
    commandOf("req_1", 100, { demand: demandOf(100, { bound }) }),
  );
  const made = {
    id: "resp_1",
    kind: "response",
    upstream: "openai",
    contextTokens: 300,
    outputTokens: 30,
    itemIds: ["msg_1"],
  } as const;

  it("is what upstream reported of its context", () => {
    expect(resourceOf(reservation, made, true, T0)).toMatchObject({
      requestId: "req_1",
      attempt: 1,
      model: "gpt-5.4",
      contextTokens: 300,
      details: null,
      job: null,
    });
  });

  it("is all that was reserved where upstream reported nothing", () => {
    expect(resourceOf(reservation, made, false, T0).contextTokens).toBe(1_000);
    expect(resourceOf(reservation, { ...made, contextTokens: 5_000 }, false, T0).contextTokens).toBe(5_000);
  });

  it("is bounded, whatever upstream says", () => {
    const itemIds = Array.from({ length: 10_000 }, (_, index) => `msg_${index}`);
    expect(resourceOf(reservation, { ...made, itemIds }, true, T0).itemIds).toHaveLength(256);
  });
});
