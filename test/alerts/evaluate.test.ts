import { describe, expect, test } from "vitest";
import type { AccountReply } from "../../durable-objects/commands.ts";
import { alertIdOf } from "../../src/alerts/alert.ts";
import { type Evaluation, evaluate, type WatchState } from "../../src/alerts/evaluate.ts";
import type { AlertSettings } from "../../src/alerts/settings.ts";
import type { GrantView } from "../../src/core/account-view.ts";
import type { WindowRule } from "../../src/core/window.ts";
import {
  anchored,
  calendar,
  credits,
  DAY,
  grantOf,
  HOUR,
  MINUTE,
  planOf,
  sliding,
  T0,
} from "../support/core-fixtures.ts";

const OFF: AlertSettings = {
  windows: [],
  credits_below: null,
  spend_per_hour: null,
  grant_expires_days: null,
  frozen: false,
  top_ups: false,
};

interface Seen {
  readonly available?: number;
  readonly used?: number;
  readonly window?: { rule: WindowRule; used: number; startedAt: number | null };
  readonly grants?: readonly GrantView[];
  readonly status?: AccountReply["status"];
}

function accountOf({ available = 0, used = 0, window, grants = [], status = "active" }: Seen): AccountReply {
  const windows = window
    ? [{ ...window, held: 0, remaining: 0, resetsAt: window.startedAt === null ? null : window.startedAt + HOUR }]
    : [];
  return {
    kind: "account",
    id: "acct_1",
    status,
    statusReason: null,
    plan: planOf(),
    seq: 1,
    limits: {
      gates: [],
      allowances: [{ id: "included", features: null, models: null, unit: "credits", windows }],
      credits: { available: credits(available), reserved: 0, used: credits(used) },
    },
    grants,
  };
}

function grantView(id: string, left: number, expiresAt: number | null, part: Partial<GrantView> = {}): GrantView {
  const terms = grantOf(id, left, { expiresAt });
  return { ...terms, createdAt: T0, createdSeq: 1, used: 0, lapsed: 0, voidedAt: null, reserved: 0, ...part };
}

/** Looks at an account again and again; what is remembered goes through storage, as it does there. */
class Watcher {
  readonly #settings: AlertSettings;
  #state: WatchState | null = null;
  last: Evaluation | null = null;
  readonly ids: string[] = [];

  constructor(settings: Partial<AlertSettings>) {
    this.#settings = { ...OFF, ...settings };
  }

