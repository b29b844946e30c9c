import { type AccountState, applyChange, openAccount } from "../src/core/account.ts";
import { viewLimits } from "../src/core/account-view.ts";
import { invariant, MICRO_PER_CREDIT } from "../src/core/amount.ts";
import { addGrant } from "../src/core/granting.ts";
import type { Plan } from "../src/core/plan.ts";
import type { Rate } from "../src/core/rate-card.ts";
import { reserve } from "../src/core/reserve.ts";
import { settle } from "../src/core/settlement.ts";
import { NO_USAGE, type Usage } from "../src/core/usage.ts";
import { type Demand, decide } from "../src/core/waterfall.ts";
import { median } from "./statistics.ts";

const ROUNDS = 200;
const ROUND_MS = 2;
/** Calls between two looks at the clock. */
const CALLS = 20;
const NOW = Date.UTC(2026, 10, 22, 12);
const HOUR_MS = 3_600_000;
const HOLD_MS = 600_000;
/** Requests under way, each of which holds credits. */
const IN_FLIGHT = 10;

const RATE: Rate = {
  feature: "codex",
  tokens: { input: 62_500_000, cachedInput: 6_250_000, cacheWrite: 78_125_000, output: 375_000_000 },
  longContext: null,
  serviceTiers: {},
  perSecond: {},
  perCall: {},
  maxOutputTokens: 128_000,
};

const PLAN: Plan = {
  id: "plus",
  version: 1,
  name: "Plus",
  features: { codex: { models: ["*"] } },
  gates: [],
  allowances: [
    {
      id: "included",
      features: ["codex"],
      models: null,
      unit: "credits",
      windows: [
        { kind: "anchored", periodMs: 5 * HOUR_MS, limit: 3 * MICRO_PER_CREDIT },
        { kind: "anchored", periodMs: 168 * HOUR_MS, limit: 8 * MICRO_PER_CREDIT },
      ],
    },
  ],
  entitlements: [],
  overshoot: "refund",
  estimate: "ceiling",
  degraded: "closed",
};

/** The books are not looked at here, so entries need no real hash. */
const noHash = (): string => "0".repeat(64);

function demandOf(outputTokens: number): Demand {
  const quote = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: RATE };
  const bound: Usage = { ...NO_USAGE, inputTokens: 2_000, cachedInputTokens: 1_000, outputTokens };
  return { keyId: "key_1", feature: "codex", model: "gpt-5.4", quote, bound, openOutput: false };
}

/** An account in the midst of its day: windows with something left, `grants` of different terms, requests under way. */
function accountWith(grants: number): AccountState {
  const nothing = { epoch: 1, seq: 0, head: "", balance: 0, used: 0, meters: {}, renewals: {}, learned: {} };
  const state = openAccount({ id: "acct_1", status: "active", statusReason: null, plan: PLAN, ...nothing }, [], []);
  for (let index = 0; index < grants; index += 1) give(state, index);
  for (let index = 0; index <= IN_FLIGHT; index += 1) {
    const command = { requestId: `req_${index}`, owner: "", fingerprint: "", keyed: false, holdMs: HOLD_MS };
    const { answer, change } = reserve(state, null, { ...command, demand: demandOf(300) }, NOW);
    invariant(answer.kind === "reserved", "the account pays for what is under way");
    applyChange(state, change);
    const report = { usage: answer.reservation.bound, outcome: "completed", estimated: false } as const;
    if (index === 0) applyChange(state, settle(state, answer.reservation, report, NOW, noHash).change);
  }
  return state;
}

/** Every tenth is promotional; expiries are spread, so that neither the order nor what is live follows from the age. */
function give(state: AccountState, index: number): void {
  const terms = { features: null, reason: "bought", priority: index % 3, effectiveAt: NOW - HOUR_MS } as const;
  const kind = index % 10 === 0 ? "promotional" : "paid";
  const expiresAt = index % 2 === 0 ? null : NOW + (((index * 7_919) % 1_000) + 1) * HOUR_MS;
  const command = { ...terms, id: `grt_${index}`, kind, expiresAt, amount: 5 * MICRO_PER_CREDIT } as const;
  applyChange(state, addGrant(state, command, NOW, noHash).change);
}

/**
 * Nanoseconds that one call takes: the median of many rounds, after as many to warm up. A round is short, so that most of
 * them are over before the system gives the core to somebody else.
 */
function measure(work: () => unknown): number {
  const timed = Array.from({ length: 2 * ROUNDS }, () => nanosecondsPerCall(work));
  return median(timed.slice(ROUNDS));
}

function nanosecondsPerCall(work: () => unknown): number {
  const began = performance.now();
  let calls = 0;
  let took = 0;
  while (took < ROUND_MS) {
    for (let call = 0; call < CALLS; call += 1) work();
    calls += CALLS;
    took = performance.now() - began;
  }
  return (took * 1e6) / calls;
}

const demand = demandOf(3_000);
console.log(`Median of ${ROUNDS} rounds: two windows, ${IN_FLIGHT} requests under way\n`);
console.log(`${"grants".padStart(8)}${"decide ns".padStart(14)}${"limits ns".padStart(14)}`);
for (const grants of [5, 1_000]) {
  const state = accountWith(grants);
  invariant(decide(state, demand, NOW).outcome === "allowed", "the request is paid");
  const figures = [measure(() => decide(state, demand, NOW)), measure(() => viewLimits(state, "key_1", NOW))];
  const cells = figures.map((ns) => Math.round(ns).toLocaleString("en").padStart(14));
  console.log(`${grants.toLocaleString("en").padStart(8)}${cells.join("")}`);
}
