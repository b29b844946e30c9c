import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, NO_CHANGE } from "../../src/core/account.ts";
import { sum } from "../../src/core/amount.ts";
import { holdForJob, isAwaited } from "../../src/core/job.ts";
import type { Allowance, Gate, Plan } from "../../src/core/plan.ts";
import { receiptOf } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { reserve } from "../../src/core/reserve.ts";
import { acceptsLate, type Ended, expire, release, settle, settleLate } from "../../src/core/settlement.ts";
import type { Demand } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  calendar,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  demandOf,
  finish,
  gateOf,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  planOf,
  reportOf,
  SECOND,
  sha256,
  sources,
  T0,
  usageOf,
  VIDEO_RATE,
} from "../support/core-fixtures.ts";

const SMALL = "720x1280";
const LARGE = "1024x1792";
const QUOTE = { cardId: "default", cardVersion: 1, model: "sora-2", rate: VIDEO_RATE };
/** How long a video's reservation is held once upstream has taken it on. */
const HOLD_MS = 6 * HOUR;

/** Noon in UTC is four in the morning in California; its day ends at eight in the morning of UTC. */
const CALIFORNIA = "America/Los_Angeles";
const END_OF_DAY = Date.UTC(2026, 10, 23, 8);

const perDay = (count: number) =>
  allowanceOf("videos", [calendar("day", CALIFORNIA, count)], null, { unit: "requests" });
const secondsPerDay = (count: number) =>
  allowanceOf("seconds", [calendar("day", CALIFORNIA, count)], null, { unit: "seconds" });

function videoPlan(allowances: readonly Allowance[] = [], gates: readonly Gate[] = []): Plan {
  return planOf({ features: { codex: { models: ["*"] }, sora: { models: ["*"] } }, allowances, gates });
}

function demand(seconds: number, part: Partial<Demand> = {}, size = SMALL): Demand {
  return demandOf(0, { feature: "sora", model: "sora-2", quote: QUOTE, bound: usageOf({ seconds, size }), ...part });
}

let requests = 0;

/** A video under way: reserved, and taken on by upstream. */
function begin(state: AccountState, seconds: number, now = T0, asked: Demand = demand(seconds)): Reservation {
  requests += 1;
  const reserved = hold(state, commandOf(`req_${requests}`, 0, { demand: asked }), now);
  const begun = holdForJob(reserved, `video_${requests}`, now, HOLD_MS);
  applyChange(state, { ...NO_CHANGE, reservations: [begun] });
  return begun;
}

function complete(state: AccountState, video: Reservation, seconds: number, now = T0 + MINUTE, size = SMALL): Ended {
  return finish(state, settle(state, video, reportOf(usageOf({ seconds, size })), now, sha256));
}

function fail(state: AccountState, video: Reservation, now = T0 + MINUTE): Ended {
  return finish(state, release(state, video, "failed", now, sha256));
}

/** The answer to one more video. */
function ask(state: AccountState, seconds: number, now = T0, part: Partial<Demand> = {}) {
  return reserve(state, null, commandOf("req_asked", 0, { demand: demand(seconds, part) }), now).answer;
}

/** What is counted in the windows of an allowance, in its unit. */
function counted(state: AccountState, owner: string): number {
  const meters = Object.entries(state.row.meters).filter(([meter]) => meter.startsWith(owner));
  return sum(meters.flatMap(([, marks]) => [...marks.values()]));
}

const paid = (ended: Ended): string[] => sources(ended.settlement.posted);

