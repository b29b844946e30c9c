import * as z from "zod";
import {
  type BalanceUpdate,
  type BalanceUpdateKind,
  balanceUpdateId,
  type ChainedEntry,
  ENTRY_VERSION,
  monetizationId,
  USAGE_OUTCOMES,
  usageId,
} from "../core/event.ts";
import type { AllowanceUnit, GateUnit } from "../core/unit.ts";
import { incoherence } from "../core/usage.ts";

/** Text that SQLite gives back as it was stored: well-formed Unicode without NUL. */
export const storable = z
  .string()
  .min(1)
  .max(2_000)
  .refine((text) => text.isWellFormed() && !text.includes("\0"), "is not storable text");
const UNITS = [
  "credits",
  "requests",
  "tokens",
  "seconds",
  "input_tokens",
  "output_tokens",
  "concurrency",
] as const satisfies readonly (AllowanceUnit | GateUnit)[];

const amount = z.int().min(0);
const instant = z.int().min(0);
const ordinal = z.int().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const sourceAmount = z.looseObject({ kind: z.enum(["allowance", "grant"]), source: z.string(), amount });

// What is stored whole, as JSON, may carry fields that are not known here. What is split into columns may not: a field
// without a column would be lost, and the entry could never be rebuilt.
const usage = z
  .looseObject({
    inputTokens: amount,
    cachedInputTokens: amount,
    cacheWriteTokens: amount,
    outputTokens: amount,
    reasoningTokens: amount,
    seconds: amount,
    size: z.string().nullable(),
    calls: z.record(z.string(), amount),
    serviceTier: z.string().nullable(),
  })
  .superRefine((value, context) => {
    const why = incoherence(value);
    if (why) context.addIssue(why);
  });

const decision = z.looseObject({
  plan: z.looseObject({ id: z.string(), version: z.int() }),
  rateCard: z.looseObject({ id: z.string(), version: z.int() }),
  considered: z.array(
    z.looseObject({
      source: z.string(),
      kind: z.enum(["gate", "allowance", "grant"]),
      unit: z.enum(UNITS),
      available: z.int(),
      taken: amount,
    }),
  ),
  draws: z.array(sourceAmount),
  reservedAt: instant,
  reserved: amount,
  correction: z.looseObject({ of: z.string(), reason: z.string() }).optional(),
  denial: z
    .looseObject({
      reason: z.string(),
      limit: z.string().nullable(),
      resetsAt: instant.nullable(),
      needed: amount,
      available: amount,
      count: ordinal,
    })
    .optional(),
});

const usageEvent = z.strictObject({
  id: storable,
  requestId: storable,
  // 0 is a refused request, which was never attempted.
  attempt: z.int().min(0),
  keyId: storable,
  feature: storable,
  model: storable,
  outcome: z.enum(USAGE_OUTCOMES),
  estimated: z.boolean(),
  usage,
  decision,
});

const monetizationEvent = z.strictObject({
  id: storable,
  usageId: storable,
  cardId: storable,
  cardVersion: ordinal,
  model: storable,
  amount,
});

const grantTerms = z.looseObject({
  kind: z.string(),
  priority: z.int(),
  effectiveAt: z.int(),
  expiresAt: z.int().nullable(),
  features: z.array(z.string()).nullable(),
  reason: z.string(),
});

const reason = z.looseObject({ reason: z.string() });

/** For each kind: the sign of its change, and whether it names a source. */
const KINDS: Readonly<Record<BalanceUpdateKind, { readonly sign: 1 | -1 | 0; readonly source: boolean }>> = {
  allowance: { sign: 0, source: true },
  debit: { sign: -1, source: true },
  none: { sign: 0, source: false },
  grant: { sign: 1, source: true },
  expiry: { sign: -1, source: true },
  void: { sign: -1, source: true },
  refund: { sign: 1, source: true },
  overshoot: { sign: -1, source: false },
  overshoot_refund: { sign: 1, source: false },
  carry_over: { sign: 0, source: false },
};

