import { describe, expect, it } from "vitest";
import { BrokenInvariant } from "../../src/core/amount.ts";
import { bookUse, earliest, fitsAt, leavesAt, type Marks, markAt, viewWindow } from "../../src/core/window.ts";
import { anchored, DAY, HOUR, MINUTE, SECOND, sliding, T0 } from "../support/core-fixtures.ts";

const NONE: Marks = new Map();
const FIVE_HOURS = anchored(5 * HOUR, 20);

function marks(...use: [at: number, amount: number][]): Marks {
  return new Map(use);
}

describe("an anchored window opens at its first use", () => {
  it("is not open before", () => {
    expect(viewWindow(FIVE_HOURS, NONE, NONE, T0)).toEqual({
      used: 0,
      held: 0,
      remaining: 20,
      startedAt: null,
      resetsAt: null,
    });
  });

  it("lasts one period from there, whatever the clock on the wall says", () => {
    const used = marks([T0 + 17, 3]);
    expect(viewWindow(FIVE_HOURS, used, NONE, T0 + HOUR)).toMatchObject({
      used: 3,
      remaining: 17,
      startedAt: T0 + 17,
      resetsAt: T0 + 17 + 5 * HOUR,
    });
  });

  it("is opened by a request that is still in flight", () => {
    expect(viewWindow(FIVE_HOURS, NONE, marks([T0, 4]), T0)).toMatchObject({ held: 4, remaining: 16, startedAt: T0 });
  });

  it.each([
    ["at the start", T0, T0],
    ["in its last millisecond", T0 + 5 * HOUR - 1, T0],
    ["when it has ended", T0 + 5 * HOUR, T0 + 5 * HOUR],
    ["long after", T0 + 30 * DAY, T0 + 30 * DAY],
    ["when the clock went back before its start", T0 - 5 * SECOND, T0],
  ])("use %s is booked in its own window", (_, now, mark) =>
    expect(markAt(FIVE_HOURS, marks([T0, 1]), NONE, now)).toBe(mark),
  );

  it("does not open where nothing was used", () => expect(markAt(FIVE_HOURS, NONE, NONE, T0)).toBe(T0));

  it.each([FIVE_HOURS, sliding(MINUTE, 10)])("use of nothing opens no $kind window", (rule) => {
    expect(bookUse(rule, NONE, T0, 0, T0)).toEqual(NONE);
    expect(bookUse(rule, marks([T0, 3]), T0, 0, T0)).toEqual(marks([T0, 3]));
  });

  it("use is booked in the same window in whatever order the windows are stored", () => {
    const [first, second] = [T0, T0 + 5 * HOUR];
    const clockWentBack = second - 5 * SECOND;
    const [early, late] = [marks([first, 1]), marks([second, 1])];
    expect(markAt(FIVE_HOURS, marks([first, 1], [second, 1]), NONE, clockWentBack)).toBe(second);
    expect(markAt(FIVE_HOURS, marks([second, 1], [first, 1]), NONE, clockWentBack)).toBe(second);
    expect(markAt(FIVE_HOURS, early, late, clockWentBack)).toBe(second);
    expect(markAt(FIVE_HOURS, late, early, clockWentBack)).toBe(second);
  });

  // C24: the instant that is shown is the one that is enforced.
  it("is full until the instant it shows, and empty from then on", () => {
    const used = marks([T0, 20]);
    const { resetsAt } = viewWindow(FIVE_HOURS, used, NONE, T0 + HOUR);
    expect(resetsAt).toBe(T0 + 5 * HOUR);
    expect(viewWindow(FIVE_HOURS, used, NONE, T0 + 5 * HOUR - 1).remaining).toBe(0);
    expect(viewWindow(FIVE_HOURS, used, NONE, T0 + 5 * HOUR)).toMatchObject({ remaining: 20, resetsAt: null });
  });
});

describe("a window that rolled on gets nothing back and owes nothing", () => {
  it("use reserved in the old window is not counted in the new one", () => {
    const later = T0 + 5 * HOUR;
    const next = bookUse(FIVE_HOURS, marks([T0, 20], [later, 2]), T0, 7, later + MINUTE);
    expect(next).toEqual(marks([later, 2]));
  });

  it("is counted where it was reserved while that window lasts", () => {
    expect(bookUse(FIVE_HOURS, marks([T0, 3]), T0, 7, T0 + 5 * HOUR - 1)).toEqual(marks([T0, 10]));
  });

  it("does not change the marks it was given", () => {
    const before = marks([T0, 3]);
    bookUse(FIVE_HOURS, before, T0, 7, T0);
    expect(before).toEqual(marks([T0, 3]));
  });

  it("use never shrinks", () => expect(() => bookUse(FIVE_HOURS, NONE, T0, -1, T0)).toThrow(BrokenInvariant));
});

