import { formatCredits } from "../core/amount.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Usage } from "../core/usage.ts";
import type { Considered, SourceAmount } from "../core/waterfall.ts";
import { receiptSentence } from "./sentence.ts";
import { instant } from "./time.ts";

/** A receipt as `GET /api/requests/{request_id}` shows it. */
export function receiptWire(receipt: Receipt) {
  return {
    request_id: receipt.requestId,
    attempt: receipt.attempt,
    at: instant(receipt.at),
    feature: receipt.feature,
    model: receipt.model,
    key_id: receipt.keyId,
    sentence: receiptSentence(receipt),
    decision: {
      outcome: "allowed",
      reason: null,
      considered: receipt.considered.map(consideredWire),
      plan: receipt.plan,
      rate_card: receipt.rateCard,
    },
    reservation: {
      state: receipt.state,
      estimated: formatCredits(receipt.reserved),
      draws: receipt.draws.map(drawWire),
      expires_at: instant(receipt.expiresAt),
    },
    usage: receipt.usage && usageWire(receipt.usage, receipt),
    charge: receipt.charge && {
      amount: formatCredits(receipt.charge.amount),
      posted: receipt.charge.posted.map(drawWire),
      returned: formatCredits(receipt.charge.returned),
      overshoot: formatCredits(receipt.charge.overshoot),
    },
    ledger: receipt.rows && {
      seq: receipt.rows.seq,
      usage_event: receipt.rows.usageEvent,
      monetization_event: receipt.rows.monetizationEvent,
      balance_updates: receipt.rows.balanceUpdates,
      confirmed: receipt.rows.confirmed,
    },
  };
}

/** What a gate looked at is a count; what a source looked at is credits. */
function consideredWire({ source, kind, available, taken }: Considered) {
  if (kind === "gate") return { source, kind, available: String(available), taken: String(taken) };
  return { source, kind, available: formatCredits(available), taken: formatCredits(taken) };
}

function drawWire({ kind, source, amount }: SourceAmount) {
  return { source, kind, amount: formatCredits(amount) };
}

export function usageWire(usage: Usage, { outcome, estimated }: { outcome: string | null; estimated: boolean }) {
  return {
    input_tokens: usage.inputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    output_tokens: usage.outputTokens,
    reasoning_tokens: usage.reasoningTokens,
    seconds: usage.seconds,
    size: usage.size,
    calls: usage.calls,
    service_tier: usage.serviceTier,
    outcome,
    estimated,
  };
}
