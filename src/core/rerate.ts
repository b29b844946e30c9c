import { type AccountState, type Change, NO_CHANGE } from "./account.ts";
import { invariant, type MicroCredits, sum } from "./amount.ts";
import { type ChargePart, type ChargeTotals, partOf, totalsOf } from "./charge-part.ts";
import { type ChainedEntry, type MonetizationEvent, monetizationId, type Sha256, type UsageEvent } from "./event.ts";
import { giveBack } from "./give-back.ts";
import type { Grant } from "./grant.ts";
import { writeEntry } from "./journal.ts";
import { postDraws } from "./posting.ts";
import { price, type QuotedRate } from "./rate-card.ts";
import { partsOf } from "./refund.ts";
import { mayComeLate, type Reservation } from "./reservation.ts";
import { sourcesOf, takeFrom } from "./sources.ts";
import { NO_USAGE } from "./usage.ts";

/** One attempt of a request as the ledger has it: what was used, what was charged for it, and who paid. */
export interface Charged extends ChargeTotals {
  /** The event of its end; a late one only tells what it used beyond. */
  readonly usage: UsageEvent;
  readonly late: UsageEvent | null;
  /** What the totals were added up from; absent where an older Worker has read the ledger. */
  readonly parts?: readonly ChargePart[];
}

/** A request that was charged at a wrong price, and the rate at which it should have been charged. */
export interface RerateCommand {
  readonly charged: Charged;
  readonly quote: QuotedRate;
  readonly reason: string;
}

export interface Rerated {
  /** The signed difference that is posted: above zero is charged, below zero given back. */
  readonly difference: MicroCredits;
  readonly change: Change;
}

/** The id of the correction of a request to a rate-card version: the same correction is never made twice. */
export function correctionId(usageId: string, quote: QuotedRate): string {
  return `${usageId}~c${quote.cardVersion}`;
}

/** What an attempt of a request came to, by its ledger entries; `null` when the event of its end is not among them. */
export function chargedOf(entries: readonly ChainedEntry[], attempt: number): Charged | null {
  const own = entries.filter(({ usage }) => usage?.attempt === attempt);
  const end = own.find(({ usage }) => usage && usage.outcome !== "late" && usage.outcome !== "corrected");
  if (!end?.usage) return null;
  // A refund by hand is an entry without a usage event; it names the charge that it undoes.
  const charges = new Set(own.flatMap(({ monetization }) => monetization?.id ?? []));
  const byHand = entries.filter(({ usage, updates }) => !usage && updates.some(({ cause }) => charges.has(cause)));
  const parts = [...own, ...byHand].map(partOf);
  return {
    usage: end.usage,
    late: own.find(({ usage }) => usage?.outcome === "late")?.usage ?? null,
    ...totalsOf(parts),
    parts,
  };
}

/**
 * Whether the ledger lacked something, when it was read, without which the request cannot be corrected. Of a request that
 * the object has forgotten that is anything: `countActs` tells how often its charge was corrected or refunded by hand. Of
 * others the object knows itself what the ledger lacks, but nobody has asked whether the rate prices a late end.
 */
export function isOutdated(
  { charged: { usage, late, parts }, quote }: RerateCommand,
  reservation: Reservation | null,
  countActs: () => number,
): boolean {
  if (reservation?.attempt === usage.attempt) {
    const unread = late === null ? reservation.late : null;
    return unread !== null && typeof price(quote.rate, unread.usage) !== "number";
  }
  const ends = late ? 2 : 1;
  return (parts ? parts.length - ends : 0) < countActs();
}

/** What the ledger had when it was read, and what the object knows beyond: entries may still be on their way. */
function withUnread(charged: Charged, reservation: Reservation | null): Charged {
  if (!charged.parts || !reservation) return charged;
  const read = new Set(charged.parts.map(({ seq }) => seq));
  const parts = [...charged.parts, ...partsOf(reservation).filter(({ seq }) => !read.has(seq))];
  return { ...charged, late: charged.late ?? lateEnd(charged.usage, reservation), ...totalsOf(parts), parts };
}

function lateEnd(end: UsageEvent, { late }: Reservation): UsageEvent | null {
  return late && { ...end, id: late.usageId, outcome: "late", usage: late.usage, estimated: late.estimated };
}

/**
 * Prices a request again and posts the difference as an entry of its own. More is taken from what the sources can give
 * now, and what they cannot is overshoot, refunded at once. Less goes back to the grants that paid, as far as they paid
 * more than the right price leaves to them; use that was included in the plan is no credits and stays used.
 * `reservation` is the request as the object still knows it: what it went through counts before the ledger has it, and
 * what is done here counts for what comes next.
 */
