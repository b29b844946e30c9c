import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import type { Env } from "../../src/env.ts";

/** All rows of a table, as text. */
export interface TableText {
  readonly name: string;
  readonly text: string;
}

const TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'";

/** What the test's D1 database holds. */
export async function rowsOfD1(): Promise<TableText[]> {
  const { DB } = env as Env;
  const { results } = await DB.prepare(TABLES).all<{ name: string }>();
  const read = async ({ name }: { name: string }) => {
    const rows = await DB.prepare(`SELECT * FROM "${name}"`).all();
    return { name, text: JSON.stringify(rows.results) };
  };
  return Promise.all(results.map(read));
}

/** What all accounts' objects hold. */
export async function rowsOfObjects(): Promise<TableText[]> {
  const { ACCOUNTS } = env as Env;
  const ids = await listDurableObjectIds(ACCOUNTS);
  const read = (id: DurableObjectId) =>
    runInDurableObject(ACCOUNTS.get(id), (_, { storage: { sql } }) => {
      const tables = sql.exec<{ name: string }>(TABLES).toArray();
      return tables.map(({ name }) => ({ name, text: JSON.stringify(sql.exec(`SELECT * FROM "${name}"`).toArray()) }));
    });
  return (await Promise.all(ids.map(read))).flat();
}
