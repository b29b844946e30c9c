import type { AllowanceView, LimitsView } from "../core/account-view.ts";
import { formatCredits } from "../core/amount.ts";
import type { SourceAmount } from "../core/draw.ts";
import { covers } from "../core/plan.ts";
import type { WindowRule, WindowView } from "../core/window.ts";

/**
 * What a metered answer tells of the caller's own limits: OpenAI's `x-ratelimit-*` for its gates, and one family of
 * `x-codex-*` (Codex announces only one) for its windows and credits.
 */
export function headersForLimits(limits: LimitsView, feature: string, now: number): Record<string, string> {
  return { ...gateHeaders(limits, now), ...codexHeaders(limits, feature) };
}

/** `allow; codex-included=0.010000; grt_x=0.002000`: what was reserved, and from where. */
export function decisionHeader(draws: readonly SourceAmount[]): string {
  const totals = new Map<string, number>();
  for (const { kind, amount } of draws) totals.set(kind, (totals.get(kind) ?? 0) + amount);
  return ["allow", ...[...totals].map(([kind, amount]) => `${kind}=${formatCredits(amount)}`)].join("; ");
}

function gateHeaders({ gates }: LimitsView, now: number): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const unit of ["requests", "tokens"] as const) {
    const tightest = gates.filter((gate) => gate.unit === unit).sort((a, b) => a.remaining - b.remaining)[0];
    if (!tightest) continue;
    headers[`x-ratelimit-limit-${unit}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${unit}`] = String(tightest.remaining);
    headers[`x-ratelimit-reset-${unit}`] = goDuration(Math.max(0, (tightest.resetsAt ?? now) - now));
  }
  return headers;
}

/** A duration as OpenAI writes it: `12ms`, `1s`, `6m0s`, `2h0m0s`. */
function goDuration(ms: number): string {
  if (ms < 1_000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds}s`;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds % 60}s` : `${hours}h${minutes % 60}m${seconds % 60}s`;
}

/** How much of a window is used, as Codex shows it. */
interface CodexWindow {
  readonly usedPercent: number;
  readonly windowMinutes: number;
  /** Epoch seconds; `null` before its first use. */
  readonly resetAt: number | null;
}

/** The `codex.rate_limits` frame: over a WebSocket, Codex reads its user's limits from nothing else. */
export function rateLimitsFrame({ allowances, credits }: LimitsView, feature: string, spillway: object): string {
  const [primary = null, secondary = null] = windowsShown(allowances, feature).map((window) => ({
    used_percent: window.usedPercent,
    window_minutes: window.windowMinutes,
    reset_at: window.resetAt,
  }));
  return JSON.stringify({
    type: "codex.rate_limits",
    rate_limits: { primary, secondary },
    credits: {
      has_credits: credits.available > 0,
      unlimited: false,
      balance: formatCredits(credits.available),
    },
    metered_limit_name: null,
    spillway,
  });
}

function codexHeaders({ allowances, credits }: LimitsView, feature: string): Record<string, string> {
  const headers: Record<string, string> = {
    "x-codex-credits-has-credits": String(credits.available > 0),
    "x-codex-credits-unlimited": "false",
    "x-codex-credits-balance": formatCredits(credits.available),
  };
  const [primary, secondary] = windowsShown(allowances, feature);
  if (primary) Object.assign(headers, windowHeaders("primary", primary));
  if (secondary) Object.assign(headers, windowHeaders("secondary", secondary));
  return headers;
}

/** Codex knows two windows: the shortest and the longest of the first allowance of the feature. */
function windowsShown(allowances: readonly AllowanceView[], feature: string): CodexWindow[] {
  const allowance = allowances.find(({ features }) => covers(features, feature));
  const windows = [...(allowance?.windows ?? [])].sort((a, b) => a.rule.periodMs - b.rule.periodMs);
  const [first] = windows;
  const last = windows.at(-1);
  if (!first || !last) return [];
  return (first === last ? [first] : [first, last]).map(codexWindow);
}

function codexWindow({ rule, remaining, resetsAt }: WindowView & { readonly rule: WindowRule }): CodexWindow {
  const usedPercent = ((rule.limit - remaining) / rule.limit) * 100;
  return {
    usedPercent: Math.round(usedPercent * 100) / 100,
    windowMinutes: Math.max(1, Math.round(rule.periodMs / 60_000)),
    resetAt: resetsAt === null ? null : Math.ceil(resetsAt / 1_000),
  };
}

function windowHeaders(name: "primary" | "secondary", window: CodexWindow): Record<string, string> {
  const headers: Record<string, string> = {
    [`x-codex-${name}-used-percent`]: String(window.usedPercent),
    [`x-codex-${name}-window-minutes`]: String(window.windowMinutes),
  };
  if (window.resetAt !== null) headers[`x-codex-${name}-reset-at`] = String(window.resetAt);
  return headers;
}