describe("so many videos a day", () => {
  it("are included, whatever they cost; the next ones are paid with credits", () => {
    const state = accountWith({ plan: videoPlan([perDay(2)]) }, [grantOf("paid", 100)]);
    expect(paid(complete(state, begin(state, 12), 12))).toEqual(["videos=30"]);
    expect(paid(complete(state, begin(state, 4), 4))).toEqual(["videos=10"]);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["paid=20"]);
    expect(counted(state, "videos")).toBe(2);
  });

  it("are never paid in part by the day and in part with credits", () => {
    const state = accountWith({ plan: videoPlan([perDay(1)]) }, [grantOf("paid", 25)]);
    begin(state, 4);
    expect(ask(state, 12)).toMatchObject({ kind: "denied", denial: { available: credits(25), needed: credits(30) } });
    expect(ask(state, 8)).toMatchObject({ reservation: { draws: [{ source: "paid", amount: credits(20) }] } });
  });

  it("are let in again at midnight of the plan's place, and not before", () => {
    const state = accountWith({ plan: videoPlan([perDay(2)]) });
    for (const at of [T0, T0 + HOUR]) complete(state, begin(state, 4, at), 4, at + MINUTE);
    const denial = { reason: "allowance_exhausted", limit: "videos", resetsAt: END_OF_DAY };
    expect(ask(state, 4, T0 + 2 * HOUR)).toMatchObject({ kind: "denied", denial });
    expect(ask(state, 4, END_OF_DAY - 1).kind).toBe("denied");
    expect(ask(state, 4, END_OF_DAY).kind).toBe("reserved");
  });

  it("count one on the day on which it began, when it ends on the next", () => {
    const state = accountWith({ plan: videoPlan([perDay(1)]) });
    const video = begin(state, 4, END_OF_DAY - MINUTE);
    expect(ask(state, 4, END_OF_DAY - 1)).toMatchObject({ kind: "denied", denial: { reason: "credits_reserved" } });
    expect(paid(complete(state, video, 4, END_OF_DAY + MINUTE))).toEqual(["videos=10"]);
    expect(ask(state, 4, END_OF_DAY + 2 * MINUTE).kind).toBe("reserved");
  });

  it.each(["failed", "rejected", "abandoned"] as const)("get one back that is %s", (outcome) => {
    const state = accountWith({ plan: videoPlan([perDay(1)]) });
    const video = begin(state, 4);
    finish(state, release(state, video, outcome, T0 + MINUTE, sha256));
    expect(ask(state, 4, T0 + 2 * MINUTE).kind).toBe("reserved");
    expect(state.heldMeters.size).toBe(0);
  });

  it("keep their day over a change of the clocks", () => {
    const state = accountWith({ plan: videoPlan([perDay(1)]) });
    // 1 November 2026 has 25 hours in California.
    const morning = Date.UTC(2026, 10, 1, 7);
    complete(state, begin(state, 4, morning), 4, morning + MINUTE);
    expect(ask(state, 4, morning + 24 * HOUR)).toMatchObject({ denial: { resetsAt: morning + 25 * HOUR } });
    expect(ask(state, 4, morning + 25 * HOUR).kind).toBe("reserved");
  });
});

