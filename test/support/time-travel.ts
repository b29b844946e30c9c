import { env } from "cloudflare:workers";
import type { Env } from "../../src/env.ts";

/** The rows of every table of the test's D1 database at one instant. */
export type Minute = ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>;

const TABLES = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
  AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name <> 'd1_migrations'`;

/** What D1 holds now, to come back to. */
export async function thisMinute(): Promise<Minute> {
  const { DB } = env as Env;
  const { results } = await DB.prepare(TABLES).all<{ name: string }>();
  const read = async ({ name }: { name: string }) => {
    const rows = await DB.prepare(`SELECT * FROM "${name}"`).all();
    return [name, rows.results] as const;
  };
  return new Map(await Promise.all(results.map(read)));
}

/** Takes the whole database back to `minute`, as Time Travel does: beneath its triggers, and the objects know nothing of it. */
export async function backTo(minute: Minute): Promise<void> {
  const { DB } = env as Env;
  const triggers = await DB.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").all<{
    name: string;
    sql: string;
  }>();
  const statements = triggers.results.map(({ name }) => `DROP TRIGGER "${name}"`).map((sql) => DB.prepare(sql));
  for (const [table, rows] of minute) {
    statements.push(DB.prepare(`DELETE FROM "${table}"`));
    for (const row of rows) {
      const names = Object.keys(row).map((name) => `"${name}"`);
      const insert = `INSERT INTO "${table}" (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`;
      statements.push(DB.prepare(insert).bind(...Object.values(row)));
    }
  }
  await DB.batch([...statements, ...triggers.results.map(({ sql }) => DB.prepare(sql))]);
}