  look(seen: Seen, at = T0): string[] {
    this.last = evaluate(accountOf(seen), this.#settings, this.#state, at);
    this.#state = JSON.parse(JSON.stringify(this.last.state)) as WatchState;
    this.ids.push(...this.last.alerts.map(alertIdOf));
    return this.last.alerts.map(({ message }) => message);
  }
}

describe("a window", () => {
  const fiveHours = anchored(5 * HOUR, credits(10));
  const at = (used: number, startedAt: number | null = T0) => ({
    window: { rule: fiveHours, used: credits(used), startedAt },
  });

  test("is told of once at each percentage", () => {
    const watcher = new Watcher({ windows: [80, 95, 100] });
    expect(watcher.look(at(7.9))).toEqual([]);
    expect(watcher.look(at(8))).toEqual(["80 % of included is used for this 5h window."]);
    expect(watcher.look(at(9))).toEqual([]);
    expect(watcher.look(at(9.5))).toEqual(["95 % of included is used for this 5h window."]);
    expect(watcher.look(at(10))).toEqual(["100 % of included is used for this 5h window."]);
    expect(watcher.look(at(10))).toEqual([]);
    expect(new Set(watcher.ids).size).toBe(3);
  });

  test("that passes several at once is told of by the highest, and not by the others after it", () => {
    const watcher = new Watcher({ windows: [80, 95, 100] });
    expect(watcher.look(at(10))).toEqual(["100 % of included is used for this 5h window."]);
    expect(watcher.look(at(8.5))).toEqual([]);
    expect(watcher.look(at(10))).toEqual([]);
  });

  test("that has begun anew is told of anew", () => {
    const watcher = new Watcher({ windows: [80] });
    watcher.look(at(9));
    expect(watcher.look(at(1, T0 + 6 * HOUR), T0 + 6 * HOUR)).toEqual([]);
    expect(watcher.look(at(9, T0 + 6 * HOUR), T0 + 7 * HOUR)).toHaveLength(1);
    expect(new Set(watcher.ids).size).toBe(2);
  });

  test("of a calendar is told of once in its period", () => {
    const watcher = new Watcher({ windows: [80] });
    const today = { window: { rule: calendar("day", "UTC", credits(10)), used: credits(9), startedAt: T0 } };
    expect(watcher.look(today)).toEqual(["80 % of included is used for this day window."]);
    expect(watcher.look(today, T0 + HOUR)).toEqual([]);
  });

  test("that slides is told of again after it has fallen below", () => {
    const watcher = new Watcher({ windows: [80] });
    const slide = (used: number, startedAt: number) => ({
      window: { rule: sliding(HOUR, credits(10)), used: credits(used), startedAt },
    });
    expect(watcher.look(slide(9, T0))).toHaveLength(1);
    expect(watcher.look(slide(9, T0 + MINUTE), T0 + 2 * MINUTE)).toEqual([]);
    // It empties by itself, and is looked at then.
    expect(watcher.last?.dueAt).toBe(T0 + MINUTE + HOUR);
    expect(watcher.look(slide(2, T0 + HOUR), T0 + HOUR + MINUTE)).toEqual([]);
    expect(watcher.look(slide(9, T0 + 90 * MINUTE), T0 + 2 * HOUR)).toHaveLength(1);
    expect(new Set(watcher.ids).size).toBe(2);
  });

  test("that is not open, or has no room at all, is not told of", () => {
    const watcher = new Watcher({ windows: [80] });
    expect(watcher.look(at(0, null))).toEqual([]);
    expect(watcher.look({ window: { rule: anchored(HOUR, 0), used: 0, startedAt: T0 } })).toEqual([]);
  });
});

describe("credits", () => {
  test("are told of once when they fall below, and again after they have risen", () => {
    const watcher = new Watcher({ credits_below: "5" });
    expect(watcher.look({ available: 6, used: 1 })).toEqual([]);
    expect(watcher.look({ available: 4, used: 3 }, T0 + 1)).toEqual(["4.000000 credits are left, fewer than 5."]);
    expect(watcher.look({ available: 1, used: 6 }, T0 + 2)).toEqual([]);
    expect(watcher.look({ available: 25, used: 6 }, T0 + 3)).toEqual([]);
    expect(watcher.look({ available: 4.9, used: 26 }, T0 + 4)).toHaveLength(1);
    expect(new Set(watcher.ids).size).toBe(2);
  });

  test("that were never there did not fall; those that were used between two looks did", () => {
    expect(new Watcher({ credits_below: "5" }).look({ available: 0, used: 0 })).toEqual([]);
    expect(new Watcher({ credits_below: "5" }).look({ available: 1, used: 9 })).toHaveLength(1);
  });
});

describe("the rate of spending", () => {
  test("is what was spent within an hour", () => {
    const watcher = new Watcher({ spend_per_hour: "10" });
    expect(watcher.look({ used: 100 })).toEqual([]);
    expect(watcher.look({ used: 109 }, T0 + 30 * MINUTE)).toEqual([]);
    // Nine and two, but not within one hour.
    expect(watcher.look({ used: 111 }, T0 + 95 * MINUTE)).toEqual([]);
    expect(watcher.look({ used: 120 }, T0 + 100 * MINUTE)).toEqual([
      "11.000000 credits were spent within an hour, more than 10.",
    ]);
    expect(watcher.look({ used: 121 }, T0 + 101 * MINUTE)).toEqual([]);
  });

  test("falls by itself, and is told of again when it rises again", () => {
    const watcher = new Watcher({ spend_per_hour: "10" });
    watcher.look({ used: 0 });
    expect(watcher.look({ used: 11 }, T0 + MINUTE)).toHaveLength(1);
    expect(watcher.last?.dueAt).toBe(T0 + MINUTE + HOUR);
    expect(watcher.look({ used: 11 }, T0 + MINUTE + HOUR)).toEqual([]);
    expect(watcher.look({ used: 30 }, T0 + 2 * HOUR)).toHaveLength(1);
  });

  test("remembers no more than an hour", () => {
    const watcher = new Watcher({ spend_per_hour: "10" });
    for (let minute = 0; minute < 300; minute += 1) watcher.look({ used: minute / 100 }, T0 + minute * MINUTE);
    expect(watcher.last?.state.samples.length).toBeLessThanOrEqual(62);
  });
});

describe("a grant", () => {
  test("is told of once, so many days before it expires", () => {
    const watcher = new Watcher({ grant_expires_days: 3 });
    const grants = [grantView("grt_1", 5, T0 + 10 * DAY)];
    expect(watcher.look({ grants })).toEqual([]);
    expect(watcher.last?.dueAt).toBe(T0 + 7 * DAY);
    expect(watcher.look({ grants }, T0 + 7 * DAY)).toHaveLength(1);
    expect(watcher.look({ grants }, T0 + 8 * DAY)).toEqual([]);
  });

  test("with nothing left, without an end, or of an entitlement is not", () => {
    const soon = T0 + DAY;
    const grants = [
      grantView("grt_1", 5, soon, { used: credits(5) }),
      grantView("grt_2", 5, null),
      grantView("grt_3", 5, soon, { kind: "entitlement" }),
      grantView("grt_4", 5, T0 - 1),
    ];
    expect(new Watcher({ grant_expires_days: 3 }).look({ grants })).toEqual([]);
  });
});

describe("an account", () => {
  test("that is frozen is told of once, and again when it is frozen again", () => {
    const watcher = new Watcher({ frozen: true });
    expect(watcher.look({})).toEqual([]);
    expect(watcher.look({ status: "frozen" }, T0 + 1)).toHaveLength(1);
    expect(watcher.look({ status: "frozen" }, T0 + 2)).toEqual([]);
    watcher.look({}, T0 + 3);
    expect(watcher.look({ status: "frozen" }, T0 + 4)).toHaveLength(1);
    expect(new Set(watcher.ids).size).toBe(2);
  });

  test("that wants to hear nothing hears nothing", () => {
    const watcher = new Watcher({});
    const grants = [grantView("grt_1", 5, T0 + DAY)];
    const window = { rule: anchored(HOUR, 1), used: 1, startedAt: T0 };
    expect(watcher.look({ available: 0, used: 99, grants, window, status: "frozen" })).toEqual([]);
  });
});
