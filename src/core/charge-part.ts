import { type MicroCredits, sum } from "./amount.ts";
import type { BalanceUpdateKind, ChainedEntry } from "./event.ts";
import type { Payer } from "./give-back.ts";

/** What one entry did to the charge of a request. */
export interface ChargePart {
  /** The number of the entry. */
  readonly seq: number;
  /** What it added to the price; below zero where a correction made it cheaper. */
  readonly price: MicroCredits;
  /** What included use covered. */
  readonly included: MicroCredits;
  /** What grants paid, in the order in which they paid. */
  readonly payers: readonly Payer[];
  /** What went back to them, by hand or by a correction. */
  readonly givenBack: MicroCredits;
}

/** What a request has come to by all its parts. */
export interface ChargeTotals {
  /** The price as it stands: all charges, less what corrections gave back. */
  readonly gross: MicroCredits;
  readonly included: MicroCredits;
  /** What grants paid: first what they still have in it, in the order in which they paid, then what went back to them. */
  readonly payers: readonly Payer[];
  readonly givenBack: MicroCredits;
}

/** The part of an entry: of an end, of a correction, or of a refund by hand, which has no usage event. */
export function partOf({ seq, usage, monetization, updates }: ChainedEntry): ChargePart {
  const ofKind = (...kinds: BalanceUpdateKind[]) => updates.filter(({ kind }) => kinds.includes(kind));
  const amountOf = (...kinds: BalanceUpdateKind[]) => sum(ofKind(...kinds).map(({ amount }) => amount));
  const givenBack = amountOf("refund", "grant");
  return {
    seq,
    price: (monetization?.amount ?? 0) - (usage?.outcome === "corrected" ? givenBack : 0),
    included: amountOf("allowance"),
    payers: ofKind("debit").map(({ source, amount }) => ({ source: source ?? "", amount })),
    givenBack,
  };
}

/** Adds parts up in the order of their entries, whatever the order in which they are given. */
export function totalsOf(parts: readonly ChargePart[]): ChargeTotals {
  const inOrder = [...parts].sort((a, b) => a.seq - b.seq);
  let paying: readonly Payer[] = [];
  const repaid: Payer[] = [];
  for (const { payers, givenBack } of inOrder) {
    const after = takeBack([...paying, ...payers], givenBack);
    paying = after.paying;
    repaid.push(...after.repaid);
  }
  return {
    gross: sum(inOrder.map(({ price }) => price)),
    included: sum(inOrder.map(({ included }) => included)),
    payers: [...paying, ...repaid],
    givenBack: sum(inOrder.map(({ givenBack }) => givenBack)),
  };
}

/** Parts the payers into what they still have in it and what went back to them: the last payer first. */
function takeBack(payers: readonly Payer[], amount: MicroCredits): { paying: Payer[]; repaid: Payer[] } {
  let left = amount;
  const paying: Payer[] = [];
  const repaid: Payer[] = [];
  for (const payer of [...payers].reverse()) {
    const back = Math.min(left, payer.amount);
    left -= back;
    if (back > 0) repaid.push({ ...payer, amount: back });
    if (back < payer.amount) paying.unshift({ ...payer, amount: payer.amount - back });
  }
  return { paying, repaid };
}
