import { type AccountState, gateOwner, heldOf, heldOfGrant, meterId, usedOf } from "./account.ts";
import { invariant, type MicroCredits, sum } from "./amount.ts";
import { burnOrder, type Grant, isLive, remaining } from "./grant.ts";
import { type Allowance, covers, type Gate, isEntitledFeature, isEntitledModel, type Plan } from "./plan.ts";
import { affordableOutput, price, type QuotedRate } from "./rate-card.ts";
import { totalTokens, type Usage } from "./usage.ts";
import { fitsAt, leavesAt, markAt, viewWindow, type WindowRule, type WindowView } from "./window.ts";

/** Which source, and how much: a draw as it is shown and recorded. */
export interface SourceAmount {
  readonly kind: "allowance" | "grant";
  readonly source: string;
  readonly amount: MicroCredits;
}

/** So much from there. */
export type Draw = AllowanceDraw | GrantDraw;

export interface AllowanceDraw {
  readonly kind: "allowance";
  readonly source: string;
  readonly amount: MicroCredits;
  /** Where it is booked in each of the allowance's windows. */
  readonly bookings: readonly Booking[];
}

export interface GrantDraw {
  readonly kind: "grant";
  readonly source: string;
  readonly amount: MicroCredits;
}

/** The place in a window where use is booked, fixed when it is reserved. */
export interface Booking {
  readonly meter: string;
  readonly rule: WindowRule;
  readonly mark: number;
}

/** Use of a gate held by a request; it counts against the gate and is not money. */
export interface GateDraw {
  readonly unit: "requests" | "tokens";
  readonly amount: number;
  readonly booking: Booking;
}

/** A source that was looked at, in order: what it could give and what was taken. */
export interface Considered {
  readonly source: string;
  readonly kind: "gate" | "allowance" | "grant";
  readonly available: number;
  readonly taken: number;
}

/** What a request asks of the account. */
export interface Demand {
  readonly feature: string;
  readonly model: string;
  readonly quote: QuotedRate;
  /** The worst case of what it will use. */
  readonly bound: Usage;
  /** Whether the client left the output unbounded, so that a plan may lower the bound. */
  readonly openOutput: boolean;
}

export interface Allowed {
  readonly outcome: "allowed";
  readonly bound: Usage;
  readonly clampedTo: number | null;
  readonly reserved: MicroCredits;
  readonly draws: readonly Draw[];
  readonly gates: readonly GateDraw[];
  readonly considered: readonly Considered[];
}

export type DenialReason =
  | "account_suspended"
  | "account_frozen"
  | "feature_not_entitled"
  | "model_not_entitled"
  | "unpriced"
  | "gate"
  | "allowance_exhausted"
  | "credits_exhausted"
  | "credits_reserved";

/** A refusal. It is data: nothing was written and nothing is held. */
export interface Denial {
  readonly outcome: "denied";
  readonly reason: DenialReason;
  /** The gate, allowance, feature, model or price dimension that refused. */
  readonly limit: string | null;
  /** When asking again makes sense (epoch ms); `null` when waiting does not help. */
  readonly resetsAt: number | null;
  readonly available: MicroCredits;
  readonly needed: MicroCredits;
  readonly considered: readonly Considered[];
}

export type Decision = Allowed | Denial;

/** How long a request that waits for others' reservations is told to wait. */
const RESERVED_RETRY_MS = 2_000;
/** How long a request that found all concurrency slots taken is told to wait. */
const CONCURRENCY_RETRY_MS = 1_000;

/** Answers how much of `demand` is allowed and from where. Looks only; changes nothing. */
export function decide(state: AccountState, demand: Demand, now: number): Decision {
  const { plan, status } = state.row;
  if (status === "suspended") return deny("account_suspended", state.row.id);
  if (!isEntitledFeature(plan, demand.feature)) return deny("feature_not_entitled", demand.feature);
  if (!isEntitledModel(plan, demand.feature, demand.model)) return deny("model_not_entitled", demand.model);

  const asked = price(demand.quote.rate, demand.bound);
  if (typeof asked !== "number") return deny("unpriced", asked.unpriced);

  const sources = sourcesOf(state, demand.feature, now);
  const clamped = clamp(plan, demand, asked, sum(sources.map((source) => source.available)));
  const bound = clamped.bound;
  const amount = clamped.amount;

  const gates = passGates(state, demand.feature, bound, now);
  if ("outcome" in gates) return gates;

  const taken = takeFrom(sources, amount);
  const considered = [...gates.considered, ...taken.considered];
  if (taken.missing > 0) return outOfCredit(state, demand.feature, amount, amount - taken.missing, considered, now);
  return {
    outcome: "allowed",
    bound,
    clampedTo: clamped.clampedTo,
    reserved: amount,
    draws: taken.draws,
    gates: gates.draws,
    considered,
  };
}

