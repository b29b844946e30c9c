/** How usage is reported: as it should be, not at all, without single fields, or in a way a gateway must survive. */
export type UsageShape = "whole" | "none" | "partial" | "no_total" | "no_cached" | "no_reasoning" | "broken" | "huge";

/** What happens after `after` deltas instead of the rest of the stream. */
export interface Interruption {
  kind: "stall" | "cut" | "eof";
  after: number;
}

/** What is done instead of answering. */
export type Refusal =
  | { kind: "status"; status: number }
  | { kind: "leak_key" }
  | { kind: "redirect"; location: string }
  | { kind: "hang" };

/** What befalls a WebSocket connection; no effect on other requests. */
export interface WebSocketTerms {
  /** The close code after an answer's first delta. */
  closeCode: number | null;
  /** The connection's hour is over: an error frame, then the end. */
  limit: boolean;
  /** The upgrade is answered with 426. */
  refuse: boolean;
  /** A second request without `stream_id` waits for the first instead of being refused. */
  queue: boolean;
}

/** How a video is made; no effect on other requests. */
export interface VideoTerms {
  takesMs: number;
  /** `stuck`: it never ends. */
  ending: "completed" | "failed" | "moderated" | "expired" | "stuck";
  /** The length that is reported in place of the one that was ordered. */
  seconds: number | null;
  /** Size of the file that is downloaded; `null`: the sample. */
  contentBytes: number | null;
  /** The connection breaks when the video is made and before its id is told. */
  loseAnswer: boolean;
  /** An idempotency key that was seen before finds what was made then. */
  idempotent: boolean;
  /** A video that is being made can be deleted. */
  deleteRunning: boolean;
}

/** Who is told about the end of a job; the simulator's variables fill in what is `null`. */
export interface WebhookTerms {
  url: string | null;
  secret: string | null;
  twice: boolean;
}

/** Everything that can be asked of one simulated answer. `null` means: as a real answer would be. */
export interface Scenario {
  /** Output tokens per choice; reasoning tokens are a part of them, the others are one delta each. */
  output: number | null;
  input: number | null;
  cached: number;
  cacheWrite: number;
  reasoning: number;
  paceMs: number;
  firstMs: number;
  /** Silence between the first events and the first delta. */
  thinkMs: number;
  burst: boolean;
  usage: UsageShape;
  ending: "completed" | "failed" | "incomplete";
  incompleteReason: "max_output_tokens" | "content_filter";
  interruption: Interruption | null;
  refusal: Refusal | null;
  retryAfter: string | null;
  errorCode: string | null;
  malformed: boolean;
  bigLineBytes: number | null;
  tier: string | null;
  /** Names of functions that the answer calls. */
  calls: readonly string[];
  /** Web searches before the text. */
  searches: number;
  /** How long a background response takes. */
  backgroundMs: number;
  /** A cancelled response reports what it used until then. */
  cancelUsage: boolean;
  webSocket: WebSocketTerms;
  video: VideoTerms;
  webhook: WebhookTerms;
}

/** Silence (`hang`, `stall_after`) and every delay end after ten minutes at most. */
export const MAX_WAIT_MS = 600_000;
/** Deltas of one answer, over all its choices. */
export const MAX_DELTAS = 200_000;

export function plainScenario(): Scenario {
  return {
    output: null,
    input: null,
    cached: 0,
    cacheWrite: 0,
    reasoning: 0,
    paceMs: 15,
    firstMs: 0,
    thinkMs: 0,
    burst: false,
    usage: "whole",
    ending: "completed",
    incompleteReason: "max_output_tokens",
    interruption: null,
    refusal: null,
    retryAfter: null,
    errorCode: null,
    malformed: false,
    bigLineBytes: null,
    tier: null,
    calls: [],
    searches: 0,
    backgroundMs: 1_500,
    cancelUsage: false,
    webSocket: { closeCode: null, limit: false, refuse: false, queue: false },
    video: {
      takesMs: 1_500,
      ending: "completed",
      seconds: null,
      contentBytes: null,
      loseAnswer: false,
      idempotent: true,
      deleteRunning: false,
    },
    webhook: { url: null, secret: null, twice: false },
  };
}
