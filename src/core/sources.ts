import { type AccountState, allowanceOwner, bookingAt, heldOfGrant, viewMeter } from "./account.ts";
import type { MicroCredits } from "./amount.ts";
import type { Considered, Draw } from "./draw.ts";
import { type Grant, isLive, remaining } from "./grant.ts";
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

/** How sources are looked at. */
export interface Look {
  /** `false` shows them as if every request in flight had returned all that it holds. */
  readonly holds?: boolean;
  /** The most that is to be paid: grants beyond what covers it are left out, but for a few that a receipt can name. */
  readonly most?: MicroCredits;
}

/** Sources that a receipt names though they gave nothing. */
const NAMED_SOURCES = 20;

/**
 * The most grants that pay for one request. Each is a row of its entry, and an entry that a queue does not take would
 * never reach the ledger.
 */
export const PAYING_GRANTS = 100;

/** The sources that can pay for `subject` at `at`, in the order in which they pay: allowances, then grants. */
export function sourcesOf(
  state: AccountState,
  subject: Subject,
  at: number,
  { holds = true, most = Number.POSITIVE_INFINITY }: Look = {},
): OpenSource[] {
  const sources: OpenSource[] = [];
  for (const allowance of state.row.plan.allowances) {
    if (isAbout(allowance, subject.feature, subject.model)) sources.push(openAllowance(state, allowance, at, holds));
  }
  // A frozen account keeps its included use; what it has paid for waits until a person has looked.
  if (state.row.status === "frozen") return sources;
  let available = 0;
  let giving = 0;
  for (const grant of state.grants.values()) {
    if (giving === PAYING_GRANTS || (available >= most && sources.length >= NAMED_SOURCES)) break;
    if (!isLive(grant, at) || !covers(grant.features, subject.feature)) continue;
    const source = openGrant(state, grant, holds);
    available += source.available;
    if (source.available > 0) giving += 1;
    sources.push(source);
  }
  return sources;
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
  let available = Number.POSITIVE_INFINITY;
  for (const rule of windows) {
    const view = viewMeter(state, owner, rule, at);
    available = Math.min(available, holds ? view.remaining : Math.max(0, rule.limit - view.used));
  }
  return {
    id,
    kind: "allowance",
    unit,
    available,
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
  /** All that gave something, and of the others only the first ones. */
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
    if (units > 0 || considered.length < NAMED_SOURCES)
      considered.push({ source: id, kind, unit, available, taken: units });
    if (amount > 0) draws.push(draw(amount, units));
    missing -= amount;
  }
  return { draws, considered, missing };
}