const balanceUpdate = z
  .strictObject({
    id: storable,
    draw: z.int().min(0),
    kind: z.enum(Object.keys(KINDS) as [BalanceUpdateKind, ...BalanceUpdateKind[]]),
    source: storable.nullable(),
    amount,
    delta: z.int(),
    balanceAfter: amount,
    cause: storable,
    detail: z.union([grantTerms, reason]).nullable(),
  })
  .superRefine((update, context) => {
    const why = incoherentUpdate(update);
    if (why) context.addIssue(why);
  });

/** An entry as it comes out of a queue message, and whether its parts fit one another; its hash is not looked at. */
export const entrySchema = z
  .strictObject({
    v: z.literal(ENTRY_VERSION),
    accountId: storable,
    epoch: ordinal,
    seq: ordinal,
    at: instant,
    usage: usageEvent.nullable(),
    monetization: monetizationEvent.nullable(),
    updates: z.array(balanceUpdate).min(1),
    prev: digest,
    hash: digest,
  })
  .superRefine((entry, context) => {
    const why = incoherentEvents(entry) ?? incoherentUpdates(entry);
    if (why) context.addIssue(why);
  });

function incoherentUpdate({ kind, source, amount, delta, detail }: BalanceUpdate): string | null {
  const rule = KINDS[kind];
  // `sign * 0` may be -0, which is equal to 0.
  if (delta !== rule.sign * amount) return `delta ${delta} does not fit ${kind} of ${amount}`;
  if (kind !== "carry_over" && (kind === "none") !== (amount === 0)) return `amount ${amount} does not fit ${kind}`;
  if ((source !== null) !== rule.source) return `source does not fit ${kind}`;
  return detailFits(kind, detail) ? null : `detail does not fit ${kind}`;
}

/** A grant carries its terms; what a person took away or gave back may carry the reason. */
function detailFits(kind: BalanceUpdateKind, detail: BalanceUpdate["detail"]): boolean {
  if (kind === "grant") return grantTerms.safeParse(detail).success;
  return detail === null || (WITH_REASON.has(kind) && !("priority" in detail));
}

/** What a person did; a void of what requests hold altogether takes nothing yet, and is written as `none`. */
const WITH_REASON: ReadonlySet<BalanceUpdateKind> = new Set(["void", "refund", "none", "carry_over"]);

function incoherentEvents({ usage, monetization }: ChainedEntry): string | null {
  if (usage && (usage.outcome === "denied") !== (usage.decision.denial !== undefined)) {
    return `outcome ${usage.outcome} does not fit its decision`;
  }
  if (usage && (usage.outcome === "denied") !== (usage.attempt === 0)) {
    return `attempt ${usage.attempt} does not fit ${usage.outcome}`;
  }
  if (usage) {
    const id = usageId(usage.requestId, usage.attempt);
    if (usage.id !== id && !usage.id.startsWith(`${id}~`)) return `id ${usage.id} is not derived from its request`;
  }
  if (monetization && monetization.usageId !== usage?.id) return `${monetization.id} has no usage event`;
  if (monetization && monetization.id !== monetizationId(monetization.usageId)) {
    return `id ${monetization.id} is not derived from its usage event`;
  }
  return null;
}

function incoherentUpdates({ accountId, epoch, seq, updates }: ChainedEntry): string | null {
  let balance: number | null = null;
  for (const [draw, update] of updates.entries()) {
    if (update.draw !== draw) return `update ${draw} says it is number ${update.draw}`;
    if (update.id !== balanceUpdateId(accountId, epoch, seq, draw))
      return `id ${update.id} is not derived from its place`;
    if (balance !== null && update.balanceAfter !== balance + update.delta) {
      return `balance after ${update.id} does not follow from the update before`;
    }
    balance = update.balanceAfter;
  }
  return null;
}
