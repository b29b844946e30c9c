import type { UsageReport } from "../core/charge.ts";
import type { UsageOutcome } from "../core/event.ts";
import type { Reading } from "../protocol/adapter.ts";

/** How an answer's transport ended. */
export type Transport = "whole" | "broken";

/** What a request's ending charges. */
export type Ending =
  | { readonly kind: "settle"; readonly report: UsageReport }
  | { readonly kind: "release"; readonly outcome: UsageOutcome };

/**
 * The defined charge of every ending of an answer that had begun: usage as upstream reports it, marked as estimated
 * where counts were missing that the price depends on; without it what the gateway counted, marked as estimated;
 * nothing where nothing was produced.
 */
export function endingOf(reading: Reading, transport: Transport): Ending {
  if (reading.usage && reading.end !== "open") {
    return { kind: "settle", report: { usage: reading.usage, outcome: reading.end, estimated: reading.partial } };
  }
  if (!reading.produced) return { kind: "release", outcome: "upstream_error" };
  const outcome: UsageOutcome = reading.end === "open" || transport === "broken" ? "cut" : reading.end;
  return { kind: "settle", report: { usage: reading.counted, outcome, estimated: true } };
}

/** What the client is told when the upstream refused or failed before anything was produced. */
export interface UpstreamFailure {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly retryAfterSeconds: number | null;
  readonly outcome: UsageOutcome;
}

const BUSY = {
  status: 503,
  type: "server_error",
  code: "server_is_overloaded",
  message: "The model provider is overloaded or does not answer. Nothing was charged; please try again shortly.",
  outcome: "upstream_error",
} as const;

/** Too little of the operator's money or too many of the operator's requests, and what was lost or led astray on the way. */
const TROUBLES: ReadonlySet<number> = new Set([402, 408, 421, 425, 426, 429]);

/** What came back is no answer to what was asked: half of one, a page for people, nothing at all. */
export const UNREADABLE: UpstreamFailure = {
  status: 502,
  type: "server_error",
  code: "upstream_protocol",
  message: "The model provider's answer could not be read. Nothing was charged.",
  retryAfterSeconds: null,
  outcome: "upstream_error",
};

/**
 * Translates an upstream's refusal. Its 401, 402, 403 and 429 concern the operator's account, not the caller's, and its
 * text may repeat parts of the operator's key; others speak of the way there. Only refusals of the request itself pass
 * with their own words.
 */
export function failureOf(status: number, retryAfter: string | null): UpstreamFailure | "pass" {
  if (status < 300) return UNREADABLE;
  if (status === 401 || status === 403 || status === 407) {
    return {
      status: 502,
      type: "server_error",
      code: "upstream_auth",
      message: "The gateway could not sign in to the model provider. Nothing was charged; the operator has to act.",
      retryAfterSeconds: null,
      outcome: "upstream_error",
    };
  }
  if (status >= 300 && status < 400) {
    return {
      status: 502,
      type: "server_error",
      code: "upstream_redirect",
      message: "The model provider redirected the request, which the gateway does not follow. Nothing was charged.",
      retryAfterSeconds: null,
      outcome: "upstream_error",
    };
  }
  if (TROUBLES.has(status) || status >= 500) return { ...BUSY, retryAfterSeconds: wholeSeconds(retryAfter) ?? 5 };
  return "pass";
}

/** No upstream takes this feature and model, or none of those that do is configured. */
export const NO_UPSTREAM: UpstreamFailure = {
  status: 503,
  type: "server_error",
  code: "no_upstream",
  message: "No model provider is set up for this model. Nothing was charged; the operator has to act.",
  retryAfterSeconds: 60,
  outcome: "upstream_error",
};

/** The upstream could not be reached, or took too long to begin. */
export function unreachable(): UpstreamFailure {
  return { ...BUSY, retryAfterSeconds: 5 };
}

function wholeSeconds(retryAfter: string | null): number | null {
  if (retryAfter === null || !/^\d{1,5}$/.test(retryAfter)) return null;
  return Math.max(1, Number(retryAfter));
}
