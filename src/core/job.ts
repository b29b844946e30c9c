import type { Reservation } from "./reservation.ts";
import type { Job, Resource } from "./resource.ts";
import { acceptsLate } from "./settlement.ts";

const FIRST_MS = 5_000;
const GROWTH = 1.5;
const USUAL_MS = 60_000;
/** A job that has taken this long is asked after at leisure. */
const PATIENT_AFTER_MS = 6 * 3_600_000;
const PATIENT_MS = 15 * 60_000;

/** A job that has just begun. */
export function beginJob(now: number): Job {
  return { pollAt: now + FIRST_MS, polls: 0 };
}

/** The job after upstream was asked once more. */
export function nextPoll({ polls }: Job, createdAt: number, now: number): Job {
  const patient = now - createdAt >= PATIENT_AFTER_MS;
  const pause = patient ? PATIENT_MS : Math.min(USUAL_MS, Math.round(FIRST_MS * GROWTH ** (polls + 1)));
  return { pollAt: now + pause, polls: polls + 1 };
}

/** The reservation of a request that has begun the job `jobId`: while it is pending, it lasts as long as the job may. */
export function holdForJob(reservation: Reservation, jobId: string, now: number, holdMs: number): Reservation {
  const expiresAt = Math.max(reservation.expiresAt, now + holdMs);
  return reservation.state === "pending" ? { ...reservation, job: jobId, expiresAt } : { ...reservation, job: jobId };
}

/**
 * Whether what a job comes to can still be charged. An expiry does not end it: that its end is unknown does not mean
 * that it failed.
 */
export function isAwaited(reservation: Reservation, now: number): boolean {
  return reservation.state === "pending" || acceptsLate(reservation, now);
}

/** Whether `reservation` is of the attempt that made `resource`. */
export function paysFor(reservation: Reservation, resource: Resource): boolean {
  return reservation.requestId === resource.requestId && reservation.attempt === resource.attempt;
}
