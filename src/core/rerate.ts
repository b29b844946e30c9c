import { type AccountState, type Change, NO_CHANGE } from "./account.ts";
import { invariant, type MicroCredits, sum } from "./amount.ts";
import { type MonetizationEvent, monetizationId, type Sha256, type UsageEvent } from "./event.ts";
import type { Grant } from "./grant.ts";
import { type UpdateDraft, writeEntry } from "./journal.ts";
import { postDraws } from "./posting.ts";
import { price, type QuotedRate } from "./rate-card.ts";
import { sourcesOf, takeFrom } from "./sources.ts";
import { NO_USAGE } from "./usage.ts";

/** A charge that was made at a wrong price, as the ledger has it, and the rate at which it should have been made. */
export interface RerateCommand {
  /** The usage event that was charged. */
  readonly usage: UsageEvent;
  /** What was charged for it so far, corrections included. */
  readonly charged: MicroCredits;
  /** What each grant paid of that and did not get back yet, in the order in which they paid. */
  readonly paidByGrants: readonly { readonly source: string; readonly amount: MicroCredits }[];
  readonly quote: QuotedRate;
  readonly reason: string;
}

export interface Rerated {
  /** The signed difference that was posted: above zero was charged, below zero given back. */
  readonly difference: MicroCredits;
  readonly change: Change;
}

/** The id of the correction of a usage event to a rate-card version: the same correction is never made twice. */
export function correctionId(usageId: string, quote: QuotedRate): string {
  return `${usageId}~c${quote.cardVersion}`;
}

/**
 * Prices a request again and posts the difference as an entry of its own. More is taken from what the sources can give
 * now, and what they cannot is overshoot, refunded at once. Less goes back to the grants that paid; use that was included
 * in the plan is no credits and stays used.
 */
export function rerate(
  state: AccountState,
  command: RerateCommand,
  grantOf: (id: string) => Grant | null,
  now: number,
  sha256: Sha256,
): Rerated {
  const right = price(command.quote.rate, command.usage.usage);
  invariant(typeof right === "number", "a usage is only re-rated at a rate that prices it");
  const difference = right - command.charged;
  if (difference === 0) return { difference, change: NO_CHANGE };
  return difference > 0
    ? chargeMore(state, command, difference, now, sha256)
    : giveBack(state, command, -difference, grantOf, now, sha256);
}

function chargeMore(
  state: AccountState,
  command: RerateCommand,
  difference: MicroCredits,
  now: number,
  sha256: Sha256,
): Rerated {
  const { usage, quote } = command;
  const event = correctionOf(command);
  const monetization: MonetizationEvent = {
    id: monetizationId(event.id),
    usageId: event.id,
    cardId: quote.cardId,
    cardVersion: quote.cardVersion,
    model: quote.model,
    amount: difference,
  };
  const cause = monetization.id;
  const taken = takeFrom(sourcesOf(state, usage, now), usage.usage, difference);
  const posted = postDraws(state, taken.draws, [], { usage: NO_USAGE, charge: 0 }, now);
  const updates: UpdateDraft[] = taken.draws.map(({ kind, source, amount }) => ({
    kind: kind === "grant" ? "debit" : "allowance",
    source,
    amount,
    delta: kind === "grant" ? -amount : 0,
    cause,
  }));
  if (taken.missing > 0) {
    const amount = taken.missing;
    updates.push({ kind: "overshoot_refund", source: null, amount, delta: amount, cause });
    updates.push({ kind: "overshoot", source: null, amount, delta: -amount, cause });
  }
  const base = { ...state.row, meters: posted.meters };
  const { row, entry } = writeEntry(base, { usage: event, monetization, updates }, now, sha256);
  return { difference, change: { ...NO_CHANGE, row, grants: posted.grants, entries: [entry] } };
}

function giveBack(
  state: AccountState,
  command: RerateCommand,
  wanted: MicroCredits,
  grantOf: (id: string) => Grant | null,
  now: number,
  sha256: Sha256,
): Rerated {
  const cause = monetizationId(command.usage.id);
  const changed = new Map<string, Grant>();
  const updates: UpdateDraft[] = [];
  let left = wanted;
  for (const { source, amount } of [...command.paidByGrants].reverse()) {
    const grant = changed.get(source) ?? grantOf(source);
    const part = Math.min(left, amount, grant?.used ?? 0);
    if (!grant || part === 0) continue;
    changed.set(source, { ...grant, used: grant.used - part });
    updates.push({ kind: "refund", source, amount: part, delta: part, cause, detail: { reason: command.reason } });
    left -= part;
  }
  const event = correctionOf(command);
  if (updates.length === 0) updates.push({ kind: "none", source: null, amount: 0, delta: 0, cause: event.id });
  const { row, entry } = writeEntry(state.row, { usage: event, monetization: null, updates }, now, sha256);
  const difference = -sum(updates.map(({ amount }) => amount));
  return { difference, change: { ...NO_CHANGE, row, grants: [...changed.values()], entries: [entry] } };
}

/** The event of the correction: of the same request and usage, at the new price, for this reason. */
function correctionOf({ usage, quote, reason }: RerateCommand): UsageEvent {
  const rateCard = { id: quote.cardId, version: quote.cardVersion };
  const decision = { ...usage.decision, rateCard, draws: [], correction: { of: usage.id, reason } };
  return { ...usage, id: correctionId(usage.id, quote), outcome: "corrected", decision };
}
