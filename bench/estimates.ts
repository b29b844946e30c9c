import { type AccountState, applyChange, openAccount } from "../src/core/account.ts";
import { invariant, MICRO_PER_CREDIT, type MicroCredits, sum } from "../src/core/amount.ts";
import { renewEntitlements } from "../src/core/entitlement.ts";
import { addGrant } from "../src/core/granting.ts";
import type { Plan } from "../src/core/plan.ts";
import { price } from "../src/core/rate-card.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { reserve } from "../src/core/reserve.ts";
import { settle } from "../src/core/settlement.ts";
import { sourcesOf } from "../src/core/sources.ts";
import type { Usage } from "../src/core/usage.ts";
import type { Demand } from "../src/core/waterfall.ts";
import { PROFILES, type Profile, rateOf } from "./estimate-profiles.ts";
import { type Call, monthOf } from "./estimate-traffic.ts";
import { quantile } from "./statistics.ts";

const START = Date.UTC(2026, 10, 1);
const DAY = 24 * 3_600_000;
const HOLD_MS = 3_600_000;
const ESTIMATES = ["ceiling", "learned", "clamp"] as const;
type Estimate = (typeof ESTIMATES)[number];

/** What came of a month. */
interface Tally {
  requests: number;
  refused: number;
  /** Refused, although the final charge could have been paid. */
  starved: number;
  cutShort: number;
  under: number;
  /** Reserved ÷ charged. */
  readonly ratios: number[];
  charged: MicroCredits;
  overshoot: MicroCredits;
}

function emptyTally(): Tally {
  return { requests: 0, refused: 0, starved: 0, cutShort: 0, under: 0, ratios: [], charged: 0, overshoot: 0 };
}

function chargeOf(model: string, usage: Usage): MicroCredits {
  const charge = price(rateOf(model), usage);
  invariant(typeof charge === "number", "generated usage has a price");
  return charge;
}

/** The books are not looked at here, so entries need no real hash. */
const noHash = (): string => "0".repeat(64);

/** One account that lives through a month of calls under one estimate. */
class Life {
  readonly tally = emptyTally();
  readonly #state: AccountState;
  readonly #running = new Map<string, { readonly call: Call; readonly reservation: Reservation }>();