describe("so many seconds a day", () => {
  it("pay a part of a video, and credits the rest, in one request", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(10)]) }, [grantOf("paid", 100)]);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["seconds=20"]);
    const second = begin(state, 8);
    expect(sources(second.draws)).toEqual(["seconds=5", "paid=15"]);
    expect(paid(complete(state, second, 8))).toEqual(["seconds=5", "paid=15"]);
    expect(paid(complete(state, begin(state, 4), 4))).toEqual(["paid=10"]);
    expect(counted(state, "seconds")).toBe(10);
    expect(state.row.balance).toBe(credits(75));
  });

  it("count seconds whatever their size, and pay the same share of a larger one", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(2)]) }, [grantOf("paid", 100)]);
    const large = begin(state, 8, T0, demand(8, {}, LARGE));
    expect(sources(large.draws)).toEqual(["seconds=25", "paid=75"]);
    expect(paid(complete(state, large, 8, T0 + MINUTE, LARGE))).toEqual(["seconds=25", "paid=75"]);
  });

  it("need room in every one of their windows, and name the one that opens last", () => {
    const week = anchored(7 * DAY, 12);
    const both = allowanceOf("seconds", [calendar("day", CALIFORNIA, 8), week], null, { unit: "seconds" });
    const state = accountWith({ plan: videoPlan([both]) });
    complete(state, begin(state, 8), 8);
    expect(ask(state, 4)).toMatchObject({ denial: { reason: "allowance_exhausted", resetsAt: END_OF_DAY } });
    complete(state, begin(state, 4, END_OF_DAY), 4, END_OF_DAY + MINUTE);
    expect(ask(state, 4, END_OF_DAY + HOUR)).toMatchObject({ denial: { resetsAt: T0 + 7 * DAY } });
    expect(ask(state, 4, T0 + 7 * DAY).kind).toBe("reserved");
  });

  it.each([
    ["fewer, all of them included", 2, ["seconds=5"], 2, 0],
    ["fewer, a part of them included", 6, ["seconds=10", "paid=5"], 4, credits(5)],
    ["as many", 8, ["seconds=10", "paid=10"], 4, credits(10)],
    ["more", 12, ["seconds=10", "paid=20"], 4, credits(20)],
    ["none", 0, [], 0, 0],
  ])("are counted as upstream made them: %s", (_, made, posted, included, debited) => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(4)]) }, [grantOf("paid", 100)]);
    const ended = complete(state, begin(state, 8), made);
    expect(paid(ended)).toEqual(posted);
    expect(ended.settlement).toMatchObject({ charge: credits(2.5 * made), overshoot: 0 });
    expect(ended.settlement.returned).toBe(Math.max(0, credits(20) - ended.settlement.charge));
    expect(counted(state, "seconds")).toBe(included);
    expect(state.row.balance).toBe(credits(100) - debited);
    expect(state.heldMeters.size + state.heldGrants.size).toBe(0);
    expect(receiptFromLedger(ended.change.entries)).toEqual(receiptOf(ended.reservation, true));
  });

  it("that nobody can pay are overshoot: seen and refunded", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(4)]) }, [grantOf("paid", 12)]);
    const ended = complete(state, begin(state, 8), 12);
    expect(paid(ended)).toEqual(["seconds=10", "paid=12"]);
    expect(ended.settlement).toMatchObject({ charge: credits(30), overshoot: credits(8) });
    expect(state.row.balance).toBe(0);
  });

  it("are given out once, however many videos begin at once", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(10)]) }, [grantOf("paid", 15)]);
    expect(sources(begin(state, 8).draws)).toEqual(["seconds=20"]);
    expect(sources(begin(state, 8).draws)).toEqual(["seconds=5", "paid=15"]);
    expect(ask(state, 4)).toMatchObject({ denial: { reason: "credits_reserved", resetsAt: T0 + 2 * SECOND } });
  });
});

describe("videos and seconds of one plan", () => {
  const grants = [
    grantOf("promotion", 5, { kind: "promotional", priority: 10 }),
    grantOf("bought", 100, { kind: "paid", priority: 50 }),
  ];

  it("pay one request together with credits, in the plan's order", () => {
    const included = allowanceOf("value", [anchored(DAY, credits(3))]);
    const state = accountWith({ plan: videoPlan([secondsPerDay(4), included]) }, grants);
    const video = begin(state, 8);
    expect(sources(video.draws)).toEqual(["seconds=10", "value=3", "promotion=5", "bought=2"]);
    // Less than reserved: what was reserved last goes back first.
    expect(paid(complete(state, video, 5))).toEqual(["seconds=10", "value=2.5"]);
    expect(state.row.balance).toBe(credits(105));
  });

  it("an included video pays whatever of it the seconds do not", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(4), perDay(1)]) }, grants);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["seconds=10", "videos=10"]);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["promotion=5", "bought=15"]);
  });

  it("the seconds are left alone while videos are included, where those stand first", () => {
    const state = accountWith({ plan: videoPlan([perDay(1), secondsPerDay(4)]) }, grants);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["videos=20"]);
    expect(paid(complete(state, begin(state, 8), 8))).toEqual(["seconds=10", "promotion=5", "bought=5"]);
  });

  it("of one model are no use for another", () => {
    const pro = allowanceOf("pro", [calendar("day", CALIFORNIA, 4)], null, { unit: "seconds", models: ["sora-2-pro"] });
    const state = accountWith({ plan: videoPlan([pro]) }, grants);
    expect(sources(begin(state, 4).draws)).toEqual(["promotion=5", "bought=5"]);
    const asked = demand(4, { model: "sora-2-pro", quote: { ...QUOTE, model: "sora-2-pro" } });
    expect(sources(begin(state, 4, T0, asked).draws)).toEqual(["pro=10"]);
  });
});

