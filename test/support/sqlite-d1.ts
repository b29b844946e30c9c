import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";

/**
 * D1's interface over a database of `node:sqlite`, so that the real migrations and the real SQL run in plain Node.
 * Errors have the texts that D1 gives them. `rows_written` counts rows of tables, which is what D1 counts where there
 * are no indexes.
 */
export class SqliteD1 {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  prepare(sql: string): SqliteStatement {
    return new SqliteStatement(this.#database, sql);
  }

  async batch(statements: readonly SqliteStatement[]): Promise<D1Result<unknown>[]> {
    this.#database.exec("BEGIN");
    try {
      const results = statements.map((statement) => statement.execute());
      this.#database.exec("COMMIT");
      return results;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }

  async exec(sql: string): Promise<D1ExecResult> {
    this.#database.exec(sql);
    return { count: 1, duration: 0 };
  }
}

class SqliteStatement {
  readonly #database: DatabaseSync;
  readonly #sql: string;
  readonly #values: readonly SQLInputValue[];

  constructor(database: DatabaseSync, sql: string, values: readonly SQLInputValue[] = []) {
    this.#database = database;
    this.#sql = sql;
    this.#values = values;
  }

  bind(...values: unknown[]): SqliteStatement {
    return new SqliteStatement(this.#database, this.#sql, values.map(sqlValue));
  }

  execute(): D1Result<Record<string, unknown>> {
    const before = this.#totalChanges();
    const results = this.#guarded(() => {
      const statement = this.#database.prepare(this.#sql);
      return statement.all(...this.#values).map((row) => ({ ...row }));
    });
    const written = this.#totalChanges() - before;
    const meta = { duration: 0, size_after: 0, rows_read: 0, last_row_id: 0, served_by: "node:sqlite" };
    return {
      success: true,
      results,
      meta: { ...meta, rows_written: written, changes: written, changed_db: written > 0 },
    };
  }

  async all(): Promise<D1Result<Record<string, unknown>>> {
    return this.execute();
  }

  async run(): Promise<D1Result<Record<string, unknown>>> {
    return this.execute();
  }

  async first(column?: string): Promise<unknown> {
    const [row] = this.execute().results;
    if (!row) return null;
    return column === undefined ? row : row[column];
  }

  /** Rows as arrays: two columns of the same name stay two. */
  async raw(): Promise<unknown[]> {
    return this.#guarded(() => {
      const statement = this.#database.prepare(this.#sql);
      statement.setReturnArrays(true);
      return statement.all(...this.#values);
    });
  }

  #totalChanges(): number {
    return Number(this.#database.prepare("SELECT total_changes() AS total").get()?.total);
  }

  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw new Error(`D1_ERROR: ${error instanceof Error ? error.message : error}: ${codeOf(error)}`, {
        cause: error,
      });
    }
  }
}

const SQLITE_CONSTRAINT = 19;

function codeOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "errcode" in error ? Number(error.errcode) : 0;
  return (code & 0xff) === SQLITE_CONSTRAINT ? "SQLITE_CONSTRAINT (extended)" : "SQLITE_ERROR";
}

function sqlValue(value: unknown): SQLInputValue {
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value === null || typeof value === "string" || typeof value === "number") return value;
  throw new Error(`D1_TYPE_ERROR: Type '${typeof value}' not supported for value '${String(value)}'`);
}

/** A database in memory with all migrations applied, as D1 and as `node:sqlite` sees it. */
export function migratedD1(): { db: D1Database; sqlite: DatabaseSync } {
  const sqlite = new DatabaseSync(":memory:");
  const directory = join(import.meta.dirname, "../../migrations");
  for (const name of readdirSync(directory).sort()) {
    if (name.endsWith(".sql")) sqlite.exec(readFileSync(join(directory, name), "utf8"));
  }
  return { db: new SqliteD1(sqlite) as unknown as D1Database, sqlite };
}
