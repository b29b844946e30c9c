import { invariant } from "./amount.ts";
import { type CalendarPeriod, periodAt } from "./calendar.ts";

/**
 * A period with a limit.
 * - `anchored` opens at its first use and lasts one period; the next use after that opens a new one.
 * - `sliding` looks back one period from now.
 * - `calendar` is the present day, week or month of a place.
 */
export type WindowRule = SpanRule | CalendarRule;

export interface SpanRule {
  readonly kind: "anchored" | "sliding";
  readonly periodMs: number;
  /** The most that may be used within the window, in the unit of its owner. */
  readonly limit: number;
}

export interface CalendarRule extends CalendarPeriod {
  readonly kind: "calendar";
  /** The usual length, for showing it; the real one is the calendar's. */
  readonly periodMs: number;
  readonly limit: number;
}

/**
 * What was used, by **mark**: the instant (epoch ms) under which use is booked. An anchored window has one live mark,
 * its start; a sliding window has one per slice of its period; a calendar window has one per period. A draw remembers its mark, so that its settlement is
 * booked where it was reserved and a window that has rolled on meanwhile gets nothing back.
 */
export type Marks = ReadonlyMap<number, number>;

/** A sliding window is counted in this many slices: its reset instants are exact to one slice, never too early. */
const SLICES = 60;

function sliceMs(rule: SpanRule): number {
  return Math.max(1, Math.ceil(rule.periodMs / SLICES));
}

/** When use booked under `mark` stops counting (epoch ms). */
export function leavesAt(rule: WindowRule, mark: number): number {
  switch (rule.kind) {
    case "anchored":
      return mark + rule.periodMs;
    case "sliding":
      return mark + sliceMs(rule) + rule.periodMs;
    case "calendar":
      return periodAt(rule, mark).end;
  }
}

/** The mark under which use at `now` is booked, beside what is `used` and `held` already. */
export function markAt(rule: WindowRule, used: Marks, held: Marks, now: number): number {
  if (rule.kind === "sliding") return now - (now % sliceMs(rule));
  if (rule.kind === "calendar") return periodAt(rule, now).start;
  return latest(lastLive(rule, used, now), lastLive(rule, held, now)) ?? now;
}

function lastLive(rule: WindowRule, marks: Marks, now: number): number | null {
  let last: number | null = null;
  for (const mark of marks.keys()) if (now < leavesAt(rule, mark)) last = latest(last, mark);
  return last;
}

/** A window as it stands at one instant. */
export interface WindowView {
  readonly used: number;
  readonly held: number;
  readonly remaining: number;
  /** Start of the present window; `null` when it is not open. */
  readonly startedAt: number | null;
  /** The next instant at which room comes back; `null` when nothing is used. This is the instant that is enforced. */
  readonly resetsAt: number | null;
}

/** Looks at a window at `now`: `used` is posted use, `held` is use reserved by pending requests, both by mark. */
export function viewWindow(rule: WindowRule, used: Marks, held: Marks, now: number): WindowView {
  const usedNow = liveUse(rule, used, now);
  const heldNow = liveUse(rule, held, now);
  const startedAt = rule.kind === "calendar" ? periodAt(rule, now).start : earliest(usedNow.since, heldNow.since);
  return {
    used: usedNow.total,
    held: heldNow.total,
    remaining: Math.max(0, rule.limit - usedNow.total - heldNow.total),
    startedAt,
    resetsAt: startedAt === null ? null : leavesAt(rule, startedAt),
  };
}

/** What counts at `now`, and its first mark. */
function liveUse(rule: WindowRule, marks: Marks, now: number): { total: number; since: number | null } {
  let total = 0;
  let since: number | null = null;
  for (const [mark, amount] of marks) {
    if (now >= leavesAt(rule, mark)) continue;
    total += amount;
    since = earliest(since, mark);
  }
  return { total, since };
}

/** The earlier of two instants; `null` is none. */
export function earliest(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}

/** The later of two instants; `null` is none. */
function latest(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.max(a, b);
}

/**
 * The earliest instant at which `needed` fits beside what is used and held now, if nothing else is used meanwhile;
 * `null` when it can never fit.
 */
export function fitsAt(rule: WindowRule, used: Marks, held: Marks, needed: number, now: number): number | null {
  if (needed > rule.limit) return null;
  const marks = [...new Set([...used.keys(), ...held.keys()])].sort((a, b) => a - b);
  let at = now;
  for (const mark of [null, ...marks]) {
    if (mark !== null) at = Math.max(at, leavesAt(rule, mark));
    if (viewWindow(rule, used, held, at).remaining >= needed) return at;
  }
  return at;
}

/** `marks` with `amount` more under `mark` (nothing opens no window), and without the marks that no longer count at `now`. */
export function bookUse(rule: WindowRule, marks: Marks, mark: number, amount: number, now: number): Marks {
  invariant(amount >= 0, "use of a window only grows");
  const next = new Map<number, number>();
  for (const [at, booked] of marks) if (now < leavesAt(rule, at)) next.set(at, booked);
  if (amount > 0 && now < leavesAt(rule, mark)) next.set(mark, (next.get(mark) ?? 0) + amount);
  return next;
}
