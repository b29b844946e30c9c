import { customType, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";
import type { BalanceUpdateKind, GrantTerms, Reason, UsageEvent, UsageOutcome } from "../core/event.ts";
import type { Usage } from "../core/usage.ts";
import { packDecision, unpackDecision } from "./packed-decision.ts";

/*
 * The ledger's tables as they are read. The migrations are written by hand, because STRICT, WITHOUT ROWID and triggers
 * cannot be said here; `scripts/check-migrations.ts` fails when the two drift apart.
 */

const decisionText = customType<{ data: UsageEvent["decision"]; driverData: string }>({
  dataType: () => "text",
  toDriver: packDecision,
  fromDriver: unpackDecision,
});

/** What happened: one row per usage event. */
export const usageEvents = sqliteTable(
  "usage_events",
  {
    accountId: text("account_id").notNull(),
    id: text("id").notNull(),
    epoch: integer("epoch").notNull(),
    seq: integer("seq").notNull(),
    at: integer("at").notNull(),
    requestId: text("request_id").notNull(),
    attempt: integer("attempt").notNull(),
    keyId: text("key_id").notNull(),
    feature: text("feature").notNull(),
    model: text("model").notNull(),
    outcome: text("outcome").$type<UsageOutcome>().notNull(),
    estimated: integer("estimated", { mode: "boolean" }).notNull(),
    usage: text("usage", { mode: "json" }).$type<Usage>().notNull(),
    decision: decisionText("decision").notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.id] })],
);

/** What is charged for a usage event. */
export const monetizationEvents = sqliteTable(
  "monetization_events",
  {
    accountId: text("account_id").notNull(),
    id: text("id").notNull(),
    usageId: text("usage_id").notNull(),
    epoch: integer("epoch").notNull(),
    seq: integer("seq").notNull(),
    at: integer("at").notNull(),
    cardId: text("card_id").notNull(),
    cardVersion: integer("card_version").notNull(),
    model: text("model").notNull(),
    amount: integer("amount").notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.id] })],
);

/** What changed and why. The rows of one `(epoch, seq)` are one entry; they repeat its hash and its events' ids. */
export const balanceUpdates = sqliteTable(
  "balance_updates",
  {
    accountId: text("account_id").notNull(),
    epoch: integer("epoch").notNull(),
    seq: integer("seq").notNull(),
    draw: integer("draw").notNull(),
    id: text("id").notNull(),
    v: integer("v").notNull(),
    at: integer("at").notNull(),
    kind: text("kind").$type<BalanceUpdateKind>().notNull(),
    source: text("source"),
    amount: integer("amount").notNull(),
    delta: integer("delta").notNull(),
    balanceAfter: integer("balance_after").notNull(),
    cause: text("cause").notNull(),
    detail: text("detail", { mode: "json" }).$type<GrantTerms | Reason>(),
    usageId: text("usage_id"),
    monetizationId: text("monetization_id"),
    prev: text("prev").notNull(),
    hash: text("hash").notNull(),
    /** 1 where who wrote the row has moved the balance itself, `null` where the trigger did. */
    summed: integer("summed"),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.epoch, table.seq, table.draw] })],
);

/** The sum of an account's balance updates, moved in the transaction that inserts them. */
export const balances = sqliteTable("balances", {
  accountId: text("account_id").primaryKey(),
  balance: integer("balance").notNull(),
  entries: integer("entries").notNull(),
  maxSeq: integer("max_seq").notNull(),
  updatedAt: integer("updated_at").notNull(),
});

/** What could not be written, with the reason; `count` says how often it came. */
export const quarantine = sqliteTable("quarantine", {
  id: text("id").primaryKey(),
  accountId: text("account_id"),
  reason: text("reason").notNull(),
  body: text("body").notNull(),
  firstSeenAt: integer("first_seen_at").notNull(),
  count: integer("count").notNull(),
  redrivenAt: integer("redriven_at"),
});

/** Finished reconciliations. Their ids sort by time. */
export const reconciliations = sqliteTable("reconciliations", {
  id: text("id").primaryKey(),
  accountId: text("account_id"),
  result: text("result").notNull(),
  finishedAt: integer("finished_at").notNull(),
});

/** Up to where an account's ledger was audited without a difference, so that the next audit goes on from there. */
export const audited = sqliteTable("audited", {
  accountId: text("account_id").primaryKey(),
  epoch: integer("epoch").notNull(),
  seq: integer("seq").notNull(),
  head: text("head").notNull(),
  balance: integer("balance").notNull(),
  grants: text("grants", { mode: "json" }).$type<[id: string, left: number][]>().notNull(),
  at: integer("at").notNull(),
});

/** Where the sweep over all accounts stands. */
export const sweeps = sqliteTable("sweeps", {
  id: integer("id").primaryKey(),
  cursor: text("cursor").notNull(),
  lateSince: integer("late_since"),
  lastLateSince: integer("last_late_since"),
});
