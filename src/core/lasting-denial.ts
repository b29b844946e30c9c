import { isLongContext, type Rate } from "./rate-card.ts";
import type { Usage } from "./usage.ts";
import type { Demand, Denial } from "./waterfall.ts";

/**
 * Whether a denial stands until somebody changes the account or its reset comes, so that it may answer for others for a
 * moment. What waits for requests in flight does not: credits and slots that they hold, or tokens that they return, may
 * be free with the next of them that ends. Nor is it told of a gate that counts tokens or credits that a larger request
 * fails it too: of one that may be lowered to what can be paid, less output is left.
 */
export function isLasting({ reason, considered }: Denial): boolean {
  switch (reason) {
    case "account_suspended":
    case "account_frozen":
    case "feature_not_entitled":
    case "model_not_entitled":
    case "credits_exhausted":
    case "allowance_exhausted":
      // Two that share by tokens or seconds may round to either side of a whole unit.
      return considered.filter(({ unit }) => unit === "tokens" || unit === "seconds").length <= 1;
    case "gate":
      return considered.at(-1)?.unit === "requests";
    case "unpriced":
    case "credits_reserved":
      return false;
  }
}

/**
 * What `wanted` is told by an account that gives `denied` the lasting `denial`: the same, where it asks for no less of
 * the same; otherwise `null`, since it might be allowed. What a larger request lacks is not known, so it is not told.
 */
export function deniedLike(wanted: Demand, denied: Demand, denial: Denial): Denial | null {
  if (!isSameSubject(wanted, denied) || !asksNoLess(wanted.bound, denied.bound, wanted.quote.rate)) return null;
  if (asksNoLess(denied.bound, wanted.bound, wanted.quote.rate)) return denial;
  return { ...denial, needed: 0, available: 0 };
}

function isSameSubject(a: Demand, b: Demand): boolean {
  return (
    a.keyId === b.keyId &&
    a.feature === b.feature &&
    a.model === b.model &&
    a.openOutput === b.openOutput &&
    a.quote.cardId === b.quote.cardId &&
    a.quote.cardVersion === b.quote.cardVersion &&
    a.quote.model === b.quote.model
  );
}

/** Everything that is counted or priced. Parts of input are compared one by one, since each has a price of its own. */
const DIMENSIONS: readonly ((usage: Usage) => number)[] = [
  (usage) => usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
  (usage) => usage.cachedInputTokens,
  (usage) => usage.cacheWriteTokens,
  (usage) => usage.outputTokens,
  (usage) => usage.seconds,
];

function asksNoLess(more: Usage, less: Usage, rate: Rate): boolean {
  return (
    more.serviceTier === less.serviceTier &&
    more.size === less.size &&
    isLongContext(rate, more) === isLongContext(rate, less) &&
    DIMENSIONS.every((of) => of(more) >= of(less)) &&
    Object.entries(less.calls).every(([tool, count]) => (more.calls[tool] ?? 0) >= count)
  );
}
