import { formatCredits, type MicroCredits } from "../core/amount.ts";
import type { Receipt, ReceiptCharge } from "../core/receipt.ts";
import type { SourceAmount } from "../core/waterfall.ts";

/** Says in one plain sentence what a request cost, who paid, and why. */
export function receiptSentence(receipt: Receipt): string {
  const { charge, outcome } = receipt;
  if (receipt.state === "pending" || !charge) {
    return `Allowed: ${credits(receipt.reserved)} credits are reserved ${from(receipt.draws)}; the request is under way.`;
  }
  if (receipt.state === "released") {
    const why = outcome === "rejected" ? "the model provider refused the request" : "the model provider gave no answer";
    return `Not charged: ${why}, and the ${credits(receipt.reserved)} credits that were reserved went back.`;
  }
  const paid = charge.amount === 0 ? "Allowed: nothing was charged" : `Allowed: ${credits(charge.amount)} credits`;
  return [
    `${paid}${charge.posted.length > 0 ? ` ${from(charge.posted)}` : ""}`,
    ending(receipt),
    returned(charge),
    overshoot(charge),
  ]
    .filter((part) => part !== "")
    .join("; ")
    .concat(".");
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

function from(draws: readonly SourceAmount[]): string {
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
