import type { AccountState } from "./account.ts";
import { invariant, type MicroCredits } from "./amount.ts";
import type { Considered, Draw, GateDraw } from "./draw.ts";
import { passGates } from "./gates.ts";
import { expectedOutput } from "./learning.ts";
import { isEntitledFeature, isEntitledModel, type Plan } from "./plan.ts";
import { price, type QuotedRate } from "./rate-card.ts";
import { resetsOf, sourcesAt } from "./resets.ts";
import { type OpenSource, sourcesOf, takeFrom } from "./sources.ts";
import type { Usage } from "./usage.ts";

/** What a request asks of the account. */
export interface Demand {
  readonly keyId: string;
  readonly feature: string;
  readonly model: string;
  readonly quote: QuotedRate;
  /** The worst case of what it will use. */
  readonly bound: Usage;
  /** Whether the client left the output unbounded, so that a plan may lower the bound. */
  readonly openOutput: boolean;
}

export interface Allowed {
  readonly outcome: "allowed";
  readonly bound: Usage;
  /** The upper bound of output tokens to send upstream; `null` leaves the client's own. */
  readonly clampedTo: number | null;
  readonly reserved: MicroCredits;
  readonly draws: readonly Draw[];
  readonly gates: readonly GateDraw[];
  readonly considered: readonly Considered[];
}

export type DenialReason =
  | "account_suspended"
  | "account_frozen"
  | "feature_not_entitled"
  | "model_not_entitled"
  | "unpriced"
  | "gate"
  | "allowance_exhausted"
  | "credits_exhausted"
  | "credits_reserved";

/** A refusal. It is data: nothing was written and nothing is held. */
export interface Denial {
  readonly outcome: "denied";
  readonly reason: DenialReason;
  /** The gate, allowance, feature, model or price dimension that refused. */
  readonly limit: string | null;
  /** When asking again makes sense (epoch ms); `null` when waiting does not help. */
  readonly resetsAt: number | null;
  readonly available: MicroCredits;
  readonly needed: MicroCredits;
  readonly considered: readonly Considered[];
}

export type Decision = Allowed | Denial;

/** How long a request that waits for others' reservations is told to wait. */
const RESERVED_RETRY_MS = 2_000;

/** Answers how much of `demand` is allowed and from where. Looks only; changes nothing. */
export function decide(state: AccountState, demand: Demand, now: number): Decision {
  const { plan, status } = state.row;
  if (status === "suspended") return deny("account_suspended", state.row.id);
  if (!isEntitledFeature(plan, demand.feature)) return deny("feature_not_entitled", demand.feature);
  if (!isEntitledModel(plan, demand.feature, demand.model)) return deny("model_not_entitled", demand.model);

  const most = price(demand.quote.rate, demand.bound);
  if (typeof most !== "number") return deny("unpriced", most.unpriced);
  const sources = sourcesOf(state, demand, now, { most });
  const { bound, amount, clampedTo } = estimateOf(state, demand, most, sources);

  const passage = passGates(state, demand, bound, amount, now);
  if (!passage.passed) {
    return deny("gate", passage.gate.id, { resetsAt: passage.opensAt, considered: passage.considered });
  }
  const taken = takeFrom(sources, bound, amount);
  const considered = [...passage.considered, ...taken.considered];
  if (taken.missing > 0) return outOfCredit(state, demand, { bound, amount, missing: taken.missing, considered }, now);
  return {
    outcome: "allowed",
    bound,
    clampedTo,
    reserved: amount,
    draws: taken.draws,
    gates: passage.draws,
    considered,
  };
}

function deny(reason: DenialReason, limit: string | null, more: Partial<Denial> = {}): Denial {
  return {
    outcome: "denied",
    reason,
    limit,
    resetsAt: null,
    available: 0,
    needed: 0,
    considered: [],
    ...more,
  };
}

/** What is to be reserved, and whether it must be sent upstream as a bound. */
interface Estimate {
  readonly bound: Usage;
  readonly amount: MicroCredits;
  readonly clampedTo: number | null;
}

