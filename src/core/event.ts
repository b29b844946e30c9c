import type { MicroCredits } from "./amount.ts";
import type { Considered, SourceAmount } from "./draw.ts";
import type { Usage } from "./usage.ts";

/** How a request ended. Each ending has a defined charge. */
export const USAGE_OUTCOMES = [
  "completed",
  "incomplete",
  "failed",
  "cut",
  "client_gone",
  "rejected",
  "upstream_error",
  "abandoned",
  "expired",
  "late",
  // Refused; one event stands for all refusals of a minute with the same reason and key.
  "denied",
  // Priced again after a wrong price; the second event of its request.
  "corrected",
] as const;

export type UsageOutcome = (typeof USAGE_OUTCOMES)[number];

/** What happened: one per attempt of a request, charged or not. */
export interface UsageEvent {
  readonly id: string;
  readonly requestId: string;
  readonly attempt: number;
  readonly keyId: string;
  readonly feature: string;
  readonly model: string;
  readonly outcome: UsageOutcome;
  /** Whether the quantities were counted by the gateway because upstream reported none that can be trusted. */
  readonly estimated: boolean;
  readonly usage: Usage;
  /** Why it was allowed, and from where it was to be paid; for a denial, why it was refused. */
  readonly decision: {
    readonly plan: { readonly id: string; readonly version: number };
    readonly rateCard: { readonly id: string; readonly version: number };
    readonly considered: readonly Considered[];
    readonly draws: readonly SourceAmount[];
    readonly reservedAt: number;
    readonly reserved: MicroCredits;
    /** Only of denials: why, and how many requests this event stands for. */
    readonly denial?: FoldedDenial | undefined;
    /** Only of corrections, and of what came late at a corrected price: which event was priced again, and why. */
    readonly correction?: { readonly of: string; readonly reason: string } | undefined;
  };
}

export interface FoldedDenial {
  readonly reason: string;
  readonly limit: string | null;
  readonly resetsAt: number | null;
  readonly needed: MicroCredits;
  readonly available: MicroCredits;
  readonly count: number;
}

/** What is charged for a usage event, and at which rate. */
export interface MonetizationEvent {
  readonly id: string;
  readonly usageId: string;
  readonly cardId: string;
  readonly cardVersion: number;
  readonly model: string;
  /** The whole charge, whoever pays it: allowances, grants, or nobody (overshoot). */
  readonly amount: MicroCredits;
}

export type BalanceUpdateKind =
  /** Included use: the balance does not move (`delta` 0), `amount` says how much the allowance paid. */
  | "allowance"
  /** A part of a charge paid by a grant. */
  | "debit"
  /** Nothing was charged; keeps the sequence complete. */
  | "none"
  /** A new grant. */
  | "grant"
  /** What was left of a grant when it expired. */
  | "expiry"
  /** What was left of a grant when an operator voided it. */
  | "void"
  /** Credits of a charge that an operator gave back to the grant that had paid. */
  | "refund"
  /** A part of a charge that nothing covered … */
  | "overshoot"
  /** … and its refund, in the same entry. */
  | "overshoot_refund"
  /** A further epoch begins with the balance that the one before ended with: `amount` says how much. Nothing moves. */
  | "carry_over";

/** What changed on the account's balance of credits, and why. */
export interface BalanceUpdate {
  readonly id: string;
  /** Position within its entry, from 0. */
  readonly draw: number;
  readonly kind: BalanceUpdateKind;
  /** The allowance or grant concerned; `null` where there is none. */
  readonly source: string | null;
  readonly amount: MicroCredits;
  /** The signed change of the balance. */
  readonly delta: MicroCredits;
  readonly balanceAfter: MicroCredits;
  /** The event that caused it: a monetization or usage event, or a grant. */
  readonly cause: string;
  /** Terms of a grant on its `grant` row, so that the ledger alone can rebuild it; the reason of what a person did. */
  readonly detail: GrantTerms | Reason | null;
}

export interface Reason {
  readonly reason: string;
  /** How much of the grant is taken back in all, where that is why something was taken; absent where it was voided. */
  readonly reclaimed?: MicroCredits;
}

/** The immutable part of a grant, as it stands in the ledger. */
export interface GrantTerms {
  readonly kind: string;
  readonly priority: number;
  readonly effectiveAt: number;
  readonly expiresAt: number | null;
  readonly features: readonly string[] | null;
  readonly reason: string;
}

export const ENTRY_VERSION = 1;

/** One step of an account's history: what happened, what is charged for it, and what it changed. */
export interface Entry {
  readonly v: typeof ENTRY_VERSION;
  readonly accountId: string;
  /** Rises when an object's storage was restored or lost, so that no place in the history is ever used twice. */
  readonly epoch: number;
  /** 1, 2, 3 … without gaps; a further epoch goes on where the ledger of the one before ends. */
  readonly seq: number;
  readonly at: number;
  readonly usage: UsageEvent | null;
  readonly monetization: MonetizationEvent | null;
  /** At least one, so that a missing entry shows as a gap. */
  readonly updates: readonly BalanceUpdate[];
}

/** An entry with its place in the account's hash chain. */
export interface ChainedEntry extends Entry {
  readonly prev: string;
  readonly hash: string;
}

/** A synchronous SHA-256 of UTF-8 text as lower-case hex; given from outside, because the core imports nothing. */
export type Sha256 = (text: string) => string;

/** The epoch in which every account begins. */
export const FIRST_EPOCH = 1;

/** The `prev` of an account's first entry. */
export function genesis(sha256: Sha256, accountId: string, epoch: number): string {
  return sha256(canonical({ accountId, epoch, genesis: true }));
}

/** Links `entry` to the entry before it. The hash covers every field of the entry as it was written. */
export function chain(sha256: Sha256, entry: Entry, prev: string): ChainedEntry {
  return { ...entry, prev, hash: sha256(prev + canonical(entry)) };
}

/**
 * JSON with sorted keys: the same value always gives the same text. Fields that are undefined are left out. Written for
 * speed, since every entry passes through it twice.
 */
export function canonical(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (Number.isSafeInteger(value)) return `${value}`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return canonicalList(value);
  const fields = value as Record<string, unknown>;
  let text = "";
  for (const key of Object.keys(fields).sort()) {
    const field = fields[key];
    if (field === undefined) continue;
    text += `${text === "" ? "" : ","}${quoted(key)}:${canonical(field)}`;
  }
  return `{${text}}`;
}

/** Printable ASCII without a quote or a backslash: what JSON leaves as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

function canonicalList(values: readonly unknown[]): string {
  let text = "";
  for (const value of values) text += `${text === "" ? "" : ","}${canonical(value)}`;
  return `[${text}]`;
}

/** `use_`/`mon_` ids share the tail `<request>.<attempt>`; none contains a price, an instant or a batch. */
export function usageId(requestId: string, attempt: number): string {
  return `use_${requestId.replace(/^req_/, "")}.${attempt}`;
}

export function monetizationId(usage: string): string {
  return usage.replace(/^use_/, "mon_");
}

/** The request of a usage or monetization event. */
export function requestIdOf(eventId: string): string {
  return `req_${eventId.replace(/^(?:use|mon)_/, "").split(".")[0]}`;
}

export function balanceUpdateId(accountId: string, epoch: number, seq: number, draw: number): string {
  return `bal_${accountId.replace(/^acct_/, "")}.${epoch}.${seq}.${draw}`;
}