function deny(reason: DenialReason, limit: string | null, more: Partial<Denial> = {}): Denial {
  return {
    outcome: "denied",
    reason,
    limit,
    resetsAt: null,
    available: 0,
    needed: 0,
    considered: [],
    ...more,
  };
}

/** Applies the plan's way with bounds: what is reserved, and whether the bound must be sent upstream. */
function clamp(
  plan: Plan,
  demand: Demand,
  asked: MicroCredits,
  available: MicroCredits,
): { bound: Usage; amount: MicroCredits; clampedTo: number | null } {
  const unclamped = { bound: demand.bound, amount: asked, clampedTo: null };
  if (demand.bound.outputTokens === 0) return unclamped;
  if (asked > available && demand.openOutput && plan.estimate === "clamp") {
    const outputTokens = affordableOutput(demand.quote.rate, demand.bound, available);
    if (outputTokens === null) return unclamped;
    const reasoningTokens = Math.min(demand.bound.reasoningTokens, outputTokens);
    const bound = { ...demand.bound, outputTokens, reasoningTokens };
    const amount = price(demand.quote.rate, bound);
    invariant(typeof amount === "number", "a bound that was priced once has a price");
    return { bound, amount, clampedTo: outputTokens };
  }
  return plan.overshoot === "clamp" ? { ...unclamped, clampedTo: demand.bound.outputTokens } : unclamped;
}

interface PassedGates {
  readonly draws: readonly GateDraw[];
  readonly considered: readonly Considered[];
}

function passGates(state: AccountState, feature: string, bound: Usage, now: number): PassedGates | Denial {
  const draws: GateDraw[] = [];
  const considered: Considered[] = [];
  for (const gate of state.row.plan.gates) {
    if (!covers(gate.features, feature)) continue;
    const needed = gate.unit === "tokens" ? totalTokens(bound) : 1;
    const available = gateRoom(state, gate, now);
    if (available < needed) {
      return deny("gate", gate.id, {
        resetsAt: gateOpensAt(state, gate, needed, now),
        considered: [...considered, { source: gate.id, kind: "gate", available, taken: 0 }],
      });
    }
    considered.push({ source: gate.id, kind: "gate", available, taken: needed });
    if (gate.window && gate.unit !== "concurrency") {
      draws.push({ unit: gate.unit, amount: needed, booking: bookingAt(state, gateOwner(gate), gate.window, now) });
    }
  }
  return { draws, considered };
}

function bookingAt(state: AccountState, owner: string, rule: WindowRule, now: number): Booking {
  const meter = meterId(owner, rule);
  const marks = [...usedOf(state, meter).keys(), ...heldOf(state, meter).keys()];
  return { meter, rule, mark: markAt(rule, marks, now) };
}

/** The window `rule` of an allowance or gate as it stands at `now`. */
export function viewMeter(state: AccountState, owner: string, rule: WindowRule, now: number): WindowView {
  const meter = meterId(owner, rule);
  return viewWindow(rule, usedOf(state, meter), heldOf(state, meter), now);
}

/** What a gate still lets through: requests, tokens or slots. */
export function gateRoom(state: AccountState, gate: Gate, now: number): number {
  if (gate.window) {
    return viewMeter(state, gateOwner(gate), gate.window, now).remaining;
  }
  let inFlight = 0;
  for (const reservation of state.pending.values()) if (covers(gate.features, reservation.feature)) inFlight += 1;
  return Math.max(0, gate.limit - inFlight);
}

function gateOpensAt(state: AccountState, gate: Gate, needed: number, now: number): number | null {
  if (!gate.window) return now + CONCURRENCY_RETRY_MS;
  const meter = meterId(gateOwner(gate), gate.window);
  return fitsAt(gate.window, usedOf(state, meter), heldOf(state, meter), needed, now);
}

/** A source with what it can give now. */
interface OpenSource {
  readonly id: string;
  readonly kind: "allowance" | "grant";
  readonly available: MicroCredits;
  readonly draw: (amount: MicroCredits) => Draw;
}

/** The sources that can pay for `feature` at `now`, in the order in which they pay: allowances, then grants. */
export function sourcesOf(state: AccountState, feature: string, now: number): OpenSource[] {
  const sources: OpenSource[] = [];
  for (const allowance of state.row.plan.allowances) {
    if (covers(allowance.features, feature)) sources.push(openAllowance(state, allowance, now));
  }
  // A frozen account keeps its included use; what it has paid for waits until a person has looked.
  if (state.row.status === "frozen") return sources;
  for (const grant of liveGrants(state, feature, now)) {
    const available = remaining(grant) - heldOfGrant(state, grant.id);
    sources.push({
      id: grant.id,
      kind: "grant",
      available,
      draw: (amount) => ({ kind: "grant", source: grant.id, amount }),
    });
  }
  return sources;
}

