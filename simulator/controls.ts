import { type Control, controlsOf, flag, integer, invalid, oneOf, text } from "./control.ts";
import { MAX_DELTAS, MAX_WAIT_MS, plainScenario, type Scenario } from "./scenario.ts";
import { WEBHOOK_SECRET } from "./webhook.ts";

type Apply = (scenario: Scenario, control: Control) => void;

/** Numbers that are only reported may be absurd, but their sums stay exact. */
const MAX_TOKENS = 1_000_000_000_000_000;
const MAX_BURST_DELTAS = 20_000;
const MAX_BIG_LINE_BYTES = 64 * 1024 * 1024;
const MAX_SEARCHES = 1_000;
const MAX_SECONDS = 1_000_000;
const MAX_CONTENT_BYTES = 4 * 1024 * 1024 * 1024;
const REDIRECT_TARGET = "https://elsewhere.invalid/v1/responses";

const ANSWER: Readonly<Record<string, Apply>> = {
  output: (s, c) => {
    s.output = integer(c, 0, MAX_DELTAS);
  },
  burst: (s, c) => {
    s.output = integer(c, 0, MAX_BURST_DELTAS);
    s.burst = true;
  },
  tier: (s, c) => {
    s.tier = text(c, /^[a-z0-9_-]{1,40}$/);
  },
  calls: (s, c) => {
    s.calls = text(c, /^[\w-]{1,64}(,[\w-]{1,64}){0,63}$/).split(",");
  },
  searches: (s, c) => {
    s.searches = integer(c, 0, MAX_SEARCHES);
  },
  failed: (s, c) => {
    flag(c);
    s.ending = "failed";
    s.video.ending = "failed";
  },
  failed_no_usage: (s, c) => {
    flag(c);
    s.ending = "failed";
    s.video.ending = "failed";
    s.usage = "none";
  },
  incomplete: (s, c) => {
    s.ending = "incomplete";
    s.incompleteReason = c.value === null ? "max_output_tokens" : oneOf(c, ["max_output_tokens", "content_filter"]);
  },
};

const USAGE: Readonly<Record<string, Apply>> = {
  input: (s, c) => {
    s.input = integer(c, 0, MAX_TOKENS);
  },
  cached: (s, c) => {
    s.cached = integer(c, 0, MAX_TOKENS);
  },
  cache_write: (s, c) => {
    s.cacheWrite = integer(c, 0, MAX_TOKENS);
  },
  reasoning: (s, c) => {
    s.reasoning = integer(c, 0, MAX_TOKENS);
  },
  no_usage: (s, c) => {
    flag(c);
    s.usage = "none";
  },
  usage: (s, c) => {
    s.usage = oneOf(c, ["broken", "partial", "huge", "no_total", "no_cached", "no_reasoning"]);
  },
  cancel_usage: (s, c) => {
    s.cancelUsage = flag(c);
  },
};

const TIME: Readonly<Record<string, Apply>> = {
  pace: (s, c) => {
    s.paceMs = integer(c, 0, MAX_WAIT_MS);
  },
  first: (s, c) => {
    s.firstMs = integer(c, 0, MAX_WAIT_MS);
  },
  think: (s, c) => {
    s.thinkMs = integer(c, 0, MAX_WAIT_MS);
  },
  background: (s, c) => {
    s.backgroundMs = integer(c, 0, MAX_WAIT_MS);
  },
};

const REFUSAL: Readonly<Record<string, Apply>> = {
  status: (s, c) => {
    s.refusal = { kind: "status", status: integer(c, 400, 599) };
  },
  retry_after: (s, c) => {
    s.retryAfter = text(c, /^[\x20-\x7e]{1,60}$/);
  },
  code: (s, c) => {
    s.errorCode = text(c, /^[a-z0-9_]{1,60}$/);
  },
  leak_key: (s, c) => {
    flag(c);
    s.refusal = { kind: "leak_key" };
  },
  redirect: (s, c) => {
    s.refusal = { kind: "redirect", location: c.value === null ? REDIRECT_TARGET : text(c, /^https?:[\x21-\x7e]+$/) };
  },
  hang: (s, c) => {
    flag(c);
    s.refusal = { kind: "hang" };
  },
};

