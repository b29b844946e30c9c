import {
  type AccountState,
  applyChange,
  type Change,
  keepMeters,
  NO_CHANGE,
  openAccount,
} from "../../src/core/account.ts";
import { type AuditState, auditEntry, beginAudit, type RateLookup } from "../../src/core/audit.ts";
import { Carrying, openingEntry } from "../../src/core/carry-over.ts";
import { checkpoint } from "../../src/core/checkpoint.ts";
import { type Denials, foldDenial, writeDenials } from "../../src/core/denials.ts";
import { renewEntitlements } from "../../src/core/entitlement.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type Grant, remaining } from "../../src/core/grant.ts";
import { addGrant, type GrantCommand, lapseGrants, voidGrant } from "../../src/core/granting.ts";
import { holdForJob, isAwaited } from "../../src/core/job.ts";
import type { Plan } from "../../src/core/plan.ts";
import type { QuotedRate } from "../../src/core/rate-card.ts";
import { refund, refundable } from "../../src/core/refund.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { type ReserveAnswer, type ReserveCommand, reserve } from "../../src/core/reserve.ts";
import { acceptsLate, type Ended, expire, release, settle, settleLate } from "../../src/core/settlement.ts";
import type { Usage } from "../../src/core/usage.ts";
import {
  allowanceOf,
  anchored,
  CODEX_RATE,
  calendar,
  commandOf,
  concurrencyGate,
  credits,
  DAY,
  demandOf,
  emptyRow,
  entitlementOf,
  gateOf,
  HOUR,
  MINUTE,
  planOf,
  reportOf,
  requestGate,
  sha256,
  sliding,
  T0,
} from "./core-fixtures.ts";

/** One step of a random history. Requests and grants are named by small numbers, so that steps meet. */
export type Step =
  | {
      readonly do: "reserve";
      readonly request: number;
      readonly key: number;
      readonly bound: Usage;
      readonly open: boolean;
      /** Which of the offer's models; the first one unless it is said. */
      readonly model?: number;
      /** What a job is asked for, and whether its client says that it asks again. */
      readonly job?: { readonly content: string; readonly again: boolean };
    }
  /** Upstream has taken on the job of a request. */
  | { readonly do: "begin"; readonly request: number }
  | { readonly do: "settle"; readonly request: number; readonly usage: Usage; readonly estimated: boolean }
  | { readonly do: "checkpoint"; readonly request: number; readonly usage: Usage }
  | { readonly do: "release"; readonly request: number }
  | { readonly do: "expire"; readonly request: number }
  | { readonly do: "late"; readonly request: number; readonly usage: Usage }
  | {
      readonly do: "grant";
      readonly terms: Pick<GrantCommand, "amount" | "kind" | "priority">;
      readonly lastsMs: number | null;
    }
  | { readonly do: "lapse" }
  | { readonly do: "renew" }
  | { readonly do: "void"; readonly grant: number }
  /** Gives back a share, in hundredths, of what can be refunded of one of the requests that paid with credits. */
  | { readonly do: "refund"; readonly request: number; readonly share: number }
  /** Writes the denials since the last time to the journal. */
  | { readonly do: "denials" }
  | { readonly do: "pass"; readonly ms: number }
  | { readonly do: "plan"; readonly index: number }
  | { readonly do: "status"; readonly frozen: boolean };

const FEATURES = { codex: { models: ["*"] } };

