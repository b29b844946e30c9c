import * as z from "zod";
import { answer, pageOf } from "./answer.ts";
import { count, credits, instant } from "./fields.ts";
import { difference } from "./ledger.ts";

/** Checking, correcting and watching the ledger. */

const ledgerDifference = answer("LedgerDifference", z.strictObject({ account: z.string(), ...difference.shape }));

export const reconciliation = answer(
  "Reconciliation",
  z.strictObject({
    id: z.string(),
    account: z.string().nullable().describe("`null` when it was about all accounts."),
    checked: z.strictObject({ accounts: count, events: count }),
    pending: z
      .strictObject({ reservations: count, stale_reservations: count, outbox: count })
      .describe("What is on its way and therefore no difference."),
    differences: z.array(ledgerDifference).describe("The first of them."),
    difference_count: count.describe("Of an account of which very much differs the rest is not read."),
    unchecked: z
      .array(z.strictObject({ account: z.string(), reason: z.string() }))
      .describe("Accounts that could not be checked or frozen: the first of them."),
    unchecked_count: count,
    finished_at: instant,
  }),
);

/** A line of a reconciliation that tells its progress. */
export const reconciledAccount = answer(
  "ReconciledAccount",
  z.strictObject({ account: z.string(), differences: z.array(ledgerDifference) }),
);

export const rerating = answer(
  "Rerating",
  z.strictObject({
    dry_run: z.boolean(),
    charges: count,
    outdated: count.describe(
      "Of these, how many were left as they are, because the ledger does not have yet what was done to them before: " +
        "ask again in a moment.",
    ),
    difference: credits,
    corrected: z
      .array(z.strictObject({ account: z.string(), usage_event: z.string(), difference: credits }))
      .describe("The first of them."),
  }),
);

export const quarantined = answer(
  "QuarantinedMessage",
  z.strictObject({
    id: z.string(),
    account: z.string().nullable(),
    reason: z.string(),
    first_seen_at: instant,
    count: count.describe("How often it came."),
    redriven_at: instant.nullable(),
    body: z.string().describe("The message as JSON text."),
  }),
);
export const quarantine = pageOf("Quarantine", quarantined);
export const redriven = answer("Redriven", z.strictObject({ id: z.string(), redriven: z.literal(true) }));

export const pendingReservation = answer(
  "PendingReservation",
  z.strictObject({
    account: z.string(),
    request_id: z.string(),
    attempt: count,
    state: z.literal("pending"),
    feature: z.string(),
    model: z.string(),
    reserved: credits,
    seen: credits.nullable().describe("What it would be charged by what is known of it so far."),
    job: z.string().nullable().describe("The job that it has begun upstream."),
    reserved_at: instant,
    expires_at: instant,
    age_seconds: count,
    overdue: z.boolean().describe("Whether it is older than requests become."),
  }),
);
export const reservations = pageOf("PendingReservations", pendingReservation);

export const health = answer("Health", z.strictObject({ status: z.literal("ok") }));

export const pipelineHealth = answer(
  "PipelineHealth",
  z.strictObject({
    status: z.enum(["ok", "attention"]),
    ledger: z.strictObject({
      newest_entry_at: instant.nullable(),
      late_since: instant.nullable().describe("Since when an entry waits that should have arrived; `null`: none does."),
      quarantined: count,
    }),
    last_reconciliation: z
      .strictObject({
        id: z.string(),
        finished_at: instant,
        differences: count,
        outbox: count,
        stale_reservations: count,
      })
      .nullable(),
  }),
);

export const webhookReceived = answer(
  "WebhookReceived",
  z.strictObject({
    received: z.literal(true),
    acted: z.boolean().describe("Whether it was about a job of this gateway, and settled it."),
  }),
);

export const logEntry = answer(
  "AdminLogEntry",
  z
    .strictObject({
      id: z.string(),
      at: instant,
      actor: z.string().describe("Who did it, by the name that was given."),
      action: z.string().meta({ description: "Subject and verb.", examples: ["grant.void"] }),
      account: z.string().nullable(),
      target: z.string().nullable(),
      reason: z.string().nullable(),
      before: z.unknown(),
      after: z.unknown(),
      request_id: z.string(),
    })
    .describe("What an operator did, as it is kept for ever."),
);
export const adminLog = pageOf("AdminLog", logEntry);

const paid = answer(
  "BacktestPaid",
  z.strictObject({ charged: credits, allowances: credits, grants: credits, overshoot: credits }),
);

const comparison = {
  requests: count,
  before: paid,
  after: paid,
  difference: credits.describe("What the grants would have paid more."),
  denied_before: count,
  denied_after: count,
};

export const backtest = answer(
  "Backtest",
  z.strictObject({
    plan: z.string().nullable(),
    rate_card: z.string().nullable(),
    from: instant,
    to: instant,
    accounts: count,
    events: count,
    truncated: z.boolean().describe("Whether there was more usage than one answer runs again."),
    totals: z.strictObject({
      ...comparison,
      accounts_paying_more: count,
      accounts_paying_less: count,
      accounts_denied: count,
    }),
    data: z
      .array(
        z.strictObject({ account: z.string(), ...comparison, denied_after_by_reason: z.record(z.string(), count) }),
      )
      .describe("The largest differences first."),
  }),
);
