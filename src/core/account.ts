import { invariant, type MicroCredits } from "./amount.ts";
import type { CalendarPeriod } from "./calendar.ts";
import type { Booking } from "./draw.ts";
import type { ChainedEntry } from "./event.ts";
import type { Grant } from "./grant.ts";
import type { Learned } from "./learning.ts";
import { type LiveCredits, type OpenGrants, openGrants, putGrant, withGrant } from "./open-grants.ts";
import type { Allowance, Gate, Plan } from "./plan.ts";
import type { Reservation } from "./reservation.ts";
import { type Marks, markAt, viewWindow, type WindowRule, type WindowView } from "./window.ts";

export type AccountStatus = "active" | "suspended" | "frozen";

/** The part of an account that is stored as one row. */
export interface AccountRow {
  readonly id: string;
  readonly epoch: number;
  /** Sequence number of the newest journal entry; 0 when there is none. */
  readonly seq: number;
  /** Hash of the newest journal entry: the head of the chain. */
  readonly head: string;
  readonly status: AccountStatus;
  /** Why the account is not active, or was made so again; told to operators. */
  readonly statusReason: string | null;
  readonly plan: Plan;
  /** Credits granted and not yet used or lapsed, reserved parts included. Never below zero. */
  readonly balance: MicroCredits;
  /** Credits debited so far, over all grants. */
  readonly used: MicroCredits;
  /** Posted use of every window of every gate and allowance, by meter and mark. */
  readonly meters: Readonly<Record<string, Marks>>;
  /** The start of the period for which each entitlement of the plan was granted last. */
  readonly renewals: Readonly<Record<string, number>>;
  readonly learned: Learned;
}

/**
 * An account as its object holds it in memory. What is *held* is never stored: it is the sum of the draws of the
 * pending reservations, folded again whenever the account is loaded, so it cannot leak.
 */
export interface AccountState {
  row: AccountRow;
  readonly grants: OpenGrants;
  /** What live grants have left, as it was last asked for and kept since; `null` until somebody asks. */
  liveCredits: LiveCredits | null;
  readonly pending: Map<string, Reservation>;
  /** Held amounts of each meter, by mark. */
  readonly heldMeters: Map<string, Map<number, number>>;
  /** Held amounts of each grant. */
  readonly heldGrants: Map<string, MicroCredits>;
}

/** What one command changes. It is computed first, then stored in one transaction, then applied in memory. */
export interface Change {
  readonly row: AccountRow | null;
  readonly grants: readonly Grant[];
  readonly reservations: readonly Reservation[];
  readonly entries: readonly ChainedEntry[];
}

export const NO_CHANGE: Change = Object.freeze({ row: null, grants: [], reservations: [], entries: [] });

/** Folds stored rows to the state in memory. */
export function openAccount(row: AccountRow, grants: Iterable<Grant>, pending: Iterable<Reservation>): AccountState {
  const state: AccountState = {
    row,
    grants: openGrants(grants),
    liveCredits: null,
    pending: new Map(),
    heldMeters: new Map(),
    heldGrants: new Map(),
  };
  for (const reservation of pending) hold(state, reservation);
  return state;
}

/** Applies a change that has been stored. Nothing here can refuse. */
export function applyChange(state: AccountState, change: Change): void {
  if (change.row) state.row = change.row;
  for (const grant of change.grants) {
    state.liveCredits &&= withGrant(state.liveCredits, state.grants.get(grant.id), grant);
    putGrant(state.grants, grant);
  }
  for (const reservation of change.reservations) {
    const before = state.pending.get(reservation.requestId);
    if (before) unhold(state, before);
    if (reservation.state === "pending") hold(state, reservation);
  }
}

/** The meter of one window of an allowance or gate. A new limit keeps what was used; a new period starts afresh. */
export function meterId(owner: string, rule: WindowRule): string {
  const last = lastMeter.get(rule);
  if (last?.owner === owner) return last.meter;
  const period = rule.kind === "calendar" ? calendarName(rule) : rule.periodMs;
  const meter = `${owner}/${rule.kind}/${period}`;
  lastMeter.set(rule, { owner, meter });
  return meter;
}

