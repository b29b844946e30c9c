import type { DatabaseSync } from "node:sqlite";

/**
 * What SQLite reads for the statements that `work` prepares, one line for each step: `SEARCH` finds rows by an index,
 * `SCAN` reads a whole table.
 */
export async function plansOf(
  { db, sqlite }: { readonly db: D1Database; readonly sqlite: DatabaseSync },
  work: (db: D1Database) => Promise<unknown>,
): Promise<string[]> {
  const statements: string[] = [];
  const recording = new Proxy(db, {
    get(target, name) {
      if (name === "batch") return (batch: D1PreparedStatement[]) => target.batch(batch);
      return (sql: string) => {
        statements.push(sql);
        return target.prepare(sql);
      };
    },
  });
  await work(recording);
  return statements.flatMap((sql) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail)),
  );
}

/** The steps that read a table of the house from end to end. */
export function scansOf(plans: readonly string[]): string[] {
  return plans.filter((step) => step.startsWith("SCAN ") && !/VIRTUAL TABLE|CONSTANT ROW/.test(step));
}