  constructor(profile: Profile, estimate: Estimate) {
    const plan: Plan = { ...profile.plan, estimate, overshoot: "refund" };
    const counts = { epoch: 1, seq: 0, head: "", balance: 0, used: 0 };
    const row = {
      id: "acct_1",
      status: "active",
      statusReason: null,
      plan,
      meters: {},
      renewals: {},
      learned: {},
    } as const;
    this.#state = openAccount({ ...row, ...counts }, [], []);
    const due = renewEntitlements(this.#state, START, noHash);
    if (due) applyChange(this.#state, due);
  }

  buy(credits: number, now: number): void {
    const terms = {
      kind: "paid",
      priority: 50,
      effectiveAt: now,
      expiresAt: null,
      features: null,
      reason: "",
    } as const;
    const command = { ...terms, id: `grt_${now}`, amount: credits * MICRO_PER_CREDIT };
    applyChange(this.#state, addGrant(this.#state, command, now, noHash).change);
  }

  begin(call: Call): void {
    const quote = { cardId: "default", cardVersion: 1, model: call.model, rate: rateOf(call.model) };
    const { feature } = quote.rate;
    const demand: Demand = { keyId: "key_1", feature, model: call.model, quote, bound: call.bound, openOutput: true };
    const command = { requestId: call.id, owner: "", fingerprint: "", keyed: false, demand, holdMs: HOLD_MS };
    const { answer, change } = reserve(this.#state, null, command, call.at);
    // What a gate refuses has nothing to do with estimates.
    if (answer.kind === "denied" && answer.denial.reason === "gate") return;
    this.tally.requests += 1;
    if (answer.kind === "reserved") {
      applyChange(this.#state, change);
      this.#running.set(call.id, { call, reservation: answer.reservation });
    } else {
      this.tally.refused += 1;
      if (this.#isPayable(call, demand)) this.tally.starved += 1;
    }
  }

  end(id: string): void {
    const running = this.#running.get(id);
    if (!running) return;
    this.#running.delete(id);
    const { call, reservation } = running;
    const usage = finalUsage(call, reservation);
    const isCut = usage !== call.final;
    const report = { usage, outcome: isCut ? "incomplete" : "completed", estimated: false } as const;
    const { settlement, change } = settle(this.#state, reservation, report, call.endsAt, noHash);
    applyChange(this.#state, change);
    const { tally } = this;
    if (isCut) tally.cutShort += 1;
    if (settlement.charge > reservation.reserved) tally.under += 1;
    if (settlement.charge > 0) tally.ratios.push(reservation.reserved / settlement.charge);
    tally.charged += settlement.charge;
    tally.overshoot += settlement.overshoot;
  }

  /** Whether all sources suffice for its final charge and those of the requests in flight. */
  #isPayable(call: Call, demand: Demand): boolean {
    const open = sourcesOf(this.#state, demand, call.at, { holds: false });
    const others = [...this.#running.values()].map((other) =>
      chargeOf(other.call.model, finalUsage(other.call, other.reservation)),
    );
    return sum(open.map(({ available }) => available)) - sum(others) >= chargeOf(call.model, call.final);
  }
}

/** What a call uses under the bound that was sent upstream. */
function finalUsage({ final }: Call, { clampedTo }: Reservation): Usage {
  return clampedTo !== null && clampedTo < final.outputTokens ? { ...final, outputTokens: clampedTo } : final;
}

/** A month of `profile`: purchases, beginnings and ends of calls in the order of time. */
function live(profile: Profile, estimate: Estimate, calls: readonly Call[]): Tally {
  const life = new Life(profile, estimate);
  const steps: { readonly at: number; readonly take: () => void }[] = [];
  const { buys } = profile;
  const every = (buys?.everyDays ?? 30) * DAY;
  if (buys)
    for (let at = START; at < START + 30 * DAY; at += every) steps.push({ at, take: () => life.buy(buys.credits, at) });
  for (const call of calls) {
    steps.push({ at: call.at, take: () => life.begin(call) });
    steps.push({ at: call.endsAt, take: () => life.end(call.id) });
  }
  for (const { take } of steps.sort((a, b) => a.at - b.at)) take();
  return life.tally;
}

function together(tallies: readonly Tally[]): Tally {
  const all = emptyTally();
  for (const tally of tallies) {
    for (const count of ["requests", "refused", "starved", "cutShort", "under", "charged", "overshoot"] as const) {
      all[count] += tally[count];
    }
    for (const ratio of tally.ratios) all.ratios.push(ratio);
  }
  return all;
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${((100 * part) / whole).toFixed(2)} %`;
}

function row(name: string, estimate: Estimate, tally: Tally): string {
  const { requests, refused, starved, ratios, under, charged, overshoot, cutShort } = tally;
  const served = requests - refused;
  const cells = [
    name,
    `\`${estimate}\``,
    String(requests),
    percent(refused - starved, requests),
    percent(starved, requests),
    quantile(ratios, 0.5).toFixed(1),
    quantile(ratios, 0.95).toFixed(1),
    percent(under, served),
    percent(overshoot, charged),
    percent(cutShort, served),
    (charged / MICRO_PER_CREDIT).toFixed(0),
  ];
  return `| ${cells.join(" | ")} |`;
}

const HEADINGS = [
  "Account",
  "Estimate",
  "Requests",
  "Rightly refused",
  "Starved",
  "Reserved ÷ charged, median",
  "p95",
  "Charged > reserved",
  "Overshoot, of charges",
  "Cut short",
  "Credits charged",
];

/** @throws Error with a text for the person who typed it */
function readSeed(argument: string | undefined): number {
  const seed = Number(argument ?? 1);
  if (!Number.isInteger(seed)) throw new Error("node bench/estimates.ts [SEED]: the seed is a whole number");
  return seed;
}

const seed = readSeed(process.argv[2]);
console.log(`| ${HEADINGS.join(" | ")} |\n|${HEADINGS.map((_, index) => (index < 2 ? "---" : "--:")).join("|")}|`);
const tallies = new Map<Estimate, Tally[]>(ESTIMATES.map((estimate) => [estimate, []]));
for (const [index, profile] of PROFILES.entries()) {
  const calls = monthOf(profile, START, seed * 100 + index, rateOf);
  for (const [estimate, lived] of tallies) {
    const tally = live(profile, estimate, calls);
    lived.push(tally);
    console.log(row(profile.name, estimate, tally));
  }
}
for (const [estimate, lived] of tallies) console.log(row("**all**", estimate, together(lived)));