/** A decision names its meters several times over, and a name made anew is hashed anew before anything is found by it. */
const lastMeter = new WeakMap<WindowRule, { readonly owner: string; readonly meter: string }>();

function calendarName({ unit, timeZone, weekStartsOn }: CalendarPeriod): string {
  return unit === "week" ? `${unit}${weekStartsOn}@${timeZone}` : `${unit}@${timeZone}`;
}

/** The meters that `plan` still has; use of limits that are gone is forgotten. */
export function keepMeters(meters: AccountRow["meters"], plan: Plan): AccountRow["meters"] {
  const kept = new Set<string>();
  for (const gate of plan.gates)
    if (gate.window) kept.add(meterId(gateOwner({ ...gate, per: "account" }, ""), gate.window));
  for (const allowance of plan.allowances) {
    for (const rule of allowance.windows) kept.add(meterId(allowanceOwner(allowance), rule));
  }
  const ofPlan = ([meter]: [string, Marks]): boolean => kept.has(meter.replace(/@key_\w+\//, "/"));
  return Object.fromEntries(Object.entries(meters).filter(ofPlan));
}

/** The name under which a gate's use by a key is metered, apart from allowances of the same name. */
export function gateOwner(gate: Gate, keyId: string): string {
  const owner = `gate:${gate.id}:${gate.unit}`;
  return gate.per === "key" ? `${owner}@${keyId}` : owner;
}

/** The name under which an allowance's use is metered: use in one unit is no use in another. */
export function allowanceOwner({ id, unit }: Allowance): string {
  return unit === "credits" ? id : `${id}:${unit}`;
}

/** The window `rule` of an allowance or gate as it stands at `at`. */
export function viewMeter(state: AccountState, owner: string, rule: WindowRule, at: number): WindowView {
  const meter = meterId(owner, rule);
  return viewWindow(rule, usedOf(state, meter), heldOf(state, meter), at);
}

/** Where use at `at` is booked in a window of an allowance or gate. */
export function bookingAt(state: AccountState, owner: string, rule: WindowRule, at: number): Booking {
  const meter = meterId(owner, rule);
  return { meter, rule, mark: markAt(rule, usedOf(state, meter), heldOf(state, meter), at) };
}

const NOTHING: Marks = new Map();

export function usedOf(state: AccountState, meter: string): Marks {
  return state.row.meters[meter] ?? NOTHING;
}

export function heldOf(state: AccountState, meter: string): Marks {
  return state.heldMeters.get(meter) ?? NOTHING;
}

export function heldOfGrant(state: AccountState, grantId: string): MicroCredits {
  return state.heldGrants.get(grantId) ?? 0;
}

function hold(state: AccountState, reservation: Reservation): void {
  state.pending.set(reservation.requestId, reservation);
  addHolds(state, reservation, 1);
}

function unhold(state: AccountState, reservation: Reservation): void {
  state.pending.delete(reservation.requestId);
  addHolds(state, reservation, -1);
}

function addHolds(state: AccountState, reservation: Reservation, sign: 1 | -1): void {
  for (const draw of reservation.draws) {
    if (draw.kind === "grant") addGrantHold(state, draw.source, sign * draw.amount);
    else for (const booking of draw.bookings) addMeterHold(state, booking, sign * draw.units);
  }
  for (const gate of reservation.gates) addMeterHold(state, gate.booking, sign * gate.amount);
}

function addGrantHold(state: AccountState, grantId: string, amount: number): void {
  const held = heldOfGrant(state, grantId) + amount;
  invariant(held >= 0, `grant ${grantId} holds less than nothing`);
  if (held === 0) state.heldGrants.delete(grantId);
  else state.heldGrants.set(grantId, held);
}

function addMeterHold(state: AccountState, { meter, mark }: Booking, amount: number): void {
  const marks = state.heldMeters.get(meter) ?? new Map<number, number>();
  const held = (marks.get(mark) ?? 0) + amount;
  invariant(held >= 0, `meter ${meter} holds less than nothing`);
  if (held === 0) marks.delete(mark);
  else marks.set(mark, held);
  if (marks.size === 0) state.heldMeters.delete(meter);
  else state.heldMeters.set(meter, marks);
}
