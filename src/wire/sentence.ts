import { formatCredits, type MicroCredits } from "../core/amount.ts";
import type { SourceAmount } from "../core/draw.ts";
import type { FoldedDenial } from "../core/event.ts";
import type { Receipt, ReceiptCharge } from "../core/receipt.ts";
import type { Decision } from "../core/waterfall.ts";
import { instantText } from "./time.ts";

/** Says in one plain sentence what a request would come to. */
export function decisionSentence(decision: Decision): string {
  if (decision.outcome === "denied") return deniedSentence({ ...decision, count: 1 });
  const bound = decision.clampedTo === null ? "" : `, for at most ${decision.clampedTo} output tokens`;
  return `Would be allowed: at most ${credits(decision.reserved)} credits ${from(decision.draws)}${bound}.`;
}

/** Says in one plain sentence what a request cost, who paid, and why. */
export function receiptSentence(receipt: Receipt): string {
  const { charge, outcome } = receipt;
  if (receipt.denial) return deniedSentence(receipt.denial);
  if (receipt.state === "pending" || !charge) {
    return `Allowed: ${credits(receipt.reserved)} credits are reserved ${from(receipt.draws)}; the request is under way.`;
  }
  if (receipt.state === "released") {
    const why = NOT_CHARGED[outcome ?? ""] ?? "the model provider gave no answer";
    return `Not charged: ${why}, and the ${credits(receipt.reserved)} credits that were reserved went back.`;
  }
  const paid = charge.amount === 0 ? "Allowed: nothing was charged" : `Allowed: ${credits(charge.amount)} credits`;
  return [
    `${paid}${charge.posted.length > 0 ? ` ${from(charge.posted)}` : ""}`,
    ending(receipt),
    returned(charge),
    overshoot(charge),
    refunded(receipt),
  ]
    .filter((part) => part !== "")
    .join("; ")
    .concat(".");
}

const DENIED: Readonly<Record<string, string>> = {
  account_suspended: "the account is suspended",
  account_frozen: "paid use of the account is stopped until its ledger has been checked",
  feature_not_entitled: "the plan does not include this",
  model_not_entitled: "the plan does not include this model",
  unpriced: "this has no price",
  gate: "a limit was reached that credits do not lift",
  allowance_exhausted: "the included use was used up and the credits did not suffice",
  credits_exhausted: "neither the included use nor the credits sufficed",
  credits_reserved: "the credits were reserved by requests in flight",
};

/** Why a request that was let in costs nothing. */
const NOT_CHARGED: Readonly<Record<string, string>> = {
  rejected: "the model provider refused the request",
  failed: "the model provider could not finish it",
  abandoned: "it was cancelled before it had cost anything",
  completed: "it cost nothing",
};

function deniedSentence({ reason, limit, resetsAt, needed, available, count }: FoldedDenial): string {
  const what = DENIED[reason] ?? reason;
  const short = needed > 0 ? `: ${credits(needed)} credits were needed, ${credits(available)} could be had` : "";
  const until = resetsAt === null ? "" : `; there is room again at ${instantText(resetsAt)}`;
  const others = count > 1 ? ` (the latest of ${count} in the same minute)` : "";
  return `Denied: ${what}${limit === null ? "" : ` (${limit})`}${short}${until}. Nothing was charged${others}.`;
}

function ending({ outcome, estimated }: Receipt): string {
  if (outcome === "expired") return "the request did not report its end, so only what had been seen of it is charged";
  if (outcome === "cut") return "the answer broke off, so only what had arrived is charged";
  if (estimated) return "the model provider reported no usage, so it was counted here";
  return "";
}

function returned({ returned }: ReceiptCharge): string {
  return returned > 0 ? `${credits(returned)} that were reserved went back` : "";
}

function overshoot({ overshoot }: ReceiptCharge): string {
  return overshoot > 0 ? `${credits(overshoot)} more than your sources could pay were refunded at once` : "";
}

function refunded({ refunded }: Receipt): string {
  return refunded > 0 ? `${credits(refunded)} were given back later` : "";
}

function from(draws: readonly SourceAmount[]): string {
  if (draws.length === 0) return "free of charge";
  const parts = draws.map(({ kind, source, amount }) => {
    const name = kind === "allowance" ? `the allowance ${source}` : `the grant ${source}`;
    return draws.length === 1 ? name : `${credits(amount)} from ${name}`;
  });
  return draws.length === 1 ? `from ${parts[0]}` : `(${parts.join(", ")})`;
}

/** Credits for reading: at least two decimals, without trailing zeros beyond them. */
function credits(amount: MicroCredits): string {
  return formatCredits(amount).replace(/0{1,4}$/, "");
}
