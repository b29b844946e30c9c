import { formatCredits } from "../core/amount.ts";
import { type BalanceUpdate, type GrantTerms, requestIdOf } from "../core/event.ts";
import type { Page } from "../ledger/cursor.ts";
import type { PlacedBalanceUpdate, PlacedMonetizationEvent, PlacedUsageEvent } from "../ledger/read.ts";
import { usageWire } from "./receipt.ts";
import { instant } from "./time.ts";

/** A list as it goes over the wire. */
export function pageWire<Item, Shown>(page: Page<Item>, show: (item: Item) => Shown) {
  return { data: page.data.map(show), has_more: page.nextCursor !== null, next_cursor: page.nextCursor };
}

export function usageEventWire({ event, place, at, charge }: PlacedUsageEvent) {
  return {
    id: event.id,
    seq: place.seq,
    at: instant(at),
    request_id: event.requestId,
    attempt: event.attempt,
    key_id: event.keyId,
    feature: event.feature,
    model: event.model,
    outcome: event.outcome,
    estimated: event.estimated,
    usage: usageWire(event.usage, event),
    reserved: formatCredits(event.decision.reserved),
    charge: charge === null ? null : formatCredits(charge),
  };
}

export function monetizationEventWire({ event, place, at }: PlacedMonetizationEvent) {
  return {
    id: event.id,
    seq: place.seq,
    at: instant(at),
    usage_event: event.usageId,
    rate_card: { id: event.cardId, version: event.cardVersion },
    model: event.model,
    amount: formatCredits(event.amount),
  };
}

export function balanceUpdateWire({ update, place, at, usageId, monetizationId, hash }: PlacedBalanceUpdate) {
  return {
    id: update.id,
    seq: place.seq,
    draw: place.draw,
    at: instant(at),
    kind: update.kind,
    source: update.source,
    amount: formatCredits(update.amount),
    delta: formatCredits(update.delta),
    balance_after: formatCredits(update.balanceAfter),
    cause: update.cause,
    usage_event: usageId,
    monetization_event: monetizationId,
    request_id: requestOf(update.cause, usageId),
    ...detailWire(update.detail),
    hash,
  };
}

/** The request that an update is about: the one that was made, or the one that is given back. */
function requestOf(cause: string, usageId: string | null): string | null {
  if (usageId !== null) return requestIdOf(usageId);
  return cause.startsWith("mon_") ? requestIdOf(cause) : null;
}

/** The terms of a new grant; the reason of what an operator took away or gave back. */
function detailWire(detail: BalanceUpdate["detail"]) {
  if (detail === null) return { grant: null, reason: null };
  if (!("priority" in detail)) return { grant: null, reason: detail.reason };
  return { grant: grantTermsWire(detail), reason: detail.reason };
}

function grantTermsWire({ kind, priority, effectiveAt, expiresAt, features, reason }: GrantTerms) {
  return { kind, priority, effective_at: instant(effectiveAt), expires_at: instant(expiresAt), features, reason };
}

export type BalanceUpdateWire = ReturnType<typeof balanceUpdateWire>;
