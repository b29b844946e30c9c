import { integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/*
 * The tables of migrations/0001_catalog.sql. Documents are canonical JSON, so equal text is equal content.
 * Instants are epoch ms.
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
