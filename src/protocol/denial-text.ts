import { formatCredits, type MicroCredits } from "../core/amount.ts";
import type { Denial } from "../core/waterfall.ts";

/** What a denied request was for. */
export interface Subject {
  readonly feature: string;
  readonly model: string;
}

/**
 * Why a request was denied and what its caller can do now. Included use that will be back is told in the same way to an
 * account whose paid use is on hold, which a denial does not say: so credits are offered under that condition.
 */
export function denialText(denial: Denial, { feature, model }: Subject): string {
  const { reason, limit, resetsAt } = denial;
  switch (reason) {
    case "account_suspended":
      return "This account is suspended. Please contact the operator of this service.";
    case "account_frozen":
      return "Paid use of this account is on hold while it is being checked. Please contact the operator of this service.";
    case "feature_not_entitled":
      return `Your plan does not include ${feature}. Change your plan to use it.`;
    case "model_not_entitled":
      return `Your plan does not include the model ${model}. Choose another model, or change your plan.`;
    case "unpriced":
      return `There is no price for ${limit ?? model}, so the request cannot be served. Leave it out, or choose another model.`;
    case "gate":
      return resetsAt === null
        ? `This request is larger than the limit ${limit}${counted(denial)} ever allows. Make it smaller, or ask for less output.`
        : `You have reached the limit ${limit}${counted(denial)}. Try again after ${instant(resetsAt)}.`;
    case "allowance_exhausted":
      return `Your included use is used up. ${shortfall(denial)}Add credits (unless paid use of this account is on hold), or try again after ${instant(resetsAt)}.`;
    case "credits_exhausted":
      return `You do not have enough credits. ${shortfall(denial)}Add credits, or ask for less output.`;
    case "credits_reserved":
      return "Your credits are reserved by requests that are still running. Try again when one of them has ended.";
  }
}

/** The words that Codex shows after its own "You've hit your usage limit.", to which it adds when to try again. */
export function promoText(denial: Denial): string {
  return denial.reason === "allowance_exhausted"
    ? "Your included use is used up: add credits (unless paid use is on hold)"
    : "You do not have enough credits: add credits to go on";
}

/** What the gate that refused counts: its id is the operator's and may say nothing to a caller. */
function counted({ considered }: Denial): string {
  const last = considered.at(-1);
  if (last?.kind !== "gate") return "";
  return ` (${last.unit === "concurrency" ? "requests at a time" : last.unit.replace("_", " ")})`;
}

function shortfall({ needed, available }: Denial): string {
  return needed > 0 ? `This request may cost ${creditsText(needed)}; ${creditsText(available)} are available. ` : "";
}

/** Credits with at least two decimals, and no more than needed. */
function creditsText(amount: MicroCredits): string {
  return `${formatCredits(amount).replace(/0{1,4}$/, "")} credits`;
}

function instant(at: number | null): string {
  return at === null
    ? "a while"
    : `${new Date(Math.ceil(at / 1000) * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}
