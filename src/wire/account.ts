import type { AccountReply } from "../../durable-objects/commands.ts";
import type { AllowanceView, GateView, GrantView } from "../core/account-view.ts";
import { formatCredits } from "../core/amount.ts";
import { remaining } from "../core/grant.ts";
import type { WindowRule } from "../core/window.ts";
import { quantityText } from "./quantity.ts";
import { instant, periodText } from "./time.ts";

/** An account as `GET /api/account` and `GET /admin/accounts/{id}` show it. */
export function accountWire(account: AccountReply) {
  const { limits, plan } = account;
  return {
    id: account.id,
    plan: { id: plan.id, version: plan.version, name: plan.name },
    status: account.status,
    as_of_seq: account.seq,
    credits: {
      available: formatCredits(limits.credits.available),
      reserved: formatCredits(limits.credits.reserved),
      used: formatCredits(limits.credits.used),
    },
    allowances: limits.allowances.map(allowanceWire),
    grants: account.grants.map(grantWire),
    gates: limits.gates.map(gateWire),
  };
}

function allowanceWire(allowance: AllowanceView) {
  return {
    id: allowance.id,
    features: allowance.features,
    models: allowance.models,
    unit: allowance.unit,
    windows: allowance.windows.map((window) => ({
      ...ruleWire(window.rule),
      limit: quantityText(allowance.unit, window.rule.limit),
      used: quantityText(allowance.unit, window.used),
      reserved: quantityText(allowance.unit, window.held),
      remaining: quantityText(allowance.unit, window.remaining),
      started_at: instant(window.startedAt),
      resets_at: instant(window.resetsAt),
    })),
  };
}

/** A calendar window also names its place; its limits follow that place's clock. */
function ruleWire(rule: WindowRule) {
  if (rule.kind === "calendar") return { kind: rule.kind, period: rule.unit, time_zone: rule.timeZone };
  return { kind: rule.kind, period: periodText(rule.periodMs) };
}

export function grantWire(grant: GrantView) {
  return {
    id: grant.id,
    kind: grant.kind,
    amount: formatCredits(grant.amount),
    used: formatCredits(grant.used),
    reserved: formatCredits(grant.reserved),
    expired: formatCredits(grant.lapsed),
    remaining: formatCredits(remaining(grant) - grant.reserved),
    priority: grant.priority,
    effective_at: instant(grant.effectiveAt),
    expires_at: instant(grant.expiresAt),
    features: grant.features,
    reason: grant.reason,
    created_at: instant(grant.createdAt),
    voided_at: instant(grant.voidedAt),
  };
}

function gateWire(gate: GateView) {
  return {
    id: gate.id,
    unit: gate.unit,
    per: gate.per,
    ...(gate.unit === "credits"
      ? { limit: formatCredits(gate.limit), remaining: formatCredits(gate.remaining) }
      : { limit: gate.limit, remaining: gate.remaining }),
    resets_at: instant(gate.resetsAt),
  };
}