function liveGrants(state: AccountState, feature: string, now: number): Grant[] {
  const live: Grant[] = [];
  for (const grant of state.grants.values())
    if (isLive(grant, now) && covers(grant.features, feature)) live.push(grant);
  return live.sort(burnOrder);
}

function openAllowance(state: AccountState, allowance: Allowance, now: number): OpenSource {
  const available = Math.min(...allowance.windows.map((rule) => viewMeter(state, allowance.id, rule, now).remaining));
  return {
    id: allowance.id,
    kind: "allowance",
    available,
    draw: (amount) => ({
      kind: "allowance",
      source: allowance.id,
      amount,
      bookings: allowance.windows.map((rule) => bookingAt(state, allowance.id, rule, now)),
    }),
  };
}

/** Takes `amount` from `sources` in their order; `missing` is what they could not give. */
export function takeFrom(
  sources: readonly OpenSource[],
  amount: MicroCredits,
): { draws: Draw[]; considered: Considered[]; missing: MicroCredits } {
  const draws: Draw[] = [];
  const considered: Considered[] = [];
  let missing = amount;
  for (const source of sources) {
    const taken = Math.min(missing, source.available);
    considered.push({ source: source.id, kind: source.kind, available: source.available, taken });
    if (taken > 0) draws.push(source.draw(taken));
    missing -= taken;
  }
  return { draws, considered, missing };
}

function outOfCredit(
  state: AccountState,
  feature: string,
  needed: MicroCredits,
  available: MicroCredits,
  considered: readonly Considered[],
  now: number,
): Denial {
  const more = { needed, available, considered };
  if (needed <= available + heldByOthers(state, feature, now)) {
    return deny("credits_reserved", null, { ...more, resetsAt: now + RESERVED_RETRY_MS });
  }
  const reset = nextReset(state, feature, needed, now);
  if (reset) return deny("allowance_exhausted", reset.allowance, { ...more, resetsAt: reset.at });
  const reason = state.row.status === "frozen" ? "account_frozen" : "credits_exhausted";
  return deny(reason, reason === "account_frozen" ? state.row.id : null, more);
}

/** What the sources of `feature` would give in addition if every request in flight returned all it holds. */
function heldByOthers(state: AccountState, feature: string, now: number): MicroCredits {
  const grants =
    state.row.status === "frozen" ? [] : liveGrants(state, feature, now).map((grant) => heldOfGrant(state, grant.id));
  const allowances = state.row.plan.allowances
    .filter((allowance) => covers(allowance.features, feature))
    .map((allowance) => heldByAllowance(state, allowance, now));
  return sum([...grants, ...allowances]);
}

function heldByAllowance(state: AccountState, allowance: Allowance, now: number): MicroCredits {
  const views = allowance.windows.map((rule) => ({ ...viewMeter(state, allowance.id, rule, now), limit: rule.limit }));
  const withoutHolds = Math.min(...views.map(({ limit, used }) => Math.max(0, limit - used)));
  return withoutHolds - Math.min(...views.map((view) => view.remaining));
}

/**
 * The first instant at which the sources of `feature` can pay `needed` together, if nothing else is used meanwhile, and
 * the allowance whose window makes it so.
 */
function nextReset(
  state: AccountState,
  feature: string,
  needed: MicroCredits,
  now: number,
): { allowance: string; at: number } | null {
  const allowances = state.row.plan.allowances.filter(({ features }) => covers(features, feature));
  const grants = sourcesOf(state, feature, now).filter(({ kind }) => kind === "grant");
  const credits = sum(grants.map(({ available }) => available));
  const payableAt = (at: number): MicroCredits =>
    credits + sum(allowances.map((allowance) => openAllowance(state, allowance, at).available));
  const resets = allowances
    .flatMap((allowance) => resetsOf(state, allowance).map((at) => ({ allowance: allowance.id, at })))
    .filter(({ at }) => at > now)
    .sort((a, b) => a.at - b.at);
  return resets.find(({ at }) => payableAt(at) >= needed) ?? null;
}

/** Every instant at which a window of the allowance gives room back. */
function resetsOf(state: AccountState, allowance: Allowance): number[] {
  return allowance.windows.flatMap((rule) => {
    const meter = meterId(allowance.id, rule);
    const marks = new Set([...usedOf(state, meter).keys(), ...heldOf(state, meter).keys()]);
    return [...marks].map((mark) => leavesAt(rule, mark));
  });
}
