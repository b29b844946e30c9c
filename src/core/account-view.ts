import { type AccountState, allowanceOwner, gateOwner, heldOfGrant, viewMeter } from "./account.ts";
import { type MicroCredits, sum } from "./amount.ts";
import { gateRoom } from "./gates.ts";
import { type Grant, isLive } from "./grant.ts";
import { liveCreditsAt } from "./open-grants.ts";
import type { AllowanceUnit, GateUnit } from "./unit.ts";
import type { WindowRule, WindowView } from "./window.ts";

/** The credits of an account over all its grants. */
export interface CreditsView {
  /** What new requests can draw now. */
  readonly available: MicroCredits;
  readonly reserved: MicroCredits;
  /** Debited so far. */
  readonly used: MicroCredits;
}

export interface GateView {
  readonly id: string;
  readonly unit: GateUnit;
  readonly per: "account" | "key";
  readonly limit: number;
  readonly remaining: number;
  readonly resetsAt: number | null;
}

export interface AllowanceView {
  readonly id: string;
  readonly features: readonly string[] | null;
  readonly models: readonly string[] | null;
  readonly unit: AllowanceUnit;
  readonly windows: readonly (WindowView & { readonly rule: WindowRule })[];
}

/** What every metered answer tells the caller of its account: the same state that the decision was made on. */
export interface LimitsView {
  readonly gates: readonly GateView[];
  readonly allowances: readonly AllowanceView[];
  readonly credits: CreditsView;
}

/** The limits of an account as they stand at `now` for one of its keys. */
export function viewLimits(state: AccountState, keyId: string, now: number): LimitsView {
  const { plan } = state.row;
  return {
    gates: plan.gates.map((gate) => ({
      id: gate.id,
      unit: gate.unit,
      per: gate.per,
      limit: gate.limit,
      remaining: gateRoom(state, gate, keyId, now),
      resetsAt: gate.window ? viewMeter(state, gateOwner(gate, keyId), gate.window, now).resetsAt : null,
    })),
    allowances: plan.allowances.map((allowance) => ({
      id: allowance.id,
      features: allowance.features,
      models: allowance.models,
      unit: allowance.unit,
      windows: allowance.windows.map((rule) => ({ ...viewMeter(state, allowanceOwner(allowance), rule, now), rule })),
    })),
    credits: {
      available: availableCredits(state, now),
      reserved: sum(state.heldGrants.values()),
      used: state.row.used,
    },
  };
}

export interface GrantView extends Grant {
  readonly reserved: MicroCredits;
}

/** The grants with something left, in the order in which they burn. */
export function viewGrants(state: AccountState): GrantView[] {
  return [...state.grants.values()].map((grant) => ({ ...grant, reserved: heldOfGrant(state, grant.id) }));
}

/**
 * What new requests can draw. Every answer shows it, so what live grants have left is kept with the account, and all
 * grants are looked at again only once one has begun or ended, or the clock went back over such an instant.
 */
function availableCredits(state: AccountState, now: number): MicroCredits {
  const known = state.liveCredits;
  const live = known && known.from <= now && now < known.until ? known : liveCreditsAt(state.grants, now);
  state.liveCredits = live;
  let held = 0;
  for (const [grantId, amount] of state.heldGrants) {
    const grant = state.grants.get(grantId);
    if (grant && isLive(grant, now)) held += amount;
  }
  return live.total - held;
}
