import * as z from "zod";
import { answer, pageFields, pageOf } from "./answer.ts";
import { count, credits, features, instant, outcome, usage, version } from "./fields.ts";

/** The three datasets of an account, its totals and its proof. */

export const usageEvent = answer(
  "UsageEvent",
  z
    .strictObject({
      id: z.string(),
      seq: count,
      at: instant,
      request_id: z.string(),
      attempt: count,
      key_id: z.string(),
      feature: z.string(),
      model: z.string(),
      outcome,
      estimated: z.boolean(),
      usage,
      reserved: credits,
      charge: credits.nullable().describe("What it was charged, whoever pays it; null where nothing was."),
    })
    .describe("What happened: one for each attempt of a request, charged or not."),
);

export const monetizationEvent = answer(
  "MonetizationEvent",
  z
    .strictObject({
      id: z.string(),
      seq: count,
      at: instant,
      usage_event: z.string(),
      rate_card: version,
      model: z.string(),
      amount: credits.describe("The whole charge, whoever pays it."),
    })
    .describe("What is charged for a usage event, and at which rate."),
);

const BALANCE_KINDS = [
  "allowance",
  "debit",
  "none",
  "grant",
  "expiry",
  "void",
  "refund",
  "overshoot",
  "overshoot_refund",
  "carry_over",
] as const;

const balanceKind = answer("BalanceUpdateKind", z.enum(BALANCE_KINDS));

export const balanceUpdate = answer(
  "BalanceUpdate",
  z
    .strictObject({
      id: z.string(),
      seq: count,
      draw: count.describe("Its place within the entry."),
      at: instant,
      kind: balanceKind,
      source: z.string().nullable().describe("The allowance or grant concerned."),
      amount: credits,
      delta: credits.describe("The signed change of the balance; included use moves nothing."),
      balance_after: credits,
      cause: z.string(),
      usage_event: z.string().nullable(),
      monetization_event: z.string().nullable(),
      request_id: z.string().nullable().describe("The request that was made, or that is given back."),
      grant: z
        .strictObject({
          kind: z.string(),
          priority: count,
          effective_at: instant,
          expires_at: instant.nullable(),
          features,
          reason: z.string(),
        })
        .nullable()
        .describe("The terms of a new grant."),
      reason: z.string().nullable(),
      hash: z.string().describe("The hash of its entry in the account's chain."),
    })
    .describe("What changed on the balance of credits, and why."),
);

export const usageEvents = pageOf("UsageEvents", usageEvent);
export const monetizationEvents = pageOf("MonetizationEvents", monetizationEvent);
export const balanceUpdates = pageOf("BalanceUpdates", balanceUpdate);

/** The caller's own ledger also says how far it reaches. */
export const ledger = answer(
  "Ledger",
  z.strictObject({ ...pageFields(balanceUpdate), as_of_seq: count.nullable().describe("The newest entry shown.") }),
);

export const usageTotal = answer(
  "UsageTotal",
  z
    .strictObject({
      day: z.iso.date().nullable().describe("The day in UTC."),
      feature: z.string().nullable(),
      model: z.string().nullable(),
      requests: count.describe("Requests that were let through, whatever became of them."),
      denied: count.describe("Requests that were refused."),
      input_tokens: count,
      cached_input_tokens: count,
      output_tokens: count,
      reasoning_tokens: count,
      seconds: count,
      charge: credits,
      refunded: credits.describe(
        "What of these charges was given back: overshoot at once, more by refunds and corrections, whenever that was.",
      ),
      net_charge: credits.describe(
        "`charge` less `refunded`. What a late end added is charged on its own day, and refunded on that of its request.",
      ),
    })
    .describe("What was used and charged within one group; `null` for what it is not grouped by."),
);

export const usageTotals = pageOf("UsageTotals", usageTotal);

export const kindTotal = answer("KindTotal", z.strictObject({ kind: balanceKind, count, amount: credits }));
export const kindTotals = pageOf("KindTotals", kindTotal);

export const dayTotal = answer(
  "DayTotal",
  z
    .strictObject({ day: z.iso.date(), totals: z.array(kindTotal) })
    .describe("The totals of one day in UTC. Kinds of which there was nothing are left out."),
);
export const dayTotals = pageOf("DayTotals", dayTotal);

export const restoredLedger = answer(
  "RestoredLedger",
  z.strictObject({
    account: z.string(),
    present: count.describe("Entries that were there already."),
    restored: count.describe("Entries that were put back."),
  }),
);

export const difference = answer(
  "Difference",
  z
    .strictObject({
      rule: z.enum(["gap", "chain", "price", "orphan", "sum", "balance", "grant"]),
      seq: count.describe("The first entry concerned; 0 when none is."),
      subject: z.string(),
      expected: z.string(),
      found: z.string(),
    })
    .describe("One thing that does not add up, at the first place where it shows."),
);

export const proof = answer(
  "LedgerProof",
  z.strictObject({
    account: z.string(),
    epoch: count,
    as_of_seq: count,
    head: z.string(),
    genesis: z.string(),
    entries: count,
    verified: z.boolean(),
    balance: credits,
    grants: z.record(z.string(), credits).describe("What is left of each grant that has something left."),
    first_difference: difference.nullable(),
    pending: count.describe("Entries that are not in the ledger yet."),
    checked_at: instant,
  }),
);
