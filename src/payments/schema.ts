import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/* The tables of migrations/0006_payments.sql. Credits are micro-credits, money is in the smallest unit of its currency. */

export const creditPacks = sqliteTable("credit_packs", {
  id: text().primaryKey(),
  document: text().notNull(),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
});

export const payments = sqliteTable("payments", {
  id: text().primaryKey(),
  accountId: text("account_id").notNull(),
  providerId: text("provider_id").notNull(),
  kind: text().$type<"checkout" | "top_up">().notNull(),
  packId: text("pack_id").notNull(),
  credits: integer().notNull(),
  amount: integer().notNull(),
  currency: text().notNull(),
  grantId: text("grant_id").notNull(),
  state: text().$type<"pending" | "paid" | "failed">().notNull(),
  refunded: integer().notNull().default(0),
  lost: integer().notNull().default(0),
  reclaimed: integer().notNull().default(0),
  shortfall: integer().notNull().default(0),
  createdAt: integer("created_at").notNull(),
  paidAt: integer("paid_at"),
});

export const disputes = sqliteTable("disputes", {
  id: text().primaryKey(),
  paymentId: text("payment_id").notNull(),
  accountId: text("account_id").notNull(),
  amount: integer().notNull(),
  state: text().$type<"inquiry" | "open" | "won" | "lost">().notNull(),
  createdAt: integer("created_at").notNull(),
  closedAt: integer("closed_at"),
});

export const parkedPayments = sqliteTable("parked_payments", {
  id: text().primaryKey(),
  paymentId: text("payment_id").notNull(),
  accountId: text("account_id"),
  reason: text().notNull(),
  event: text().notNull(),
  receivedAt: integer("received_at").notNull(),
  resolvedAt: integer("resolved_at"),
  resolution: text(),
});

export const autoTopUps = sqliteTable("auto_top_ups", {
  accountId: text("account_id").primaryKey(),
  enabled: integer({ mode: "boolean" }).notNull(),
  threshold: integer().notNull(),
  packId: text("pack_id").notNull(),
  monthlyCap: integer("monthly_cap").notNull(),
  cooldownMs: integer("cooldown_ms").notNull(),
  failures: integer().notNull(),
  suspendedWhy: text("suspended_why"),
  notBefore: integer("not_before").notNull(),
  notBeforeWhy: text("not_before_why"),
  updatedAt: integer("updated_at").notNull(),
});

export const paymentMethods = sqliteTable("payment_methods", {
  accountId: text("account_id").primaryKey(),
  customerId: text("customer_id").notNull(),
  methodId: text("method_id").notNull(),
  savedAt: integer("saved_at").notNull(),
});

export const topUps = sqliteTable("top_ups", {
  id: text().primaryKey(),
  accountId: text("account_id").notNull(),
  packId: text("pack_id").notNull(),
  credits: integer().notNull(),
  amount: integer().notNull(),
  currency: text().notNull(),
  state: text().$type<"begun" | "succeeded" | "failed">().notNull(),
  reason: text(),
  providerId: text("provider_id"),
  createdAt: integer("created_at").notNull(),
  endedAt: integer("ended_at"),
});
