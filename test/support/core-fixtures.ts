import { createHash } from "node:crypto";
import { type AccountRow, type AccountState, applyChange, openAccount } from "../../src/core/account.ts";
import { MICRO_PER_CREDIT, type MicroCredits } from "../../src/core/amount.ts";
import type { CalendarPeriod } from "../../src/core/calendar.ts";
import type { UsageReport } from "../../src/core/charge.ts";
import { genesis, type Sha256, type UsageOutcome } from "../../src/core/event.ts";
import type { Grant } from "../../src/core/grant.ts";
import { addGrant, type GrantCommand } from "../../src/core/granting.ts";
import type { Allowance, Entitlement, Gate, Plan } from "../../src/core/plan.ts";
import type { Rate } from "../../src/core/rate-card.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { type ReserveCommand, reserve } from "../../src/core/reserve.ts";
import { type Ended, settle } from "../../src/core/settlement.ts";
import type { GateUnit } from "../../src/core/unit.ts";
import { NO_USAGE, type Usage } from "../../src/core/usage.ts";
import type { Demand } from "../../src/core/waterfall.ts";
import type { CalendarRule, WindowRule } from "../../src/core/window.ts";

export const sha256: Sha256 = (text) => createHash("sha256").update(text).digest("hex");

/** A plain instant to count from. */
export const T0 = Date.UTC(2026, 10, 22, 12);
export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export function credits(amount: number): MicroCredits {
  return Math.round(amount * MICRO_PER_CREDIT);
}

/** A model with every kind of token price, in the numbers of the design's example card. */
export const CODEX_RATE: Rate = {
  feature: "codex",
  tokens: { input: credits(62.5), cachedInput: credits(6.25), cacheWrite: credits(78.125), output: credits(375) },
  longContext: { aboveInputTokens: 272_000, inputMultiplier: 2_000_000, outputMultiplier: 1_500_000 },
  serviceTiers: { priority: 2_000_000, flex: 500_000 },
  perSecond: {},
  perCall: { web_search: credits(0.25), code_interpreter: 0 },
  maxOutputTokens: 128_000,
};

export const VIDEO_RATE: Rate = {
  feature: "sora",
  tokens: null,
  longContext: null,
  serviceTiers: { batch: 500_000 },
  perSecond: { "720x1280": credits(2.5), "1024x1792": credits(12.5) },
  perCall: {},
  maxOutputTokens: 0,
};

/** One credit for each output token, so that a case reads in whole credits. */
export const PLAIN_RATE: Rate = {
  feature: "codex",
  tokens: { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(1_000_000) },
  longContext: null,
  serviceTiers: {},
  perSecond: {},
  perCall: {},
  maxOutputTokens: 1_000,
};

export function usageOf(part: Partial<Usage>): Usage {
  return { ...NO_USAGE, ...part };
}

/** Usage that costs `amount` credits at {@link PLAIN_RATE}. */
export function worth(amount: number): Usage {
  return usageOf({ outputTokens: amount });
}

export function anchored(periodMs: number, limit: number): WindowRule {
  return { kind: "anchored", periodMs, limit };
}

export function sliding(periodMs: number, limit: number): WindowRule {
  return { kind: "sliding", periodMs, limit };
}

/** The present day, week (from Monday) or month of a place. */
export function calendar(
  unit: CalendarPeriod["unit"],
  timeZone: string,
  limit: number,
  weekStartsOn = 1,
): CalendarRule {
  return { kind: "calendar", unit, timeZone, weekStartsOn, periodMs: USUAL_MS[unit], limit };
}

const USUAL_MS = { day: DAY, week: 7 * DAY, month: 30 * DAY };

/** An allowance in credits for all models, unless `part` says otherwise. */
export function allowanceOf(
  id: string,
  windows: readonly WindowRule[],
  features: string[] | null = null,
  part: Partial<Allowance> = {},
): Allowance {
  return { id, features, models: null, unit: "credits", windows, ...part };
}

/** A gate of the whole account for everything, unless `part` says otherwise. */
export function gateOf(id: string, unit: GateUnit, limit: number, part: Partial<Gate> = {}): Gate {
  return { id, features: null, models: null, unit, per: "account", limit, window: sliding(MINUTE, limit), ...part };
}

export function requestGate(id: string, limit: number, window: WindowRule = sliding(MINUTE, limit)): Gate {
  return gateOf(id, "requests", limit, { window });
}

