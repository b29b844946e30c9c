import type { WireEvent } from "./frames.ts";
import { type Job, QUEUED_SHARE } from "./job.ts";
import { isObject, type JsonObject } from "./request-body.ts";
import type { ResponseScript } from "./response-script.ts";

/** One response from its beginning to long after its end. What is running is derived from the clock. */
export interface StoredResponse extends Job {
  readonly isBackground: boolean;
  /** Everything the model read for it. */
  readonly input: readonly JsonObject[];
  /** How many events come before the first delta. */
  readonly opening: number;
  output(): JsonObject[];
  totalTokens(): number;
  /** The response object now. */
  object(): object;
  /** How many events have happened. */
  happened(): number;
  events(from: number, to: number): WireEvent[];
  /** A response that somebody waits for is over when its last event is made. */
  finish(): void;
  /** What is over already stays as it is; returns whether it is cancelled, now or since before. */
  cancel(): boolean;
}

/** `backgroundMs`: how long it takes on its own; `null` where a caller waits for it and `finish` ends it. */
export function storedResponse(
  script: ResponseScript,
  input: readonly JsonObject[],
  backgroundMs: number | null,
): StoredResponse {
  const startedAt = Date.now();
  const startsAt = startedAt + (backgroundMs ?? 0) * QUEUED_SHARE;
  let endsAt = backgroundMs === null ? Number.POSITIVE_INFINITY : startedAt + backgroundMs;
  let cancelledAt: number | null = null;
  const now = () => cancelledAt ?? Date.now();

  function deltasSaid(): number {
    if (now() >= endsAt) return script.deltas;
    if (backgroundMs === null || now() < startsAt) return 0;
    return Math.floor((script.deltas * (now() - startsAt)) / (endsAt - startsAt));
  }

  function happened(): number {
    if (now() >= endsAt) return script.length;
    if (backgroundMs === null || now() < startsAt) return script.queued;
    return script.opening + deltasSaid();
  }

  function object(): object {
    if (cancelledAt !== null) return script.cancelledAfter(deltasSaid());
    if (now() >= endsAt) return script.finished(endsAt);
    return now() < startsAt ? script.base : { ...script.base, status: "in_progress" };
  }

  return {
    id: String(script.base.id),
    isBackground: backgroundMs !== null,
    input,
    opening: script.opening,
    output: () => script.output().filter(isObject),
    totalTokens: () => script.totalTokens,
    object,
    happened,
    isOver: () => now() >= endsAt || cancelledAt !== null,
    endEvent: () => (cancelledAt === null ? `response.${script.ending}` : "response.cancelled"),
    events: (from, to) => script.events(from, to, endsAt),
    finish() {
      endsAt = Math.min(endsAt, now());
    },
    cancel() {
      if (Date.now() < endsAt) cancelledAt ??= Date.now();
      return cancelledAt !== null;
    },
  };
}
