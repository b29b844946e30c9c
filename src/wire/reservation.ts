import { formatCredits } from "../core/amount.ts";
import { isOverdue } from "../core/overdue.ts";
import { price } from "../core/rate-card.ts";
import type { Reservation } from "../core/reservation.ts";
import { instant } from "./time.ts";

/** A pending reservation as operators see it. `seen` is what it would be charged by what is known of it so far. */
export function pendingWire(account: string, reservation: Reservation, now: number) {
  const { checkpoint, quote, job } = reservation;
  const seen = checkpoint === null ? null : price(quote.rate, checkpoint);
  return {
    account,
    request_id: reservation.requestId,
    attempt: reservation.attempt,
    state: reservation.state,
    feature: reservation.feature,
    model: reservation.model,
    reserved: formatCredits(reservation.reserved),
    seen: typeof seen === "number" ? formatCredits(seen) : null,
    job: job ?? null,
    reserved_at: instant(reservation.reservedAt),
    expires_at: instant(reservation.expiresAt),
    age_seconds: Math.max(0, Math.floor((now - reservation.reservedAt) / 1_000)),
    overdue: isOverdue(reservation, now),
  };
}

export type PendingWire = ReturnType<typeof pendingWire>;
