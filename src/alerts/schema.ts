import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

/* The tables of migrations/0007_alerts.sql. Instants are epoch ms. */

export const alerts = sqliteTable("alerts", {
  id: text().primaryKey(),
  accountId: text("account_id"),
  rule: text().notNull(),
  message: text().notNull(),
  data: text({ mode: "json" }).$type<Readonly<Record<string, string | number | null>>>().notNull(),
  at: integer().notNull(),
  acknowledgedAt: integer("acknowledged_at"),
});

export const alertSettings = sqliteTable("alert_settings", {
  scope: text().primaryKey(),
  document: text().notNull(),
  updatedAt: integer("updated_at").notNull(),
});

export const alertEndpoints = sqliteTable("alert_endpoints", {
  id: text().primaryKey(),
  accountId: text("account_id"),
  url: text().notNull(),
  rules: text({ mode: "json" }).$type<readonly string[]>(),
  secretVersion: integer("secret_version").notNull(),
  rotatedUntil: integer("rotated_until"),
  createdAt: integer("created_at").notNull(),
  disabledAt: integer("disabled_at"),
});

export const alertDeliveries = sqliteTable("alert_deliveries", {
  id: text().primaryKey(),
  alertId: text("alert_id").notNull(),
  endpointId: text("endpoint_id").notNull(),
  state: text().$type<"pending" | "delivered" | "failed">().notNull(),
  attempts: integer().notNull(),
  nextAt: integer("next_at").notNull(),
  claimedUntil: integer("claimed_until").notNull(),
  outcome: text(),
  endedAt: integer("ended_at"),
});

export const alertWatches = sqliteTable("alert_watches", {
  accountId: text("account_id").primaryKey(),
  seq: integer().notNull(),
  dueAt: integer("due_at"),
  version: integer().notNull(),
  state: text().notNull(),
});
