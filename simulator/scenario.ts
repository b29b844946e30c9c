import { ApiError } from "./errors.ts";

/** How usage is reported: as it should be, not at all, or in one of the ways a gateway must survive. */
export type UsageShape = "whole" | "none" | "partial" | "broken" | "huge";

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
}

/** Silence (`hang`, `stall_after`) and every delay end after ten minutes at most. */
export const MAX_WAIT_MS = 600_000;
/** Deltas of one answer, over all its choices. */
export const MAX_DELTAS = 200_000;
/** Numbers that are only reported may be absurd, but their sums stay exact. */
const MAX_TOKENS = 1_000_000_000_000_000;
const MAX_BURST_DELTAS = 20_000;
const MAX_BIG_LINE_BYTES = 64 * 1024 * 1024;
const MAX_TEXT_LENGTH = 2_000;
const REDIRECT_TARGET = "https://elsewhere.invalid/v1/responses";

function plain(): Scenario {
  return {
    output: null,
    input: null,
    cached: 0,
    cacheWrite: 0,
    reasoning: 0,
    paceMs: 15,
    firstMs: 0,
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
  };
}

/** One control: its name, and its value or `null` where only the name was given. */
interface Control {
  name: string;
  value: string | null;
}

type Apply = (scenario: Scenario, control: Control) => void;

const CONTROLS: Readonly<Record<string, Apply>> = {
  none: (s, c) => {
    flag(c);
    Object.assign(s, plain());
  },
  output: (s, c) => {
    s.output = integer(c, 0, MAX_DELTAS);
  },
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
  pace: (s, c) => {
    s.paceMs = integer(c, 0, MAX_WAIT_MS);
  },
  first: (s, c) => {
    s.firstMs = integer(c, 0, MAX_WAIT_MS);
  },
  burst: (s, c) => {
    s.output = integer(c, 0, MAX_BURST_DELTAS);
    s.burst = true;
  },
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
  stall_after: (s, c) => {
    s.interruption = { kind: "stall", after: integer(c, 0, MAX_DELTAS) };
  },
  cut_after: (s, c) => {
    s.interruption = { kind: "cut", after: integer(c, 0, MAX_DELTAS) };
  },
  eof_after: (s, c) => {
    s.interruption = { kind: "eof", after: integer(c, 0, MAX_DELTAS) };
  },
  no_usage: (s, c) => {
    flag(c);
    s.usage = "none";
  },
  usage: (s, c) => {
    s.usage = oneOf(c, ["broken", "partial", "huge"]);
  },
  failed: (s, c) => {
    flag(c);
    s.ending = "failed";
  },
  failed_no_usage: (s, c) => {
    flag(c);
    s.ending = "failed";
    s.usage = "none";
  },
  incomplete: (s, c) => {
    s.ending = "incomplete";
    s.incompleteReason = c.value === null ? "max_output_tokens" : oneOf(c, ["max_output_tokens", "content_filter"]);
  },
  malformed: (s, c) => {
    flag(c);
    s.malformed = true;
  },
  big_line: (s, c) => {
    s.bigLineBytes = integer(c, 100, MAX_BIG_LINE_BYTES);
  },
  tier: (s, c) => {
    s.tier = text(c, /^[a-z0-9_-]{1,40}$/);
  },
};

/**
 * Reads control lists, the weakest first: a later control replaces an earlier one of the same subject, and `none`
 * forgets all before it. An unknown name or a value out of range throws, because a mistyped control that is
 * ignored would let a test pass for the wrong reason.
 */
export function parseScenario(lists: readonly (string | null | undefined)[]): Scenario {
  const scenario = plain();
  for (const control of lists.flatMap((list) => controlsOf(list ?? ""))) {
    const apply = Object.hasOwn(CONTROLS, control.name) ? CONTROLS[control.name] : undefined;
    if (apply === undefined) throw invalid(control, "there is no such control");
    apply(scenario, control);
  }
  return scenario;
}

function controlsOf(list: string): Control[] {
  if (list.length > MAX_TEXT_LENGTH) throw new ApiError(400, { message: "The list of controls is too long." });
  const parts = list.split(";").map((part) => part.trim());
  return parts.filter((part) => part !== "").map(controlOf);
}

function controlOf(part: string): Control {
  const at = part.indexOf("=");
  if (at < 0) return { name: part, value: null };
  return { name: part.slice(0, at).trim(), value: part.slice(at + 1).trim() };
}

function integer(control: Control, least: number, most: number): number {
  const value = /^\d{1,16}$/.test(control.value ?? "") ? Number(control.value) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw invalid(control, `it needs an integer from ${least} to ${most}`);
}

function text(control: Control, pattern: RegExp): string {
  if (control.value !== null && pattern.test(control.value)) return control.value;
  throw invalid(control, `its value must match ${pattern}`);
}

function oneOf<T extends string>(control: Control, values: readonly T[]): T {
  const found = values.find((value) => value === control.value);
  if (found !== undefined) return found;
  throw invalid(control, `it needs one of ${values.join(", ")}`);
}

function flag(control: Control): void {
  if (control.value !== null) throw invalid(control, "it takes no value");
}

function invalid(control: Control, why: string): ApiError {
  return new ApiError(400, { message: `Control "${control.name}": ${why}.`, code: "invalid_control" });
}
