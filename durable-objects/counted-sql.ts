import type { Sql } from "./platform.ts";

/** The object's SQLite, with a count of what is written. */
export class CountedSql {
  readonly #sql: Sql;
  /** Rows written since the object was loaded, for measuring. */
  rowsWritten = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  all<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]): Row[] {
    return this.#sql.exec<Row>(query, ...bindings).toArray();
  }

  /** Returns how many rows were written, those of indexes included. */
  run(query: string, ...bindings: SqlStorageValue[]): number {
    const { rowsWritten } = this.#sql.exec(query, ...bindings);
    this.rowsWritten += rowsWritten;
    return rowsWritten;
  }
}
