import { epochSeconds } from "./clock.ts";
import type { ApiError } from "./errors.ts";
import type { Beat } from "./frames.ts";

const CUT_OFF_FRAME = '{"type":"response.output_text.delta","sequence_num';
const PADDING_HEAD = '{"type":"simulated.padding","padding":"';
const PADDING_TAIL = '"}';
const FIVE_HOURS_S = 5 * 60 * 60;
const WEEK_S = 7 * 24 * 60 * 60;

/** One beat as the texts of WebSocket messages. */
export function messagesOf(beat: Beat, streamId: string | null): string[] {
  switch (beat.kind) {
    case "events":
      return beat.events.map(({ data }) => message(typeof data === "string" ? { type: data } : data, streamId));
    case "malformed":
      return [CUT_OFF_FRAME];
    case "padding":
      return [`${PADDING_HEAD}${"x".repeat(beat.bytes - PADDING_HEAD.length - PADDING_TAIL.length)}${PADDING_TAIL}`];
  }
}

/** One message; what belongs to a named lane says so. */
export function message(data: object, streamId: string | null): string {
  return JSON.stringify(streamId === null ? data : { ...data, stream_id: streamId });
}

/** A refusal as an `error` frame; without `status` Codex would wait for more. */
export function errorMessage(error: ApiError, streamId: string | null): string {
  const { status, headers } = error;
  const extra = Object.keys(headers).length === 0 ? {} : { headers };
  return message({ type: "error", status, ...error.body(), ...extra }, streamId);
}

/** The operator's own limits. A gateway must not let them through. */
export function rateLimitsMessage(): string {
  const now = epochSeconds(Date.now());
  return JSON.stringify({
    type: "codex.rate_limits",
    plan_type: "pro",
    rate_limits: {
      allowed: true,
      limit_reached: false,
      primary: { used_percent: 99, window_minutes: 300, reset_at: now + FIVE_HOURS_S },
      secondary: { used_percent: 98, window_minutes: 10_080, reset_at: now + WEEK_S },
    },
    credits: { has_credits: true, unlimited: false, balance: "31415.92" },
    metered_limit_name: null,
  });
}