const DISTURBANCE: Readonly<Record<string, Apply>> = {
  stall_after: (s, c) => {
    s.interruption = { kind: "stall", after: integer(c, 0, MAX_DELTAS) };
  },
  cut_after: (s, c) => {
    s.interruption = { kind: "cut", after: integer(c, 0, MAX_DELTAS) };
  },
  eof_after: (s, c) => {
    s.interruption = { kind: "eof", after: integer(c, 0, MAX_DELTAS) };
  },
  malformed: (s, c) => {
    s.malformed = flag(c);
  },
  big_line: (s, c) => {
    s.bigLineBytes = integer(c, 100, MAX_BIG_LINE_BYTES);
  },
  ws_close: (s, c) => {
    s.webSocket.closeCode = integer(c, 1000, 4999);
  },
  ws_limit: (s, c) => {
    s.webSocket.limit = flag(c);
  },
  ws_refuse: (s, c) => {
    s.webSocket.refuse = flag(c);
  },
  ws_queue: (s, c) => {
    s.webSocket.queue = flag(c);
  },
};

const VIDEO: Readonly<Record<string, Apply>> = {
  video: (s, c) => {
    s.video.takesMs = integer(c, 0, MAX_WAIT_MS);
  },
  late: (s, c) => {
    s.video.takesMs = integer(c, 0, MAX_WAIT_MS);
  },
  moderated: (s, c) => {
    flag(c);
    s.video.ending = "moderated";
  },
  stuck: (s, c) => {
    flag(c);
    s.video.ending = "stuck";
  },
  expired: (s, c) => {
    flag(c);
    s.video.ending = "expired";
  },
  seconds: (s, c) => {
    s.video.seconds = integer(c, 0, MAX_SECONDS);
  },
  content: (s, c) => {
    s.video.contentBytes = integer(c, 0, MAX_CONTENT_BYTES);
  },
  lose_answer: (s, c) => {
    s.video.loseAnswer = flag(c);
  },
  no_idempotency: (s, c) => {
    flag(c);
    s.video.idempotent = false;
  },
  delete_running: (s, c) => {
    s.video.deleteRunning = flag(c);
  },
};

const WEBHOOK: Readonly<Record<string, Apply>> = {
  webhook: (s, c) => {
    s.webhook.url = text(c, /^https?:\/\/[\x21-\x7e]{1,500}$/);
  },
  webhook_secret: (s, c) => {
    s.webhook.secret = text(c, WEBHOOK_SECRET);
  },
  webhook_twice: (s, c) => {
    s.webhook.twice = flag(c);
  },
};

/** Control name → what it changes. Every one of them throws at a value that it does not know. */
const CONTROLS: Readonly<Record<string, Apply>> = {
  none: (s, c) => {
    flag(c);
    Object.assign(s, plainScenario());
  },
  ...ANSWER,
  ...USAGE,
  ...TIME,
  ...REFUSAL,
  ...DISTURBANCE,
  ...VIDEO,
  ...WEBHOOK,
};

/**
 * Reads the control lists of a request to `host`, the weakest first: a later control replaces an earlier one of the
 * same subject, and `none` forgets all before it. An unknown name or a value out of range throws, even where another
 * host is meant, because a mistyped control that is ignored would let a test pass for the wrong reason.
 */
export function parseScenario(lists: readonly (string | null | undefined)[], host: string): Scenario {
  const scenario = plainScenario();
  for (const control of lists.flatMap((list) => controlsOf(list ?? ""))) {
    const apply = Object.hasOwn(CONTROLS, control.name) ? CONTROLS[control.name] : undefined;
    if (apply === undefined) throw invalid(control, "there is no such control");
    apply(control.host === null || control.host === host ? scenario : plainScenario(), control);
  }
  return scenario;
}