describe("a sliding window looks back one whole period", () => {
  const RULE = sliding(MINUTE, 10);

  it("use stops counting within one slice after its period, never before it", () => {
    for (const offset of [0, 1, 999, 1_000, 30_500, 59_999]) {
      const at = T0 + offset;
      const leaves = leavesAt(RULE, markAt(RULE, NONE, NONE, at));
      expect(leaves).toBeGreaterThan(at + MINUTE);
      expect(leaves).toBeLessThanOrEqual(at + MINUTE + SECOND);
    }
  });

  it("a full window gives room back slice by slice", () => {
    const used = marks([T0, 6], [T0 + 10 * SECOND, 4]);
    expect(viewWindow(RULE, used, NONE, T0 + MINUTE).remaining).toBe(0);
    expect(viewWindow(RULE, used, NONE, T0 + MINUTE + SECOND).remaining).toBe(6);
    expect(viewWindow(RULE, used, NONE, T0 + MINUTE + 11 * SECOND).remaining).toBe(10);
  });

  it("never admits more than its limit in any period", () => {
    let used: Marks = NONE;
    const admitted: number[] = [];
    for (let now = T0; now < T0 + 5 * MINUTE; now += 373) {
      if (viewWindow(RULE, used, NONE, now).remaining < 1) continue;
      used = bookUse(RULE, used, markAt(RULE, used, NONE, now), 1, now);
      admitted.push(now);
    }
    for (const start of admitted) {
      expect(admitted.filter((at) => at >= start && at <= start + MINUTE).length).toBeLessThanOrEqual(10);
    }
    expect(admitted.length).toBeGreaterThanOrEqual(40);
  });

  it("a period shorter than its slices still counts", () => {
    const rule = sliding(7, 1);
    expect(leavesAt(rule, markAt(rule, NONE, NONE, T0))).toBe(T0 + 8);
  });
});

describe("when a request fits", () => {
  it("is now, if there is room", () => expect(fitsAt(FIVE_HOURS, NONE, NONE, 20, T0)).toBe(T0));

  it.each([
    ["more than the window ever gives", 21],
    ["far more", Number.MAX_SAFE_INTEGER],
  ])("is never, for %s", (_, needed) => expect(fitsAt(FIVE_HOURS, NONE, NONE, needed, T0)).toBeNull());

  it("is the reset of an anchored window", () => {
    expect(fitsAt(FIVE_HOURS, marks([T0, 15]), marks([T0, 5]), 1, T0 + HOUR)).toBe(T0 + 5 * HOUR);
  });

  it.each([
    [1, T0 + MINUTE + SECOND],
    [6, T0 + MINUTE + SECOND],
    [7, T0 + MINUTE + 11 * SECOND],
    [10, T0 + MINUTE + 11 * SECOND],
  ])("for %d of a sliding window is when enough slices have left", (needed, at) => {
    const rule = sliding(MINUTE, 10);
    const used = marks([T0, 6], [T0 + 10 * SECOND, 4]);
    expect(fitsAt(rule, used, NONE, needed, T0 + 20 * SECOND)).toBe(at);
    expect(viewWindow(rule, used, NONE, at).remaining).toBeGreaterThanOrEqual(needed);
    expect(viewWindow(rule, used, NONE, at - 1).remaining).toBeLessThan(needed);
  });

  it("a limit that was lowered below what is used refuses until the reset, and never counts below zero", () => {
    const lowered = anchored(5 * HOUR, 5);
    expect(viewWindow(lowered, marks([T0, 15]), NONE, T0).remaining).toBe(0);
    expect(fitsAt(lowered, marks([T0, 15]), NONE, 5, T0)).toBe(T0 + 5 * HOUR);
  });
});

it.each([
  [null, null, null],
  [1, null, 1],
  [null, 2, 2],
  [2, 1, 1],
])("the earlier of %s and %s is %s", (a, b, first) => expect(earliest(a, b)).toBe(first));
