import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { is } from "drizzle-orm";
import { getTableConfig, SQLiteTable } from "drizzle-orm/sqlite-core";
import * as alerts from "../src/alerts/schema.ts";
import * as catalog from "../src/catalog/schema.ts";
import * as ledger from "../src/ledger/schema.ts";
import * as payments from "../src/payments/schema.ts";

/*
 * Migrations are written by hand and the schemas that read their tables beside them. This applies the former to an
 * empty database and says where the latter see something else. Exits 1 if they do.
 */

/** What matters of a column to those who read it. */
interface Column {
  readonly type: string;
  readonly notNull: boolean;
}

interface Table {
  readonly columns: ReadonlyMap<string, Column>;
  readonly primaryKey: readonly string[];
}

type Schema = ReadonlyMap<string, Table>;

async function migratedSchema(directory: string): Promise<Schema> {
  const database = new DatabaseSync(":memory:");
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql")).sort();
  for (const name of names) database.exec(await readFile(join(directory, name), "utf8"));
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  const schema = new Map(tables.map(({ name }) => [String(name), migratedTable(database, String(name))]));
  database.close();
  return schema;
}

function migratedTable(database: DatabaseSync, table: string): Table {
  const rows = database.prepare('SELECT name, type, "notnull", pk FROM pragma_table_info(?)').all(table);
  const key = rows.filter(({ pk }) => Number(pk) > 0).sort((a, b) => Number(a.pk) - Number(b.pk));
  return {
    columns: new Map(
      // A primary key is never null, whether or not the migration says so.
      rows.map((row) => [String(row.name), { type: String(row.type), notNull: row.notnull === 1 || row.pk !== 0 }]),
    ),
    primaryKey: key.map(({ name }) => String(name)),
  };
}

function readSchema(...modules: object[]): Schema {
  const tables = modules.flatMap((module) => Object.values(module)).filter((value) => is(value, SQLiteTable));
  return new Map(tables.map((table) => [getTableConfig(table).name, readTable(table)]));
}

function readTable(table: SQLiteTable): Table {
  const { columns, primaryKeys } = getTableConfig(table);
  const single = columns.filter((column) => column.primary);
  return {
    columns: new Map(
      columns.map((column) => [column.name, { type: column.getSQLType().toUpperCase(), notNull: column.notNull }]),
    ),
    primaryKey: (primaryKeys[0]?.columns ?? single).map((column) => column.name),
  };
}

/** Where the schemas see something else than the migrations make, in words. */
function drift(made: Schema, seen: Schema): string[] {
  return [...new Set([...made.keys(), ...seen.keys()])].sort().flatMap((name) => {
    const madeTable = made.get(name);
    const seenTable = seen.get(name);
    if (!madeTable) return [`${name}: no migration makes this table`];
    if (!seenTable) return [`${name}: no schema describes this table`];
    return tableDrift(name, madeTable, seenTable);
  });
}

function tableDrift(name: string, made: Table, seen: Table): string[] {
  const words: string[] = [];
  for (const column of new Set([...made.columns.keys(), ...seen.columns.keys()])) {
    const madeAs = describe(made.columns.get(column));
    const seenAs = describe(seen.columns.get(column));
    if (madeAs !== seenAs) words.push(`${name}.${column}: migrations make ${madeAs}, the schema says ${seenAs}`);
  }
  const [madeKey, seenKey] = [made.primaryKey.join(", "), seen.primaryKey.join(", ")];
  if (madeKey !== seenKey) words.push(`${name}: primary key is (${madeKey}), the schema says (${seenKey})`);
  return words;
}

function describe(column: Column | undefined): string {
  return column ? `${column.type}${column.notNull ? " NOT NULL" : ""}` : "no such column";
}

const directory = fileURLToPath(new URL("../migrations", import.meta.url));
const differences = drift(await migratedSchema(directory), readSchema(catalog, ledger, payments, alerts));
for (const difference of differences) console.error(`migration drift: ${difference}`);
process.exitCode = differences.length === 0 ? 0 : 1;