/** Plans that differ in windows, limits and gates; the first ones share a meter with different limits. */
export const PLANS: readonly [Plan, ...Plan[]] = [
  planOf({
    id: "two-windows",
    features: FEATURES,
    allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(1)), anchored(7 * DAY, credits(3))])],
    gates: [requestGate("rpm", 6)],
  }),
  planOf({
    id: "larger",
    features: FEATURES,
    allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(2)), anchored(7 * DAY, credits(4))])],
    gates: [gateOf("tpm", "tokens", 30_000)],
  }),
  planOf({
    id: "sliding",
    features: FEATURES,
    allowances: [
      allowanceOf("hourly", [sliding(HOUR, credits(0.8))]),
      allowanceOf("daily", [anchored(DAY, credits(1))]),
    ],
    gates: [concurrencyGate("in-flight", 5)],
    estimate: "clamp",
  }),
  planOf({ id: "credits-only", features: FEATURES }),
  planOf({
    id: "volume",
    features: FEATURES,
    allowances: [
      allowanceOf(
        "tokens",
        [calendar("day", "Europe/Berlin", 6_000), calendar("month", "Europe/Berlin", 40_000)],
        null,
        {
          unit: "tokens",
        },
      ),
      allowanceOf("calls", [calendar("week", "America/New_York", 2, 7)], null, { unit: "requests" }),
      allowanceOf("included", [anchored(5 * HOUR, credits(0.5))]),
    ],
    gates: [
      { ...requestGate("key-rpm", 3), per: "key" },
      gateOf("hourly", "credits", credits(6), { window: anchored(HOUR, credits(6)) }),
    ],
    entitlements: [
      entitlementOf("daily", 1, {
        period: { unit: "day", timeZone: "UTC", weekStartsOn: 1 },
        rolloverCap: credits(0.5),
      }),
    ],
    estimate: "learned",
  }),
  planOf({
    id: "entitled",
    features: FEATURES,
    allowances: [allowanceOf("calls", [sliding(DAY, 2)], null, { unit: "requests" })],
    gates: [
      concurrencyGate("key-in-flight", 2, { per: "key" }),
      gateOf("dear", "credits", credits(2), { window: null }),
    ],
    entitlements: [
      entitlementOf("daily", 0.7, { period: { unit: "day", timeZone: "UTC", weekStartsOn: 1 } }),
      entitlementOf("weekly", 2, {
        period: { unit: "week", timeZone: "Europe/Berlin", weekStartsOn: 1 },
        rolloverCap: credits(1),
      }),
    ],
    overshoot: "clamp",
    estimate: "clamp",
  }),
];

/** What an account is offered, and at which prices. */
export interface Offer {
  readonly plans: readonly [Plan, ...Plan[]];
  readonly quotes: readonly [QuotedRate, ...QuotedRate[]];
}

const TEXT: Offer = {
  plans: PLANS,
  quotes: [{ cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: CODEX_RATE }],
};

/** How long a job's reservation lasts once upstream has taken it on. */
const JOB_MS = 6 * HOUR;

/** The keys of the account that ask. */
export const KEYS = ["key_1", "key_2"] as const;

export type Happened =
  | {
      readonly kind: "answered";
      readonly command: ReserveCommand;
      readonly answer: ReserveAnswer;
      readonly existing: Reservation | null;
      readonly change: Change;
    }
  | { readonly kind: "ended"; readonly before: Reservation; readonly usage: Usage | null; readonly ended: Ended }
  | { readonly kind: "changed"; readonly change: Change }
  | { readonly kind: "refused"; readonly because: unknown }
  | { readonly kind: "nothing" };

const NOTHING: Happened = { kind: "nothing" };

/** The rows of an account as storage would keep them, the state as memory keeps it, and the real commands on both. */
export class CoreModel {
  state: AccountState;
  now = T0;
  /** The furthest the clock has been: it may go back. */
  latest = T0;
  readonly grants = new Map<string, Grant>();
  readonly reservations = new Map<string, Reservation>();
  readonly entries: ChainedEntry[] = [];
  readonly denials: Denials = new Map();
  refunds = 0;
  readonly audit: AuditState;
  /** Plans that were in force at some time: a meter never exceeds the largest limit it ever had. */
  readonly plansSeen = new Set<Plan>();
  readonly offer: Offer;

  constructor(offer: Offer = TEXT) {
    this.offer = offer;
    // Enough for a short history to reserve by what was learnt.
    const learned = { "gpt-5.4": Array<number>(8).fill(900) };
    const row = emptyRow({ plan: offer.plans[0], learned });
    this.state = openAccount(row, [], []);
    this.audit = beginAudit(sha256, row.id, row.epoch);
    this.plansSeen.add(row.plan);
  }

