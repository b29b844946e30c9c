import { formatCredits } from "../core/amount.ts";
import type { UsageTotal } from "../ledger/usage-report.ts";

export function usageTotalWire(total: UsageTotal) {
  return {
    day: total.day,
    feature: total.feature,
    model: total.model,
    requests: total.requests,
    denied: total.denied,
    input_tokens: total.inputTokens,
    cached_input_tokens: total.cachedInputTokens,
    output_tokens: total.outputTokens,
    reasoning_tokens: total.reasoningTokens,
    seconds: total.seconds,
    charge: formatCredits(total.charge),
    refunded: formatCredits(total.refunded),
    net_charge: formatCredits(total.charge - total.refunded),
  };
}
