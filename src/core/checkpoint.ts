import { price } from "./rate-card.ts";
import type { Reservation } from "./reservation.ts";
import { incoherence, type Usage } from "./usage.ts";

/**
 * Records how much a pending request has used so far and gives it more time. The record only grows: a checkpoint that
 * would lower what an expiry charges keeps the earlier one.
 */
export function checkpoint(reservation: Reservation, usage: Usage, now: number, holdMs: number): Reservation {
  const { rate } = reservation.quote;
  const coherent = incoherence(usage) === null;
  const before = reservation.checkpoint === null ? 0 : price(rate, reservation.checkpoint);
  const after = price(rate, usage);
  const grown = coherent && typeof after === "number" && typeof before === "number" && after >= before;
  return {
    ...reservation,
    checkpoint: grown ? usage : reservation.checkpoint,
    expiresAt: Math.max(reservation.expiresAt, now + holdMs),
  };
}
