import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CalendarPeriod, periodAt } from "../../../src/core/calendar.ts";
import { DAY, HOUR } from "../../support/core-fixtures.ts";

const PLACES = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "America/Sao_Paulo",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Asia/Kolkata",
  "Pacific/Apia",
  "America/Havana",
  "Australia/Lord_Howe",
] as const;

const period: fc.Arbitrary<CalendarPeriod> = fc.record({
  unit: fc.constantFrom("day", "week", "month"),
  timeZone: fc.constantFrom(...PLACES),
  weekStartsOn: fc.integer({ min: 1, max: 7 }),
});
const instant = fc.integer({ min: Date.UTC(2013, 0, 1), max: Date.UTC(2037, 0, 1) });

const dates = new Map(
  PLACES.map((timeZone) => [timeZone as string, new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" })]),
);

/** The date that a calendar on the wall shows. */
function dateOf(timeZone: string, at: number): string {
  return dates.get(timeZone)?.format(at) ?? "";
}

/** Days since 1970 of a written date. */
function dayNumber(date: string): number {
  return Date.parse(`${date}T00:00Z`) / DAY;
}

/** The name of the period that a written date belongs to. */
function nameOf({ unit, weekStartsOn }: CalendarPeriod, date: string): string {
  if (unit === "month") return date.slice(0, 7);
  // 1 January 1970 was a Thursday, day 4 of the week.
  return unit === "day" ? date : `week ${Math.floor((dayNumber(date) + 4 - weekStartsOn) / 7)}`;
}

describe("the periods of a calendar", () => {
  it("hold their instant and meet without gap or overlap", () => {
    fc.assert(
      fc.property(period, instant, (of, at) => {
        const { start, end } = periodAt(of, at);
        expect(start <= at && at < end).toBe(true);
        expect(periodAt(of, end).start).toBe(end);
        expect(periodAt(of, start - 1).end).toBe(start);
        for (const inside of [start, end - 1, Math.floor((start + end) / 2)]) {
          expect(periodAt(of, inside)).toEqual({ start, end });
        }
      }),
      { numRuns: 300 },
    );
  });

  it("change exactly when the date on the wall does", () => {
    fc.assert(
      fc.property(period, instant, fc.double({ min: 0, max: 1, noNaN: true }), (of, at, share) => {
        const { start, end } = periodAt(of, at);
        const nameAt = (when: number): string => nameOf(of, dateOf(of.timeZone, when));
        const within = start + Math.floor((end - 1 - start) * share);
        for (const inside of [start, at, within, end - 1]) expect(nameAt(inside)).toBe(nameAt(at));
        expect(nameAt(end)).not.toBe(nameAt(at));
        expect(nameAt(start - 1)).not.toBe(nameAt(at));
      }),
      { numRuns: 300 },
    );
  });

  it("every day of a year and every change of the clock, one after the other", () => {
    for (const timeZone of PLACES) {
      const day: CalendarPeriod = { unit: "day", timeZone, weekStartsOn: 1 };
      let { start, end } = periodAt(day, Date.UTC(2017, 10, 1));
      while (start < Date.UTC(2018, 11, 1)) {
        expect((end - start) / HOUR).toBeGreaterThanOrEqual(23);
        expect((end - start) / HOUR).toBeLessThanOrEqual(25);
        expect(dayNumber(dateOf(timeZone, end)) - dayNumber(dateOf(timeZone, start))).toBe(1);
        ({ start, end } = periodAt(day, end));
      }
    }
  });
});
