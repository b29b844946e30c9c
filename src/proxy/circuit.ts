/**
 * What one isolate knows of an upstream's health. A circuit opens after several failures in a row, so that requests go to
 * another upstream at once instead of waiting for this one; after a pause, one request at a time tries it again.
 */
export interface Circuit {
  /** When its last failures were (epoch ms), since it last served a request. */
  readonly failedAt: readonly number[];
  /** Open until then, and then tried; `null` while it is closed. */
  readonly openUntil: number | null;
  /** Until then, a trial is under way and no other request goes there. */
  readonly trialUntil: number;
}

export const CLOSED: Circuit = { failedAt: [], openUntil: null, trialUntil: 0 };

/** So many failures within this time open it. */
const FAILURES = 5;
const WITHIN_MS = 60_000;
const PAUSE_MS = 15_000;
/** A trial that nobody reported on is given up after this. */
const TRIAL_MS = 15_000;
const LONGEST_RETRY_MS = 10 * 60_000;

/** `ready`: ask it; `trial`: ask it with one request, see {@link trying}; `open`: ask others first. */
export type Readiness = "ready" | "trial" | "open";

export function readiness({ openUntil, trialUntil }: Circuit, now: number): Readiness {
  if (openUntil === null) return "ready";
  return now < openUntil || now < trialUntil ? "open" : "trial";
}

/** A request is trying it now. */
export function trying(circuit: Circuit, now: number): Circuit {
  return { ...circuit, trialUntil: now + TRIAL_MS };
}

/** It failed: no connection, no answer in time, or an answer that says so. */
export function afterFailure(circuit: Circuit, now: number): Circuit {
  const failedAt = [...circuit.failedAt, now].filter((at) => now - at < WITHIN_MS).slice(-FAILURES);
  const { openUntil } = circuit;
  if (openUntil === null) {
    return { failedAt, openUntil: failedAt.length < FAILURES ? null : now + PAUSE_MS, trialUntil: 0 };
  }
  // Requests that were on their way when it opened do not prolong the pause; a failed trial does.
  return now < openUntil ? { ...circuit, failedAt } : { failedAt, openUntil: now + PAUSE_MS, trialUntil: 0 };
}

/** It asked to be left alone for a while. */
export function afterRateLimit(circuit: Circuit, now: number, retryAfterSeconds: number): Circuit {
  const until = now + Math.min(Math.max(retryAfterSeconds, 0) * 1_000, LONGEST_RETRY_MS);
  return { ...circuit, openUntil: Math.max(circuit.openUntil ?? 0, until), trialUntil: 0 };
}