  run(step: Step): Happened {
    switch (step.do) {
      case "reserve":
        return this.reserve(step);
      case "begin":
        return this.begin(step.request);
      case "settle":
        return this.end(step.request, step.usage, (reservation) =>
          settle(this.state, reservation, reportOf(step.usage, "completed", step.estimated), this.now, sha256),
        );
      case "checkpoint":
        return this.checkpoint(step.request, step.usage);
      case "release":
        return this.end(step.request, null, (reservation) =>
          release(this.state, reservation, "upstream_error", this.now, sha256),
        );
      case "expire":
        return this.expire(step.request);
      case "late":
        return this.late(step.request, step.usage);
      case "grant":
        return this.grant(step.terms, step.lastsMs);
      case "lapse":
        return this.commit(lapseGrants(this.state, this.now, sha256) ?? NO_CHANGE);
      case "renew":
        return this.commit(renewEntitlements(this.state, this.now, sha256) ?? NO_CHANGE);
      case "void":
        return this.void(step.grant);
      case "refund":
        return this.refund(step.request, step.share);
      case "denials": {
        const change = writeDenials(this.state, this.denials, this.now, sha256);
        this.denials.clear();
        return this.commit(change);
      }
      case "pass":
        this.now += step.ms;
        this.latest = Math.max(this.latest, this.now);
        return NOTHING;
      case "plan": {
        const { plans } = this.offer;
        const plan = plans[step.index % plans.length] ?? plans[0];
        this.plansSeen.add(plan);
        const meters = keepMeters(this.state.row.meters, plan);
        return this.commit({ ...NO_CHANGE, row: { ...this.state.row, plan, meters } });
      }
      case "status":
        return this.commit({ ...NO_CHANGE, row: { ...this.state.row, status: step.frozen ? "frozen" : "active" } });
    }
  }

  /** Forgets everything, and goes on from what the ledger says in a further epoch. */
  reopen(): void {
    const { row } = this.state;
    const carrying = new Carrying(row.id, row.plan, sha256, this.rateOf, this.now);
    for (const entry of this.entries) carrying.take(entry);
    const opening = openingEntry(sha256, { ...row, accountId: row.id }, "its object was lost", this.now);
    this.entries.push(opening);
    auditEntry(this.audit, opening, this.rateOf, sha256);
    const { epoch, seq, hash: head } = opening;
    const carried = carrying.until({ accountId: row.id, epoch, seq, head, balance: row.balance }, "lost");
    this.grants.clear();
    this.reservations.clear();
    for (const grant of carried.grants) this.grants.set(grant.id, grant);
    this.state = openAccount({ ...carried.row, status: "active", statusReason: null }, carried.grants, []);
  }

  /** Forgets the state in memory and folds it again from what is stored. */
  reload(): void {
    this.state = this.stored();
  }

  /** What an object that starts now would hold in memory. */
  stored(): AccountState {
    const { row, grants, reservations } = structuredClone({
      row: this.state.row,
      grants: [...this.grants.values()],
      reservations: [...this.reservations.values()],
    });
    return openAccount(
      row,
      grants.filter((grant) => remaining(grant) > 0),
      reservations.filter(({ state }) => state === "pending"),
    );
  }

  private reserve({ request, key, bound, open, model = 0, job }: Extract<Step, { do: "reserve" }>): Happened {
    const requestId = `req_${request}`;
    const { quotes } = this.offer;
    const quote = quotes[model % quotes.length] ?? quotes[0];
    const keyId = KEYS[key % KEYS.length] ?? KEYS[0];
    const { feature } = quote.rate;
    const demand = demandOf(0, { keyId, feature, model: quote.model, quote, bound, openOutput: open });
    const existing = this.reservations.get(requestId) ?? null;
    const command = commandOf(requestId, 0, {
      demand,
      keyed: true,
      holdMs: 10 * MINUTE,
      ...(job ? { content: job.content } : {}),
      ...(job?.again ? { repeats: { content: job.content } } : {}),
    });
    const { answer, change } = reserve(this.state, existing, command, this.now);
    this.commit(change);
    if (answer.kind === "denied") {
      foldDenial(this.denials, { requestId, demand, denial: answer.denial, at: this.now });
    }
    return { kind: "answered", command, answer, existing, change };
  }