/** `most` is the price of the demand's own bound. */
function estimateOf(state: AccountState, demand: Demand, most: MicroCredits, sources: readonly OpenSource[]): Estimate {
  const { plan, learned } = state.row;
  const learns = plan.estimate === "learned" && demand.openOutput;
  const expected = learns ? expectedOutput(learned, demand.model) : null;
  const bound = expected === null ? demand.bound : withOutput(demand.bound, expected);
  const amount = expected === null ? most : priceOf(demand.quote, bound);
  const open = { bound, amount, clampedTo: null };
  if (bound.outputTokens === 0) return open;
  if (mayLower(plan, demand) && takeFrom(sources, bound, amount).missing > 0)
    return payable(demand.quote, bound, sources) ?? open;
  return plan.overshoot === "clamp" ? { ...open, clampedTo: bound.outputTokens } : open;
}

/** The price of a part of a bound that has a price. */
function priceOf({ rate }: QuotedRate, bound: Usage): MicroCredits {
  const amount = price(rate, bound);
  invariant(typeof amount === "number", "a bound that was priced once has a price");
  return amount;
}

/** Whether an open request may be lowered to what the sources can pay. */
function mayLower({ estimate }: Plan, { openOutput }: Demand): boolean {
  return estimate !== "ceiling" && openOutput;
}

/** `bound` with at most `outputTokens` of output. */
function withOutput(bound: Usage, outputTokens: number): Usage {
  const least = Math.min(bound.outputTokens, outputTokens);
  return { ...bound, outputTokens: least, reasoningTokens: Math.min(bound.reasoningTokens, least) };
}

/** The largest output that the sources can pay; `null` when not even one token. Found by halving: charges only grow. */
function payable(quote: QuotedRate, bound: Usage, sources: readonly OpenSource[]): Estimate | null {
  const estimateAt = (outputTokens: number): Estimate | null => {
    const lower = withOutput(bound, outputTokens);
    const amount = priceOf(quote, lower);
    if (takeFrom(sources, lower, amount).missing > 0) return null;
    return { bound: lower, amount, clampedTo: outputTokens };
  };
  let best = estimateAt(1);
  let low = 1;
  let high = bound.outputTokens;
  while (best && low < high) {
    const middle = Math.ceil((low + high) / 2);
    const estimate = estimateAt(middle);
    if (estimate) {
      best = estimate;
      low = middle;
    } else high = middle - 1;
  }
  return best;
}

interface Shortfall {
  readonly bound: Usage;
  readonly amount: MicroCredits;
  readonly missing: MicroCredits;
  readonly considered: readonly Considered[];
}

/**
 * The least that would let the request in. An open request that may be lowered waits for room for one token of output:
 * its worst case may be larger than any window ever holds.
 */
function leastOf(
  { row }: AccountState,
  demand: Demand,
  { bound, amount }: Shortfall,
): Pick<Estimate, "bound" | "amount"> {
  if (!mayLower(row.plan, demand) || bound.outputTokens === 0) return { bound, amount };
  const least = withOutput(bound, 1);
  return { bound: least, amount: priceOf(demand.quote, least) };
}

function outOfCredit(state: AccountState, demand: Demand, short: Shortfall, now: number): Denial {
  const { missing, considered } = short;
  const { bound, amount } = leastOf(state, demand, short);
  const more = { needed: amount, available: Math.min(amount, short.amount - missing), considered };
  const isPayable = (sources: readonly OpenSource[]) => takeFrom(sources, bound, amount).missing === 0;
  if (isPayable(sourcesOf(state, demand, now, { holds: false, most: amount }))) {
    return deny("credits_reserved", null, { ...more, resetsAt: now + RESERVED_RETRY_MS });
  }
  // The first instant at which the sources can pay together, if nothing else is used meanwhile.
  const reset = resetsOf(state, demand, now).find(({ at }) => isPayable(sourcesAt(state, demand, now, at)));
  const reason = reset?.kind === "allowance" ? "allowance_exhausted" : "credits_exhausted";
  if (reset) return deny(reason, reset.source, { ...more, resetsAt: reset.at });
  return state.row.status === "frozen"
    ? deny("account_frozen", state.row.id, more)
    : deny("credits_exhausted", null, more);
}
