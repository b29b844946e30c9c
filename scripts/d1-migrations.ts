import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Miniflare } from "miniflare";
import { unstable_splitSqlQuery as splitSqlQuery } from "wrangler";

/** A D1 database as Miniflare hands it to Node. */
export type LocalD1 = Awaited<ReturnType<Miniflare["getD1Database"]>>;

/** Wrangler's own record of what was applied, so that `wrangler d1 migrations apply --local` agrees with us. */
const CREATE_RECORD = `CREATE TABLE IF NOT EXISTS "d1_migrations"(
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT UNIQUE,
  applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL
)`;

/**
 * Applies the migrations of `directory` that `database` does not have yet, in the order of their numbers. Each is one
 * transaction together with its record, so a crash leaves none half applied.
 *
 * @returns the names of those it applied
 */
export async function applyMigrations(database: LocalD1, directory: string): Promise<string[]> {
  await database.prepare(CREATE_RECORD).run();
  const { results } = await database.prepare('SELECT name FROM "d1_migrations"').all<{ name: string }>();
  const applied = new Set(results.map((row) => row.name));
  const pending = (await migrationNames(directory)).filter((name) => !applied.has(name));
  for (const name of pending) {
    const statements = splitSqlQuery(await readFile(join(directory, name), "utf8"));
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare('INSERT INTO "d1_migrations" (name) VALUES (?)').bind(name),
    ]);
  }
  return pending;
}

async function migrationNames(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(".sql"));
  return names.sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
}
