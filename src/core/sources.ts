import { type AccountState, allowanceOwner, bookingAt, heldOfGrant, viewMeter } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import type { Considered, Draw } from "./draw.ts";
import { burnOrder, type Grant, isLive, remaining } from "./grant.ts";
import { type Allowance, covers, isAbout } from "./plan.ts";
import { type AllowanceUnit, coverBy, unitsOf } from "./unit.ts";
import type { Usage } from "./usage.ts";

/** A source with what it can give at one instant. */
export interface OpenSource {
  readonly id: string;
  readonly kind: "allowance" | "grant";
  readonly unit: AllowanceUnit;
  /** In its unit. */
  readonly available: number;
  readonly draw: (amount: MicroCredits, units: number) => Draw;
}

/** What is to be paid for. */
export interface Subject {
  readonly feature: string;
  readonly model: string;
}

/**
 * The sources that can pay for `subject` at `at`, in the order in which they pay: allowances, then grants. Without
 * `holds` they are shown as if every request in flight had returned all that it holds.
 */
export function sourcesOf(state: AccountState, subject: Subject, at: number, holds = true): OpenSource[] {
  const sources = state.row.plan.allowances
    .filter((allowance) => isAbout(allowance, subject.feature, subject.model))
    .map((allowance) => openAllowance(state, allowance, at, holds));
  // A frozen account keeps its included use; what it has paid for waits until a person has looked.
  if (state.row.status === "frozen") return sources;
  for (const grant of liveGrants(state, subject.feature, at)) sources.push(openGrant(state, grant, holds));
  return sources;
}

function liveGrants(state: AccountState, feature: string, at: number): Grant[] {
  const live: Grant[] = [];
  for (const grant of state.grants.values()) {
    if (isLive(grant, at) && covers(grant.features, feature)) live.push(grant);
  }
  return live.sort(burnOrder);
}

function openGrant(state: AccountState, grant: Grant, holds: boolean): OpenSource {
  const left = remaining(grant);
  return {
    id: grant.id,
    kind: "grant",
    unit: "credits",
    available: holds ? left - heldOfGrant(state, grant.id) : left,
    draw: (amount) => ({ kind: "grant", source: grant.id, amount }),
  };
}

function openAllowance(state: AccountState, allowance: Allowance, at: number, holds: boolean): OpenSource {
  const { id, unit, windows } = allowance;
  const owner = allowanceOwner(allowance);
  const room = windows.map((rule) => {
    const view = viewMeter(state, owner, rule, at);
    return holds ? view.remaining : Math.max(0, rule.limit - view.used);
  });
  return {
    id,
    kind: "allowance",
    unit,
    available: Math.min(...room),
    draw: (amount, units) => ({
      kind: "allowance",
      source: id,
      amount,
      unit,
      units,
      bookings: windows.map((rule) => bookingAt(state, owner, rule, at)),
    }),
  };
}

/** What the sources give towards a charge. */
export interface Taken {
  readonly draws: readonly Draw[];
  readonly considered: readonly Considered[];
  /** What they could not give. */
  readonly missing: MicroCredits;
}

/** Takes what is `left` of the `charge` for `usage` from `sources` in their order. */
export function takeFrom(
  sources: readonly OpenSource[],
  usage: Usage,
  charge: MicroCredits,
  left: MicroCredits = charge,
): Taken {
  const draws: Draw[] = [];
  const considered: Considered[] = [];
  let missing = left;
  for (const { id, kind, unit, available, draw } of sources) {
    const { units, amount } = coverBy(unit, available, unitsOf(unit, usage, charge), charge, missing);
    considered.push({ source: id, kind, unit, available, taken: units });
    if (amount > 0) draws.push(draw(amount, units));
    missing -= amount;
  }
  return { draws, considered, missing };
}
