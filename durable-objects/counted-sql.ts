import type { Sql } from "./platform.ts";

/** The object's SQLite, with a count of what is read and written. */
export class CountedSql {
  readonly #sql: Sql;
  /** Rows written and read since the object was loaded, for measuring. */
  rowsWritten = 0;
  rowsRead = 0;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  all<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]): Row[] {
    const cursor = this.#sql.exec<Row>(query, ...bindings);
    const rows = cursor.toArray();
    this.rowsRead += cursor.rowsRead ?? 0;
    return rows;
  }

  /** Returns how many rows were written, those of indexes included. */
  run(query: string, ...bindings: SqlStorageValue[]): number {
    const { rowsWritten, rowsRead } = this.#sql.exec(query, ...bindings);
    this.rowsWritten += rowsWritten;
    this.rowsRead += rowsRead ?? 0;
    return rowsWritten;
  }
}
