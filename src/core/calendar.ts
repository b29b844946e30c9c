import { invariant } from "./amount.ts";

/** A period of the calendar of a place. */
export interface CalendarPeriod {
  readonly unit: "day" | "week" | "month";
  /** IANA name, such as `Europe/Berlin`. */
  readonly timeZone: string;
  /** The first day of a week, 1 (Monday) to 7 (Sunday). */
  readonly weekStartsOn: number;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const DAY_MS = 24 * 3_600_000;

/**
 * The period that holds the instant `at`, from its first instant (epoch ms) up to and without the first of the next.
 * Days have 23 or 25 hours where the clock is put forward or back; a day whose midnight does not exist begins with the
 * first instant that does.
 */
export function periodAt(period: CalendarPeriod, at: number): Span {
  const key = `${period.unit}/${period.timeZone}/${period.weekStartsOn}`;
  const known = lastSpan.get(key);
  if (known && known.start <= at && at < known.end) return known;
  const today = localDate(period.timeZone, at);
  const first = firstDay(period, today);
  const next = nextFirstDay(period, first);
  const span = { start: startOfDay(period.timeZone, first), end: startOfDay(period.timeZone, next) };
  invariant(span.start <= at && at < span.end, `${key} has no period at ${at}`);
  lastSpan.set(key, span);
  return span;
}

/** Asking the platform's calendar costs microseconds; nearly every look is into the period of the look before. */
const lastSpan = new Map<string, Span>();
const formats = new Map<string, Intl.DateTimeFormat>();

/** A local date as the UTC instant of its midnight: a number that days can be added to. */
type LocalDay = number;

function firstDay({ unit, weekStartsOn }: CalendarPeriod, day: LocalDay): LocalDay {
  const date = new Date(day);
  if (unit === "month") return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  if (unit === "day") return day;
  const weekday = date.getUTCDay() === 0 ? 7 : date.getUTCDay();
  return day - ((weekday - weekStartsOn + 7) % 7) * DAY_MS;
}

function nextFirstDay({ unit }: CalendarPeriod, first: LocalDay): LocalDay {
  if (unit === "day") return first + DAY_MS;
  if (unit === "week") return first + 7 * DAY_MS;
  const date = new Date(first);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
}

/** The first instant of a local day: midnight by the offset before it or the one after it, whichever is of that day. */
function startOfDay(timeZone: string, day: LocalDay): number {
  const before = day - offsetAt(timeZone, day - DAY_MS);
  const after = day - offsetAt(timeZone, day + DAY_MS);
  const candidates = [before, after].sort((a, b) => a - b);
  // Later than the day only where the place has skipped it: such a day is empty.
  const start = candidates.find((at) => localDate(timeZone, at) >= day);
  invariant(start !== undefined, `the day ${new Date(day).toISOString()} does not exist in ${timeZone}`);
  return start;
}

function localDate(timeZone: string, at: number): LocalDay {
  const local = at + offsetAt(timeZone, at);
  return local - (((local % DAY_MS) + DAY_MS) % DAY_MS);
}

/** How far the local clock is ahead of UTC at an instant, in ms. */
function offsetAt(timeZone: string, at: number): number {
  const parts = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1_000) * 1_000;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    formats.set(timeZone, format);
  }
  return format;
}