export function rerate(
  state: AccountState,
  reservation: Reservation | null,
  asked: RerateCommand,
  grantOf: (id: string) => Grant | null,
  now: number,
  sha256: Sha256,
): Rerated {
  const same = reservation?.attempt === asked.charged.usage.attempt ? reservation : null;
  const command = { ...asked, charged: withUnread(asked.charged, same) };
  const { gross, included, payers, givenBack } = command.charged;
  const right = rightPrice(command);
  if (right > gross) return chargeMore(state, same, command, right - gross, now, sha256);
  const paid = sum(payers.map(({ amount }) => amount)) - givenBack;
  const back = right < gross ? Math.max(0, paid - Math.max(0, right - included)) : 0;
  if (back === 0) return { difference: 0, change: onlyRemembered(same, command) };
  return payBack(state, same, command, back, grantOf, now, sha256);
}

/** Nothing is due of what is known; what comes late is charged at the new price all the same. */
function onlyRemembered(reservation: Reservation | null, command: RerateCommand): Change {
  if (!reservation || !mayComeLate(reservation)) return NO_CHANGE;
  return { ...NO_CHANGE, reservations: [atNewPrice(reservation, command)] };
}

function atNewPrice(reservation: Reservation, { quote, reason }: RerateCommand): Reservation {
  return mayComeLate(reservation) ? { ...reservation, correctedTo: { quote, reason } } : reservation;
}

/** What was counted by the gateway was never charged beyond what was reserved; a late end never less than the expiry. */
function rightPrice({ charged, quote }: RerateCommand): MicroCredits {
  const { usage, late } = charged;
  const prices = [usage, ...(late ? [late] : [])].map((event) => {
    const priced = price(quote.rate, event.usage);
    invariant(typeof priced === "number", "a usage is only re-rated at a rate that prices it");
    return event.estimated ? Math.min(priced, event.decision.reserved) : priced;
  });
  return Math.max(...prices);
}

function chargeMore(
  state: AccountState,
  reservation: Reservation | null,
  command: RerateCommand,
  difference: MicroCredits,
  now: number,
  sha256: Sha256,
): Rerated {
  const { quote, charged } = command;
  const event = correctionOf(command);
  const { cardId, cardVersion, model } = quote;
  const id = monetizationId(event.id);
  const monetization: MonetizationEvent = { id, usageId: event.id, cardId, cardVersion, model, amount: difference };
  // Sources that count requests, tokens or seconds have counted this request already: its use has not changed.
  const sources = sourcesOf(state, charged.usage, now).filter(({ unit }) => unit === "credits");
  const taken = takeFrom(sources, NO_USAGE, difference);
  const posted = postDraws(state, taken.draws, [], { usage: NO_USAGE, charge: 0 }, now);
  const paid = taken.draws.map(({ kind, source, amount }) =>
    kind === "grant"
      ? ({ kind: "debit", source, amount, delta: -amount, cause: id } as const)
      : ({ kind: "allowance", source, amount, delta: 0, cause: id } as const),
  );
  const missing = taken.missing;
  const uncovered = [
    { kind: "overshoot_refund", source: null, amount: missing, delta: missing, cause: id },
    { kind: "overshoot", source: null, amount: missing, delta: -missing, cause: id },
  ] as const;
  const updates = missing > 0 ? [...paid, ...uncovered] : paid;
  const base = { ...state.row, meters: posted.meters };
  const { row, entry } = writeEntry(base, { usage: event, monetization, updates }, now, sha256);
  const reservations = reservation ? [corrected(reservation, command, entry)] : [];
  return { difference, change: { row, grants: posted.grants, reservations, entries: [entry] } };
}

function payBack(
  state: AccountState,
  reservation: Reservation | null,
  command: RerateCommand,
  amount: MicroCredits,
  grantOf: (id: string) => Grant | null,
  now: number,
  sha256: Sha256,
): Rerated {
  const { charged, reason } = command;
  const event = correctionOf(command);
  const cause = monetizationId(charged.usage.id);
  const act = { id: event.id, amount, before: charged.givenBack, at: now, cause, reason, seq: state.row.seq + 1 };
  const { grants, updates } = giveBack(charged.payers, act, grantOf, sha256);
  const { row, entry } = writeEntry(state.row, { usage: event, monetization: null, updates }, now, sha256);
  const refund = { id: event.id, amount, at: now, reason };
  const reservations = reservation
    ? [{ ...corrected(reservation, command, entry), refunds: [...reservation.refunds, refund] }]
    : [];
  return { difference: -amount, change: { row, grants, reservations, entries: [entry] } };
}

function corrected(reservation: Reservation, command: RerateCommand, entry: ChainedEntry): Reservation {
  const corrections = [...(reservation.corrections ?? []), partOf(entry)];
  return { ...atNewPrice(reservation, command), corrections };
}

/** The event of the correction: of the same request and usage, at the new price, for this reason. */
function correctionOf({ charged, quote, reason }: RerateCommand): UsageEvent {
  const { usage, late } = charged;
  const rateCard = { id: quote.cardId, version: quote.cardVersion };
  const decision = { ...usage.decision, rateCard, draws: [], correction: { of: usage.id, reason } };
  const used = (late ?? usage).usage;
  return { ...usage, id: correctionId(usage.id, quote), outcome: "corrected", usage: used, decision };
}
