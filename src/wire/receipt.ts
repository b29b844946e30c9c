import { formatCredits } from "../core/amount.ts";
import type { Considered, SourceAmount } from "../core/draw.ts";
import type { FoldedDenial } from "../core/event.ts";
import type { Rate } from "../core/rate-card.ts";
import type { Receipt } from "../core/receipt.ts";
import type { Usage } from "../core/usage.ts";
import { pricesWire } from "./prices.ts";
import { quantityText } from "./quantity.ts";
import { receiptSentence } from "./sentence.ts";
import { instant } from "./time.ts";

/**
 * A receipt as `GET /api/requests/{request_id}` shows it.
 * @param rate at which it was priced
 */
export function receiptWire(receipt: Receipt, rate: Rate | null) {
  return {
    request_id: receipt.requestId,
    attempt: receipt.attempt,
    at: instant(receipt.at),
    feature: receipt.feature,
    model: receipt.model,
    key_id: receipt.keyId,
    sentence: receiptSentence(receipt),
    decision: {
      outcome: receipt.denial ? "denied" : "allowed",
      reason: receipt.denial?.reason ?? null,
      ...(receipt.denial ? denialWire(receipt.denial) : {}),
      considered: receipt.considered.map(consideredWire),
      plan: receipt.plan,
      rate_card: receipt.rateCard,
    },
    reservation: receipt.denial
      ? null
      : {
          state: receipt.state,
          estimated: formatCredits(receipt.reserved),
          draws: receipt.draws.map(drawWire),
          expires_at: instant(receipt.expiresAt),
        },
    usage: receipt.usage && usageWire(receipt.usage, receipt),
    prices: rate && pricesWire(rate),
    charge: receipt.charge && {
      amount: formatCredits(receipt.charge.amount),
      posted: receipt.charge.posted.map(drawWire),
      returned: formatCredits(receipt.charge.returned),
      overshoot: formatCredits(receipt.charge.overshoot),
      refunded: formatCredits(receipt.refunded),
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

export function consideredWire({ source, kind, unit, available, taken }: Considered) {
  return { source, kind, unit, available: quantityText(unit, available), taken: quantityText(unit, taken) };
}

export function drawWire({ kind, source, amount }: SourceAmount) {
  return { source, kind, amount: formatCredits(amount) };
}

/** Refusals of one minute with the same reason are one event: `count` says of how many this is the latest. */
function denialWire({ limit, resetsAt, needed, available, count }: FoldedDenial) {
  return {
    limit,
    resets_at: instant(resetsAt),
    needed: formatCredits(needed),
    available: formatCredits(available),
    count,
  };
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
