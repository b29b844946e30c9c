import { describe, expect, it } from "vitest";
import { viewLimits } from "../../src/core/account-view.ts";
import { type CalendarPeriod, periodAt } from "../../src/core/calendar.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  calendar,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  gateOf,
  HOUR,
  hold,
  planOf,
} from "../support/core-fixtures.ts";

function span(unit: CalendarPeriod["unit"], timeZone: string, at: string, weekStartsOn = 1): [string, string] {
  const { start, end } = periodAt({ unit, timeZone, weekStartsOn }, Date.parse(at));
  return [iso(start), iso(end)];
}

function iso(at: number): string {
  return new Date(at).toISOString().replace(":00.000Z", "Z");
}

function hours([start, end]: [string, string]): number {
  return (Date.parse(end) - Date.parse(start)) / HOUR;
}

describe("a day lasts from midnight to midnight of its place", () => {
  it.each([
    ["UTC", "2026-11-22T12:00Z", "2026-11-22T00:00Z", "2026-11-23T00:00Z"],
    ["Europe/Berlin", "2026-11-22T23:30Z", "2026-11-22T23:00Z", "2026-11-23T23:00Z"],
    ["America/New_York", "2026-11-22T04:59Z", "2026-11-21T05:00Z", "2026-11-22T05:00Z"],
    ["Asia/Kolkata", "2026-11-22T18:30Z", "2026-11-22T18:30Z", "2026-11-23T18:30Z"],
    ["Pacific/Apia", "2026-11-22T11:00Z", "2026-11-22T11:00Z", "2026-11-23T11:00Z"],
    ["Pacific/Pago_Pago", "2026-11-22T10:59Z", "2026-11-21T11:00Z", "2026-11-22T11:00Z"],
    ["Asia/Kathmandu", "2026-11-22T12:00Z", "2026-11-21T18:15Z", "2026-11-22T18:15Z"],
  ])("%s at %s", (timeZone, at, start, end) => expect(span("day", timeZone, at)).toEqual([start, end]));
});

describe("a day has 23 or 25 hours where the clock changes", () => {
  it.each([
    ["Berlin, forward", "Europe/Berlin", "2026-03-29T10:00Z", 23],
    ["Berlin, back", "Europe/Berlin", "2026-10-25T10:00Z", 25],
    ["Berlin, in the hour that comes twice, first", "Europe/Berlin", "2026-10-25T00:30Z", 25],
    ["Berlin, in the hour that comes twice, second", "Europe/Berlin", "2026-10-25T01:30Z", 25],
    ["New York, forward", "America/New_York", "2026-03-08T20:00Z", 23],
    ["New York, back", "America/New_York", "2026-11-01T20:00Z", 25],
    ["Lord Howe, by half an hour", "Australia/Lord_Howe", "2026-10-04T03:00Z", 23.5],
    ["the day before", "Europe/Berlin", "2026-03-28T10:00Z", 24],
    ["the day after", "Europe/Berlin", "2026-10-26T10:00Z", 24],
    ["Kolkata never", "Asia/Kolkata", "2026-03-29T10:00Z", 24],
    ["UTC never", "UTC", "2026-10-25T10:00Z", 24],
  ])("%s", (_, timeZone, at, length) => expect(hours(span("day", timeZone, at))).toBe(length));

  it.each([
    // The clock goes from 24:00 to 01:00: the day begins with 01:00.
    ["São Paulo, whose midnight does not exist", "America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T03:00Z", 23],
    ["Cairo, whose midnight does not exist", "Africa/Cairo", "2026-04-24T12:00Z", "2026-04-23T22:00Z", 23],
    // The clock goes from 24:00 to 23:00: the day before has the hour twice.
    ["São Paulo, whose last hour comes twice", "America/Sao_Paulo", "2018-02-17T12:00Z", "2018-02-17T02:00Z", 25],
    ["Cairo, whose last hour comes twice", "Africa/Cairo", "2026-10-29T12:00Z", "2026-10-28T21:00Z", 25],
    // The clock goes from 01:00 to 00:00: the day begins with the first of two midnights.
    ["Havana, whose midnight comes twice", "America/Havana", "2026-11-01T12:00Z", "2026-11-01T04:00Z", 25],
    ["the Azores, whose midnight comes twice", "Atlantic/Azores", "2026-10-25T12:00Z", "2026-10-25T00:00Z", 25],
  ])("%s", (_, timeZone, at, start, length) => {
    const day = span("day", timeZone, at);
    expect(day[0]).toBe(start);
    expect(hours(day)).toBe(length);
  });

  it("a date that a place has skipped is empty, and the days around it meet", () => {
    const apia = { unit: "day", timeZone: "Pacific/Apia", weekStartsOn: 1 } as const;
    const before = periodAt(apia, Date.parse("2011-12-30T09:59Z"));
    expect(iso(before.end)).toBe("2011-12-30T10:00Z");
    expect(periodAt(apia, before.end)).toMatchObject({ start: before.end, end: before.end + DAY });
  });
});

