import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/*
 * The tables of migrations/0001_catalog.sql and 0003_upstreams.sql. Documents are canonical JSON, so equal text is equal
 * content. Instants are epoch ms.
 */

export const plans = sqliteTable(
  "plans",
  {
    id: text().notNull(),
    version: integer().notNull(),
    document: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.id, table.version] })],
);

export const rateCards = sqliteTable(
  "rate_cards",
  {
    id: text().notNull(),
    version: integer().notNull(),
    effectiveAt: integer("effective_at").notNull(),
    document: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.id, table.version] })],
);

export const accounts = sqliteTable("accounts", {
  id: text().primaryKey(),
  name: text(),
  createdAt: integer("created_at").notNull(),
});

export const upstreams = sqliteTable("upstreams", {
  id: text().primaryKey(),
  document: text().notNull(),
  createdAt: integer("created_at").notNull(),
  updatedAt: integer("updated_at").notNull(),
});

/* migrations/0004_jobs.sql */

export const jobs = sqliteTable("jobs", {
  id: text().primaryKey(),
  accountId: text("account_id").notNull(),
  createdAt: integer("created_at").notNull(),
});

export const webhookEvents = sqliteTable("webhook_events", {
  id: text().primaryKey(),
  receivedAt: integer("received_at").notNull(),
});

/* migrations/0005_job_intents.sql */

export const jobIntents = sqliteTable("job_intents", {
  requestId: text("request_id").primaryKey(),
  attempt: integer().notNull(),
  accountId: text("account_id").notNull(),
  upstreams: text().notNull(),
  model: text().notNull(),
  promptHash: text("prompt_hash").notNull(),
  terms: text().notNull(),
  createdAt: integer("created_at").notNull(),
});

/* migrations/0008_admin_log.sql */

export const adminLog = sqliteTable("admin_log", {
  id: text().primaryKey(),
  at: integer().notNull(),
  actor: text().notNull(),
  action: text().notNull(),
  accountId: text("account_id"),
  target: text(),
  reason: text(),
  before: text(),
  after: text(),
  requestId: text("request_id").notNull(),
});
