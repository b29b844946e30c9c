import { formatCredits } from "../core/amount.ts";
import type { Denial, DenialReason } from "../core/waterfall.ts";
import type { JsonObject } from "./adapter.ts";
import { denialText, promoText } from "./denial-text.ts";
import { type ErrorAnswer, openAIError } from "./error-body.ts";

/** Where and when a denial is told. */
export interface DenialContext {
  readonly requestId: string;
  /** Epoch ms. */
  readonly now: number;
  readonly feature: string;
  readonly model: string;
}

/** What helps: the machine-readable side of the text. Of `wait_or_add_credits`, waiting helps in any case. */
export type Remedy =
  | "retry"
  | "reduce_request"
  | "wait_or_add_credits"
  | "add_credits"
  | "change_plan"
  | "change_request"
  | "contact_operator";

interface Shape {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly remedy: Remedy;
  /** Whether a client may ask again by itself. */
  readonly retry: "yes" | "no" | "at_reset";
}

const NOT_ENTITLED: Shape = {
  status: 404,
  type: "invalid_request_error",
  code: "model_not_found",
  remedy: "change_plan",
  retry: "no",
};

const NOT_ACTIVE: Shape = {
  status: 403,
  type: "account_suspended",
  code: "account_suspended",
  remedy: "contact_operator",
  retry: "no",
};

/** Codex stops after one request at this type, the OpenAI SDK at `x-should-retry: false`; both show our words. */
const USED_UP: Shape = {
  status: 429,
  type: "usage_limit_reached",
  code: "insufficient_quota",
  remedy: "wait_or_add_credits",
  retry: "at_reset",
};

const SHAPES: Readonly<Record<DenialReason, Shape>> = {
  account_suspended: NOT_ACTIVE,
  account_frozen: NOT_ACTIVE,
  feature_not_entitled: NOT_ENTITLED,
  model_not_entitled: NOT_ENTITLED,
  unpriced: { ...NOT_ENTITLED, status: 400, remedy: "change_request" },
  gate: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded", remedy: "retry", retry: "yes" },
  allowance_exhausted: USED_UP,
  credits_exhausted: { ...USED_UP, remedy: "add_credits" },
  credits_reserved: { status: 429, type: "rate_limit_error", code: "credits_reserved", remedy: "retry", retry: "yes" },
};

/** Tells a denial in the caller's protocol. The same body and headers serve every known client. */
export function renderDenial(denial: Denial, context: DenialContext): ErrorAnswer {
  const shape = shapeOf(denial);
  const usedUp = shape.type === USED_UP.type;
  const waitMs = waitOf(denial, shape, context);
  const answer = openAIError({
    status: shape.status,
    type: shape.type,
    code: shape.code,
    message: denialText(denial, context),
    requestId: context.requestId,
    resetsAt: usedUp && denial.resetsAt !== null ? Math.ceil(denial.resetsAt / 1000) : null,
    retryAfterSeconds: waitMs === null ? null : waitMs / 1000,
    spillway: explain(denial, shape.remedy),
  });
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...(waitMs === null ? {} : { "retry-after-ms": String(waitMs) }),
      ...(isFinal(denial, shape) ? { "x-should-retry": "false" } : {}),
      ...(usedUp ? { "x-codex-promo-message": promoText(denial) } : {}),
    },
  };
}

/** A request that is larger than a gate ever lets through is not helped by waiting. */
function shapeOf(denial: Denial): Shape {
  const shape = SHAPES[denial.reason];
  return shape.retry === "yes" && denial.resetsAt === null ? { ...shape, remedy: "reduce_request" } : shape;
}

/**
 * How long to wait, in ms; `null` where the answer tells no time. A passing limit always tells one, since Codex gives up
 * for good on a 429 without it, even where waiting does not help and the client is told so.
 */
function waitOf(denial: Denial, shape: Shape, { now, requestId }: DenialContext): number | null {
  if (shape.retry === "no" || (shape.retry === "at_reset" && denial.resetsAt === null)) return null;
  return Math.max(1, Math.ceil((denial.resetsAt ?? now) - now + spread(denial, shape, now, requestId)));
}

/** Whether the client shall not repeat by itself. */
function isFinal(denial: Denial, shape: Shape): boolean {
  return shape.retry === "at_reset" || (shape.retry === "yes" && denial.resetsAt === null);
}

const SPREAD_SHARE = 0.05;
const SPREAD_MOST_MS = 60_000;

/**
 * Where many wait for one reset, as at midnight, they are told to come one after the other: up to a twentieth of the wait
 * later, by the request's id. The reset itself is told as it is enforced.
 */
function spread({ resetsAt }: Denial, { retry }: Shape, now: number, requestId: string): number {
  if (retry !== "at_reset" || resetsAt === null) return 0;
  const most = Math.min(SPREAD_MOST_MS, (resetsAt - now) * SPREAD_SHARE);
  return (Number.parseInt(requestId.slice(-4), 16) / 0xffff || 0) * most;
}

/** Amounts are the account's own; they are told only where credits are the reason. */
function explain(denial: Denial, remedy: Remedy): JsonObject {
  const { reason, limit, resetsAt, available, needed } = denial;
  return {
    reason,
    limit,
    remedy,
    ...(resetsAt === null ? {} : { resets_at: new Date(resetsAt).toISOString() }),
    ...(needed > 0 ? { available: formatCredits(available), needed: formatCredits(needed) } : {}),
  };
}