describe("a gate of videos in flight", () => {
  it("counts a video for as long as it runs, and lets the next one in when it has ended", () => {
    const plan = videoPlan([], [concurrencyGate("in-flight", 2, { features: ["sora"] })]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    const [one, two] = [begin(state, 4), begin(state, 4)];
    for (const after of [SECOND, HOUR, 5 * HOUR]) {
      expect(ask(state, 4, T0 + after)).toMatchObject({ denial: { reason: "gate", limit: "in-flight" } });
    }
    complete(state, one, 4, T0 + 5 * HOUR);
    expect(ask(state, 4, T0 + 5 * HOUR).kind).toBe("reserved");
    begin(state, 4, T0 + 5 * HOUR);
    expect(ask(state, 4, T0 + 5 * HOUR).kind).toBe("denied");
    fail(state, two, T0 + 5 * HOUR);
    expect(ask(state, 4, T0 + 5 * HOUR).kind).toBe("reserved");
  });

  it("is no gate for text", () => {
    const plan = videoPlan([], [concurrencyGate("in-flight", 1, { features: ["sora"] })]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    begin(state, 4);
    expect(reserve(state, null, commandOf("req_text", 5), T0).answer.kind).toBe("reserved");
  });

  it("lets one in again whose reservation is over, although its end is not known", () => {
    const plan = videoPlan([], [concurrencyGate("in-flight", 1)]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    const video = begin(state, 4);
    finish(state, expire(state, video, video.expiresAt, sha256));
    expect(ask(state, 4, video.expiresAt).kind).toBe("reserved");
  });
});

describe("a gate for every key", () => {
  const KEY_2 = { keyId: "key_2" };

  it("in flight: one key's videos take no slot of another's", () => {
    const plan = videoPlan([], [concurrencyGate("in-flight", 1, { per: "key" })]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    const video = begin(state, 4);
    expect(ask(state, 4).kind).toBe("denied");
    expect(ask(state, 4, T0, KEY_2).kind).toBe("reserved");
    begin(state, 4, T0, demand(4, KEY_2));
    expect(ask(state, 4, T0, KEY_2).kind).toBe("denied");
    complete(state, video, 4);
    expect(ask(state, 4).kind).toBe("reserved");
    expect(ask(state, 4, T0, KEY_2).kind).toBe("denied");
  });

  it("in videos a day: begun ones count, also those that fail", () => {
    const window = calendar("day", CALIFORNIA, 2);
    const plan = videoPlan([], [gateOf("key-daily", "requests", 2, { per: "key", window })]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    fail(state, begin(state, 4));
    begin(state, 4);
    expect(ask(state, 4, T0 + HOUR)).toMatchObject({
      denial: { reason: "gate", limit: "key-daily", resetsAt: END_OF_DAY },
    });
    expect(ask(state, 4, T0 + HOUR, KEY_2).kind).toBe("reserved");
    expect(ask(state, 4, END_OF_DAY).kind).toBe("reserved");
  });

  it("in credits a day: what a video turned out to cost, included or not", () => {
    const window = calendar("day", CALIFORNIA, credits(25));
    const plan = videoPlan([secondsPerDay(4)], [gateOf("key-credits", "credits", credits(25), { per: "key", window })]);
    const state = accountWith({ plan }, [grantOf("paid", 1_000)]);
    const video = begin(state, 8);
    expect(ask(state, 4).kind).toBe("denied");
    complete(state, video, 4);
    expect(ask(state, 8)).toMatchObject({ denial: { reason: "gate", limit: "key-credits" } });
    expect(ask(state, 4).kind).toBe("reserved");
    expect(ask(state, 8, T0, KEY_2).kind).toBe("reserved");
  });
});

describe("a video that outlives its reservation", () => {
  const plan = videoPlan([secondsPerDay(4), perDay(1)]);

  /** A video of 8 seconds whose time was over before its end was known. */
  function expired(used: Plan = plan): [AccountState, Reservation] {
    const state = accountWith({ plan: used }, [grantOf("paid", 100)]);
    const video = begin(state, 8);
    const ended = finish(state, expire(state, video, video.expiresAt, sha256));
    expect(ended.settlement).toMatchObject({ charge: 0, outcome: "expired", posted: [] });
    return [state, ended.reservation];
  }

  function late(state: AccountState, video: Reservation, seconds: number, now = T0 + 12 * HOUR): Ended {
    return finish(state, settleLate(state, video, reportOf(usageOf({ seconds, size: SMALL })), now, sha256));
  }

  it("holds nothing more and has cost nothing", () => {
    const [state, video] = expired();
    expect(counted(state, "seconds") + counted(state, "videos")).toBe(0);
    expect(state.row.balance).toBe(credits(100));
    expect(state.heldMeters.size + state.heldGrants.size).toBe(0);
    expect(isAwaited(video, T0 + 12 * HOUR)).toBe(true);
  });

  it("is charged when it turns out to be done, once, by what there is then", () => {
    const [state, video] = expired();
    const ended = late(state, video, 8);
    expect(paid(ended)).toEqual(["seconds=10", "videos=10"]);
    expect([counted(state, "seconds"), counted(state, "videos")]).toEqual([4, 1]);
    expect(acceptsLate(ended.reservation, T0 + 13 * HOUR)).toBe(false);
    expect(() => late(state, ended.reservation, 8)).toThrow("a late settlement follows an expiry");
    expect(state.row.balance).toBe(credits(100));
  });

  it("is not charged when it turns out to have failed", () => {
    const [state, video] = expired();
    expect(() => fail(state, video)).toThrow("only a pending reservation ends");
    expect(state.row.balance).toBe(credits(100));
  });

  it("is charged only beyond what its expiry charged, in credits and in seconds", () => {
    const state = accountWith({ plan: videoPlan([secondsPerDay(4)]) }, [grantOf("paid", 100)]);
    const video = { ...begin(state, 8), checkpoint: usageOf({ seconds: 3, size: SMALL }) };
    applyChange(state, { ...NO_CHANGE, reservations: [video] });
    const before = finish(state, expire(state, video, video.expiresAt, sha256));
    expect(paid(before)).toEqual(["seconds=7.5"]);
    const ended = late(state, before.reservation, 8);
    expect(ended.settlement.charge).toBe(credits(12.5));
    expect(paid(ended)).toEqual(["seconds=2.5", "paid=10"]);
    expect(counted(state, "seconds")).toBe(4);
    expect(state.row.balance).toBe(credits(90));
  });

  it("takes nothing that was promised to others meanwhile: what nobody can pay is refunded", () => {
    const state = accountWith({ plan: videoPlan() }, [grantOf("paid", 30)]);
    const video = begin(state, 8);
    const { reservation } = finish(state, expire(state, video, video.expiresAt, sha256));
    const other = begin(state, 8, video.expiresAt);
    expect(late(state, reservation, 8).settlement).toMatchObject({ charge: credits(20), overshoot: credits(10) });
    expect(complete(state, other, 8, T0 + 13 * HOUR).settlement.overshoot).toBe(0);
    expect(state.row.balance).toBe(0);
  });
});
