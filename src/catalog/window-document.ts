import * as z from "zod";
import type { WindowRule } from "../core/window.ts";
import { milliseconds, oneOf, period } from "./fields.ts";

/** An IANA time zone that this runtime knows. */
export const timeZone = z
  .string({ error: 'must be an IANA time zone, such as "Europe/Berlin"' })
  .refine(isTimeZone, { error: 'must be an IANA time zone, such as "Europe/Berlin"' });

export const weekDay = oneOf(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]);
export const calendarPeriod = oneOf(["day", "week", "month"]);

/** A window by its kind: a calendar window has a place, the others a length. */
export const windowFields = {
  kind: oneOf(["anchored", "sliding", "calendar"]),
  period: z.string({ error: 'must be a period such as "5h", or day, week or month for calendar windows' }),
  time_zone: timeZone.optional(),
  week_starts_on: weekDay.optional(),
};

export interface WindowFields {
  readonly kind: "anchored" | "sliding" | "calendar";
  readonly period: string;
  readonly time_zone?: string | undefined;
  readonly week_starts_on?: z.output<typeof weekDay> | undefined;
}

/** What a schema cannot say of each field alone. */
export function checkWindow(window: WindowFields, context: z.core.$RefinementCtx): void {
  const calendar = window.kind === "calendar";
  const checked = (calendar ? calendarPeriod : period).safeParse(window.period);
  for (const { message } of checked.error?.issues ?? []) {
    context.addIssue({ code: "custom", path: ["period"], message });
  }
  for (const field of ["time_zone", "week_starts_on"] as const) {
    if (!calendar && window[field] !== undefined) {
      context.addIssue({ code: "custom", path: [field], message: "belongs to calendar windows only" });
    }
  }
}

const DAY_MS = 24 * 3_600_000;
const USUAL_MS = { day: DAY_MS, week: 7 * DAY_MS, month: 30 * DAY_MS } as const;

/** A checked window as the core understands it; `limit` is in the unit of its owner. */
export function toWindow(window: WindowFields, limit: number): WindowRule {
  if (window.kind === "calendar") {
    const unit = calendarPeriod.parse(window.period);
    const weekStartsOn = weekDayNumber(window.week_starts_on ?? "monday");
    return {
      kind: "calendar",
      unit,
      timeZone: window.time_zone ?? "UTC",
      weekStartsOn,
      periodMs: USUAL_MS[unit],
      limit,
    };
  }
  return { kind: window.kind, periodMs: milliseconds(window.period), limit };
}

/** 1 is Monday. */
export function weekDayNumber(day: z.output<typeof weekDay>): number {
  return weekDay.options.indexOf(day) + 1;
}

function isTimeZone(text: string): boolean {
  try {
    return text.length <= 64 && new Intl.DateTimeFormat("en-US", { timeZone: text }) !== null;
  } catch {
    return false;
  }
}