  private begin(request: number): Happened {
    const reserved = this.reservations.get(`req_${request}`);
    if (!reserved || reserved.job !== undefined || !isAwaited(reserved, this.now)) return NOTHING;
    const begun = holdForJob(reserved, `job_${request}.${reserved.attempt}`, this.now, JOB_MS);
    return this.commit({ ...NO_CHANGE, reservations: [begun] });
  }

  private end(request: number, usage: Usage | null, how: (reservation: Reservation) => Ended): Happened {
    const before = this.reservations.get(`req_${request}`);
    if (!before) return NOTHING;
    try {
      const ended = how(before);
      this.commit(ended.change);
      return { kind: "ended", before, usage, ended };
    } catch (because) {
      return { kind: "refused", because };
    }
  }

  private checkpoint(request: number, usage: Usage): Happened {
    const pending = this.reservations.get(`req_${request}`);
    if (pending?.state !== "pending") return NOTHING;
    return this.commit({ ...NO_CHANGE, reservations: [checkpoint(pending, usage, this.now, 10 * MINUTE)] });
  }

  private expire(request: number): Happened {
    const reservation = this.reservations.get(`req_${request}`);
    if (!reservation || (reservation.state === "pending" && this.now < reservation.expiresAt)) return NOTHING;
    return this.end(request, reservation.checkpoint, (pending) => expire(this.state, pending, this.now, sha256));
  }

  private late(request: number, usage: Usage): Happened {
    const reservation = this.reservations.get(`req_${request}`);
    if (!reservation || !acceptsLate(reservation, this.now)) return NOTHING;
    return this.end(request, usage, (expired) => settleLate(this.state, expired, reportOf(usage), this.now, sha256));
  }

  private grant(terms: Pick<GrantCommand, "amount" | "kind" | "priority">, lastsMs: number | null): Happened {
    const command: GrantCommand = {
      ...terms,
      id: `grt_${this.entries.length + 1}`,
      effectiveAt: this.now,
      expiresAt: lastsMs === null ? null : this.now + lastsMs,
      features: null,
      reason: "given",
    };
    return this.commit(addGrant(this.state, command, this.now, sha256).change);
  }

  private void(index: number): Happened {
    const grant = [...this.grants.values()][index % Math.max(1, this.grants.size)];
    return grant ? this.commit(voidGrant(this.state, grant, "taken back", this.now, sha256).change) : NOTHING;
  }

  private refund(index: number, share: number): Happened {
    const paid = [...this.reservations.values()].filter((reservation) => refundable(reservation) > 0);
    const reservation = paid[index % Math.max(1, paid.length)];
    if (!reservation) return NOTHING;
    const amount = Math.ceil((refundable(reservation) * share) / 100);
    this.refunds += 1;
    const wanted = { id: `rfd_${this.refunds}`, amount, at: this.now, reason: "given back" };
    const grantOf = (id: string): Grant | null => this.grants.get(id) ?? null;
    return this.commit(refund(this.state, reservation, wanted, grantOf, sha256).change);
  }

  private readonly rateOf: RateLookup = (_card, _version, model) =>
    this.offer.quotes.find((quote) => quote.model === model)?.rate ?? null;

  private commit(change: Change): Happened {
    for (const grant of change.grants) this.grants.set(grant.id, grant);
    for (const reservation of change.reservations) this.reservations.set(reservation.requestId, reservation);
    for (const entry of change.entries) {
      this.entries.push(entry);
      auditEntry(this.audit, entry, this.rateOf, sha256);
    }
    applyChange(this.state, change);
    return { kind: "changed", change };
  }
}
