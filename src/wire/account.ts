import type { AccountReply } from "../../durable-objects/commands.ts";
import type { AllowanceView, GateView, GrantView } from "../core/account-view.ts";
import { formatCredits } from "../core/amount.ts";
import { remaining } from "../core/grant.ts";
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
    unit: allowance.unit,
    windows: allowance.windows.map((window) => ({
      kind: window.rule.kind,
      period: periodText(window.rule.periodMs),
      limit: formatCredits(window.rule.limit),
      used: formatCredits(window.used),
      reserved: formatCredits(window.held),
      remaining: formatCredits(window.remaining),
      started_at: instant(window.startedAt),
      resets_at: instant(window.resetsAt),
    })),
  };
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
  };
}

function gateWire(gate: GateView) {
  return {
    id: gate.id,
    unit: gate.unit,
    limit: gate.limit,
    remaining: gate.remaining,
    resets_at: instant(gate.resetsAt),
  };
}