describe("a week begins on the day that its plan says", () => {
  // 22 November 2026 is a Sunday.
  it.each([
    [1, "2026-11-16T00:00Z"],
    [2, "2026-11-17T00:00Z"],
    [3, "2026-11-18T00:00Z"],
    [4, "2026-11-19T00:00Z"],
    [5, "2026-11-20T00:00Z"],
    [6, "2026-11-21T00:00Z"],
    [7, "2026-11-22T00:00Z"],
  ])("day %d of the week", (weekStartsOn, start) => {
    const week = span("week", "UTC", "2026-11-22T12:00Z", weekStartsOn);
    expect(week[0]).toBe(start);
    expect(hours(week)).toBe(7 * 24);
  });

  it.each([
    ["Berlin, forward", "Europe/Berlin", "2026-03-25T12:00Z", 167],
    ["Berlin, back", "Europe/Berlin", "2026-10-25T12:00Z", 169],
    ["São Paulo, into a midnight that does not exist", "America/Sao_Paulo", "2018-11-04T12:00Z", 167],
  ])("%s", (_, timeZone, at, length) => expect(hours(span("week", timeZone, at, 1))).toBe(length));

  it("across the turn of the year", () => {
    expect(span("week", "Europe/Berlin", "2027-01-01T12:00Z")).toEqual(["2026-12-27T23:00Z", "2027-01-03T23:00Z"]);
  });
});

describe("a month has as many days as the calendar says", () => {
  it.each([
    ["2026-02-15T12:00Z", 28],
    ["2028-02-29T23:59Z", 29],
    ["2100-02-10T00:00Z", 28],
    ["2000-02-10T00:00Z", 29],
    ["2026-04-30T23:59Z", 30],
    ["2026-12-31T23:59Z", 31],
    ["2027-01-31T00:00Z", 31],
  ])("at %s: %d", (at, days) => expect(hours(span("month", "UTC", at))).toBe(days * 24));

  it.each([
    ["Europe/Berlin", "2026-03-31T21:59Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"],
    ["Europe/Berlin", "2026-03-31T22:00Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"],
    ["America/New_York", "2026-11-30T12:00Z", "2026-11-01T04:00Z", "2026-12-01T05:00Z"],
    ["Pacific/Apia", "2026-10-31T12:00Z", "2026-10-31T11:00Z", "2026-11-30T11:00Z"],
    ["Asia/Kolkata", "2028-02-29T18:29Z", "2028-01-31T18:30Z", "2028-02-29T18:30Z"],
  ])("%s at %s", (timeZone, at, start, end) => expect(span("month", timeZone, at)).toEqual([start, end]));
});

// C24
describe("the reset that is shown is the instant that is enforced", () => {
  it.each([
    ["a day of 23 hours", "day", "Europe/Berlin", "2026-03-29T10:00Z", "2026-03-29T22:00Z"],
    ["a day of 25 hours", "day", "America/New_York", "2026-11-01T20:00Z", "2026-11-02T05:00Z"],
    ["a midnight that does not exist", "day", "Africa/Cairo", "2026-04-23T12:00Z", "2026-04-23T22:00Z"],
    ["a week", "week", "Pacific/Apia", "2026-11-22T12:00Z", "2026-11-29T11:00Z"],
    ["a month", "month", "Asia/Kolkata", "2026-02-28T12:00Z", "2026-02-28T18:30Z"],
  ] as const)("%s", (_, unit, timeZone, at, resetsAt) => {
    const now = Date.parse(at);
    const reset = Date.parse(resetsAt);
    const rule = calendar(unit, timeZone, credits(5));
    const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", [rule])] }) });
    charge(state, hold(state, commandOf("req_1", 5), now), 5, now);
    expect(viewLimits(state, "key_1", now).allowances[0]?.windows[0]).toMatchObject({ remaining: 0, resetsAt: reset });
    expect(decide(state, demandOf(5), now)).toMatchObject({ reason: "allowance_exhausted", resetsAt: reset });
    expect(decide(state, demandOf(1), reset - 1)).toMatchObject({ outcome: "denied" });
    expect(decide(state, demandOf(5), reset)).toMatchObject({ outcome: "allowed" });
  });

  it("of a gate too", () => {
    const now = Date.parse("2026-10-25T00:30Z");
    const reset = Date.parse("2026-10-25T23:00Z");
    const gate = gateOf("daily", "requests", 1, { window: calendar("day", "Europe/Berlin", 1) });
    const state = accountWith({ plan: planOf({ gates: [gate] }) });
    hold(state, commandOf("req_1", 0), now);
    expect(viewLimits(state, "key_1", now).gates[0]).toMatchObject({ remaining: 0, resetsAt: reset });
    expect(decide(state, demandOf(0), now)).toMatchObject({ reason: "gate", limit: "daily", resetsAt: reset });
    expect(decide(state, demandOf(0), reset - 1)).toMatchObject({ reason: "gate" });
    expect(decide(state, demandOf(0), reset)).toMatchObject({ outcome: "allowed" });
  });

  it("a request that runs over midnight is counted in the day in which it was reserved", () => {
    const midnight = Date.parse("2026-11-23T00:00Z");
    const rule = calendar("day", "UTC", credits(5));
    const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", [rule])] }) });
    const pending = hold(state, commandOf("req_1", 5), midnight - 1);
    expect(charge(state, pending, 5, midnight + HOUR).settlement.overshoot).toBe(0);
    expect(decide(state, demandOf(5), midnight + HOUR)).toMatchObject({ outcome: "allowed" });
  });

  it("a day and a month that are used together both count, and the later reset is told", () => {
    const windows = [calendar("day", "UTC", credits(5)), calendar("month", "UTC", credits(8))];
    const state = accountWith({ plan: planOf({ allowances: [allowanceOf("included", windows)] }) });
    const first = Date.parse("2026-11-22T12:00Z");
    charge(state, hold(state, commandOf("req_1", 5), first), 5, first);
    expect(decide(state, demandOf(3), first)).toMatchObject({ resetsAt: Date.parse("2026-11-23T00:00Z") });
    expect(decide(state, demandOf(4), first)).toMatchObject({ resetsAt: Date.parse("2026-12-01T00:00Z") });
  });
});
