import { formatCredits, type MicroCredits } from "../core/amount.ts";
import type { UsageOutcome } from "../core/event.ts";
import type { Settlement } from "../core/reservation.ts";
import type { Allowed, Denial, SourceAmount } from "../core/waterfall.ts";

/** What a denied request was for. */
export interface Subject {
  readonly feature: string;
  readonly model: string;
}

/** "Allowed: 0.10 credits from codex-included and 0.02 credits from grt_a." */
export function allowedSentence(allowed: Pick<Allowed, "draws" | "clampedTo">): string {
  const clamp = allowed.clampedTo === null ? "" : `, for at most ${allowed.clampedTo} output tokens`;
  return `Allowed: ${paidBy(allowed.draws) || "at no charge"}${clamp}.`;
}

/** "Denied: …", with the words that the client was given. */
export function deniedSentence(denial: Denial, subject: Subject): string {
  return `Denied: ${denialText(denial, subject)}`;
}

/** How a request ended and who paid: "Charged: 0.18 credits from codex-included; 0.26 credits returned." */
export function settledSentence(settlement: Settlement): string {
  const { charge, posted, returned, overshoot, estimated, outcome } = settlement;
  if (charge === 0) return `Not charged: ${UNCHARGED[outcome]}.`;
  const parts = [paidBy(posted)];
  if (overshoot > 0) parts.push(`${creditsText(overshoot)} more than your sources could pay, refunded to you`);
  if (returned > 0) parts.push(`${creditsText(returned)} returned`);
  if (estimated) parts.push("estimated, because the use was not reported");
  return `Charged: ${parts.filter((part) => part !== "").join("; ")}.`;
}

const UNCHARGED: Readonly<Record<UsageOutcome, string>> = {
  completed: "the request cost nothing",
  incomplete: "the request cost nothing",
  failed: "the request failed",
  cut: "the answer broke off before anything was produced",
  client_gone: "you left before anything was produced",
  rejected: "the model's provider refused the request",
  upstream_error: "the model's provider failed before it answered",
  abandoned: "the request was given up before anything was produced",
  expired: "the request ended without any known use",
  late: "nothing more was used than was charged already",
};

function paidBy(draws: readonly SourceAmount[]): string {
  return draws.map(({ source, amount }) => `${creditsText(amount)} from ${source}`).join(" and ");
}

/** Credits with at least two decimals, and no more than needed. */
function creditsText(amount: MicroCredits): string {
  return `${formatCredits(amount).replace(/0{1,4}$/, "")} credits`;
}

/** Why a request was denied and what its caller can do now. */
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
        ? `This request is larger than the limit ${limit} ever allows. Make it smaller.`
        : `You have reached the limit ${limit}. Try again after ${instant(resetsAt)}.`;
    case "allowance_exhausted":
      return `Your included use is used up. ${shortfall(denial)}Add credits, or try again after ${instant(resetsAt)}.`;
    case "credits_exhausted":
      return `You do not have enough credits. ${shortfall(denial)}Add credits, or ask for less output.`;
    case "credits_reserved":
      return "Your credits are reserved by requests that are still running. Try again when one of them has ended.";
  }
}

/** The words that Codex shows after its own "You've hit your usage limit.", to which it adds when to try again. */
export function promoText(denial: Denial): string {
  return denial.reason === "allowance_exhausted"
    ? "Your included use is used up: add credits to go on now"
    : "You do not have enough credits: add credits to go on";
}

function shortfall({ needed, available }: Denial): string {
  return needed > 0 ? `This request may cost ${creditsText(needed)}; ${creditsText(available)} are available. ` : "";
}

function instant(at: number | null): string {
  return at === null
    ? "a while"
    : `${new Date(Math.ceil(at / 1000) * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC`;
}