export function concurrencyGate(id: string, limit: number, part: Partial<Gate> = {}): Gate {
  return gateOf(id, "concurrency", limit, { window: null, ...part });
}

/** Credits for every month of UTC that lapse at its end, unless `part` says otherwise. */
export function entitlementOf(id: string, amount: number, part: Partial<Entitlement> = {}): Entitlement {
  return {
    id,
    amount: credits(amount),
    period: { unit: "month", timeZone: "UTC", weekStartsOn: 1 },
    priority: 10,
    features: null,
    rolloverCap: 0,
    ...part,
  };
}

/** A plan that entitles `codex` with all models and offers nothing else, with `part` in its place. */
export function planOf(part: Partial<Plan> = {}): Plan {
  return {
    id: "plus",
    version: 1,
    name: "Plus",
    features: { codex: { models: ["*"] } },
    gates: [],
    allowances: [],
    entitlements: [],
    overshoot: "refund",
    estimate: "ceiling",
    degraded: "closed",
    ...part,
  };
}

export function grantOf(id: string, amount: number, part: Partial<GrantCommand> = {}): GrantCommand {
  return {
    id,
    kind: "paid",
    amount: credits(amount),
    priority: 50,
    effectiveAt: 0,
    expiresAt: null,
    features: null,
    reason: "bought",
    ...part,
  };
}

export function emptyRow(part: Partial<AccountRow> = {}): AccountRow {
  const id = part.id ?? "acct_1";
  const epoch = part.epoch ?? 1;
  const head = genesis(sha256, id, epoch);
  const nothing = { seq: 0, head, balance: 0, used: 0, meters: {}, renewals: {}, learned: {} };
  return { id, epoch, status: "active", statusReason: null, plan: planOf(), ...nothing, ...part };
}

/** An account with `grants`, all given at {@link T0}. */
export function accountWith(part: Partial<AccountRow> = {}, grants: readonly GrantCommand[] = []): AccountState {
  const state = openAccount(emptyRow(part), [], []);
  for (const grant of grants) give(state, grant);
  return state;
}

export function give(state: AccountState, grant: GrantCommand, now = T0): void {
  applyChange(state, addGrant(state, grant, now, sha256).change);
}

/** A demand that costs `amount` credits at worst. */
export function demandOf(amount: number, part: Partial<Demand> = {}): Demand {
  return {
    keyId: "key_1",
    feature: "codex",
    model: "gpt-5.4",
    quote: { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: PLAIN_RATE },
    bound: worth(amount),
    openOutput: false,
    ...part,
  };
}

export function commandOf(requestId: string, amount: number, part: Partial<ReserveCommand> = {}): ReserveCommand {
  return {
    requestId,
    owner: "owner-1",
    fingerprint: "body-1",
    keyed: false,
    demand: demandOf(amount),
    holdMs: 10 * MINUTE,
    ...part,
  };
}

/** Reserves and applies; fails when the request is not newly reserved. */
export function hold(state: AccountState, command: ReserveCommand, now = T0): Reservation {
  const { answer, change } = reserve(state, null, command, now);
  if (answer.kind !== "reserved") throw new Error(`${command.requestId} was not reserved: ${JSON.stringify(answer)}`);
  applyChange(state, change);
  return answer.reservation;
}

export function reportOf(usage: Usage, outcome: UsageOutcome = "completed", estimated = false): UsageReport {
  return { usage, outcome, estimated };
}

/** Settles for `amount` credits of use and applies. */
export function charge(state: AccountState, reservation: Reservation, amount: number, now = T0): Ended {
  return finish(state, settle(state, reservation, reportOf(worth(amount)), now, sha256));
}

/** Applies an ending and hands it on. */
export function finish(state: AccountState, ended: Ended): Ended {
  applyChange(state, ended.change);
  return ended;
}

export function grantIn(state: AccountState, id: string): Grant {
  const grant = state.grants.get(id);
  if (!grant) throw new Error(`grant ${id} has nothing left`);
  return grant;
}

/** Draws and the like as `source=credits`, for short expectations. */
export function sources(draws: readonly { readonly source: string; readonly amount: MicroCredits }[]): string[] {
  return draws.map(({ source, amount }) => `${source}=${amount / MICRO_PER_CREDIT}`);
}
