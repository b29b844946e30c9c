import { createHash } from "node:crypto";
import type { RateLookup } from "../../src/core/audit.ts";
import type { Allowance, Entitlement, Gate, Plan } from "../../src/core/plan.ts";
import type { QuotedRate, Rate } from "../../src/core/rate-card.ts";
import type { WindowRule } from "../../src/core/window.ts";
import type { Random } from "./random.ts";

const MINUTE = 60_000;
const CREDIT = 1_000_000;
/** The card of all prices. */
export const CARD = "default";
/** Versions that only correct what was charged, and never quote: their prices as a share of the first version's. */
const CORRECTED: ReadonlyMap<number, number> = new Map([
  [1_001, 0.5],
  [1_002, 2],
  [1_003, 0],
  [1_004, 1.3],
  [1_005, 0.9],
]);
export const CORRECTED_VERSIONS = [...CORRECTED.keys()];
const MODELS = ["m-large", "m-small"] as const;

function rate(perToken: number): Rate {
  const input = (perToken * CREDIT) / 6;
  return {
    feature: "codex",
    tokens: {
      input: Math.round(input),
      cachedInput: Math.round(input / 10),
      cacheWrite: Math.round(input * 1.25),
      output: Math.round(perToken * CREDIT),
    },
    longContext: null,
    serviceTiers: {},
    perSecond: {},
    perCall: {},
    maxOutputTokens: 4_000,
  };
}

/** What is on offer in one seed: plans and prices, both of which change while requests are under way. */
export class Offers {
  /** The newest version of each plan. */
  readonly plans = new Map<string, Plan>();
  #cardVersion = 1;

  constructor(random: Random) {
    for (const id of ["plus", "pro"]) this.plans.set(id, planOf(random.fork(id), id, 1));
  }

  get cardVersion(): number {
    return this.#cardVersion;
  }

  plan(id: string): Plan {
    const plan = this.plans.get(id);
    if (!plan) throw new Error(`no plan ${id}`);
    return plan;
  }

  publish(random: Random, id: string): void {
    this.plans.set(id, planOf(random, id, this.plan(id).version + 1));
  }

  changePrices(): void {
    this.#cardVersion += 1;
  }

  versions(): Record<string, number> {
    return Object.fromEntries([...this.plans].map(([id, { version }]) => [id, version]));
  }

  quote(model: string): QuotedRate {
    return { cardId: CARD, cardVersion: this.#cardVersion, model, rate: rateAt(this.#cardVersion, model) };
  }

  readonly rateOf: RateLookup = (card, version, model) =>
    card === CARD && (version <= this.#cardVersion || CORRECTED.has(version)) ? rateAt(version, model) : null;
}

function rateAt(version: number, model: string): Rate {
  const first = model === MODELS[0] ? 375 : 40;
  const share = CORRECTED.get(version);
  return rate(share === undefined ? first + 17 * ((version - 1) % 3) : first * share);
}

export function modelOf(random: Random): string {
  return random.chance(0.7) ? MODELS[0] : MODELS[1];
}

/** The digest of the only key of an account. */
export function keyOf(accountId: string): { id: string; digest: string } {
  return { id: "key_1", digest: createHash("sha256").update(`secret of ${accountId}`).digest("hex") };
}

function planOf(random: Random, id: string, version: number): Plan {
  return {
    id,
    version,
    name: id,
    features: { codex: { models: ["*"] } },
    gates: gatesOf(random),
    allowances: allowancesOf(random),
    entitlements: entitlementsOf(random),
    overshoot: random.pick(["refund", "refund", "clamp"]),
    estimate: random.pick(["ceiling", "ceiling", "learned", "clamp"]),
    sameRequestMs: random.fork("same request").pick([null, MINUTE, 10 * MINUTE]),
    degraded: "closed",
  };
}

function gatesOf(random: Random): Gate[] {
  const gate = (id: string, unit: Gate["unit"], limit: number, window: WindowRule | null): Gate => ({
    id,
    unit,
    per: random.chance(0.3) ? "key" : "account",
    limit,
    window,
    features: null,
    models: null,
  });
  const requests = random.int(4, 40);
  const tokens = random.int(20_000, 80_000);
  const gates = [
    gate("rpm", "requests", requests, { kind: "sliding", periodMs: MINUTE, limit: requests }),
    gate("in-flight", "concurrency", random.int(2, 10), null),
    gate("tpm", "tokens", tokens, { kind: "anchored", periodMs: 5 * MINUTE, limit: tokens }),
  ];
  return gates.filter(() => random.chance(0.35));
}

function allowancesOf(random: Random): Allowance[] {
  const anchored = (minutes: number, limit: number): WindowRule => ({
    kind: "anchored",
    periodMs: minutes * MINUTE,
    limit,
  });
  const sliding = (minutes: number, limit: number): WindowRule => ({
    kind: "sliding",
    periodMs: minutes * MINUTE,
    limit,
  });
  const day = (limit: number): WindowRule => ({
    kind: "calendar",
    unit: "day",
    timeZone: "UTC",
    weekStartsOn: 1,
    periodMs: 1_440 * MINUTE,
    limit,
  });
  const part = { features: null, models: null };
  const credits = random.int(1, 5) * CREDIT;
  const all: Allowance[] = [
    {
      id: "included",
      unit: "credits",
      windows: [anchored(random.pick([2, 10]), credits), anchored(60, 2 * credits)],
      ...part,
    },
    { id: "daily", unit: "credits", windows: [day(random.int(1, 6) * CREDIT)], ...part },
    { id: "few", unit: "requests", windows: [sliding(random.pick([1, 10]), random.int(2, 6))], ...part },
    { id: "tokens", unit: "tokens", windows: [anchored(10, random.int(5_000, 15_000))], ...part },
  ];
  return all.filter(() => random.chance(0.35));
}

function entitlementsOf(random: Random): Entitlement[] {
  if (!random.chance(0.5)) return [];
  const rolloverCap = random.chance(0.6) ? random.int(1, 4) * CREDIT : 0;
  const period = { unit: "day", timeZone: random.pick(["UTC", "Europe/Berlin"]), weekStartsOn: 1 } as const;
  const terms = { priority: random.pick([10, 50]), features: null, rolloverCap };
  return [{ id: "monthly", amount: random.int(1, 10) * CREDIT, period, ...terms }];
}
