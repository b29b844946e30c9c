import type { Reservation } from "./reservation.ts";

/** By when a request has ended; a job may take hours upstream. */
const REQUEST_MS = 15 * 60_000;
const JOB_MS = 6 * 3_600_000;

/**
 * Whether a pending request is older than requests become. A stream that goes on lives longer than that, kept alive by its
 * checkpoints: it is for a person to judge.
 */
export function isOverdue({ reservedAt, job }: Reservation, now: number): boolean {
  return now - reservedAt > (job === undefined ? REQUEST_MS : JOB_MS);
}
