import { DatabaseSync, type StatementSync } from "node:sqlite";

/** A failure that the simulation brought about; anything else that is thrown is a bug. */
export class Injected extends Error {
  override readonly name = "Injected";
}

type Stored = Record<string, string | number | null>;

/** A storage as it was at some moment. */
export interface StorageCopy {
  readonly tables: readonly { readonly table: string; readonly rows: readonly Stored[] }[];
  readonly alarmAt: number | null;
}

/** The storage of one object: it outlives every instance. SQLite in memory, and the alarm. */
export class ObjectStorage {
  alarmAt: number | null = null;
  /** Rows written so far. */
  written = 0;
  readonly #database = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  /** Called before each write of a command; may throw. */
  beforeWrite: (() => void) | null = null;

  exec<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]) {
    if (/^\s*CREATE/.test(query)) {
      this.#database.exec(query);
      return answer<Row>([], 0);
    }
    const statement = this.#prepare(query);
    const values = bindings as (string | number | null)[];
    if (/^\s*SELECT/.test(query)) return answer(statement.all(...values) as Row[], 0);
    this.beforeWrite?.();
    const rows = Number(statement.run(...values).changes);
    this.written += rows;
    return answer<Row>([], rows);
  }

  /** Rolls back as a whole, the alarm included. */
  transaction<T>(work: () => T): T {
    const { alarmAt } = this;
    this.#prepare("BEGIN").run();
    try {
      const result = work();
      this.#prepare("COMMIT").run();
      return result;
    } catch (error) {
      this.#prepare("ROLLBACK").run();
      this.alarmAt = alarmAt;
      throw error;
    }
  }

  all<Row>(query: string, ...values: (string | number)[]): Row[] {
    return this.#prepare(query).all(...values) as Row[];
  }

  /** All that is stored now. */
  copy(): StorageCopy {
    const tables = this.all<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'");
    const rows = tables.map(({ name }) => ({ table: name, rows: this.all<Stored>(`SELECT * FROM ${name}`) }));
    return { tables: rows, alarmAt: this.alarmAt };
  }

  /** Goes back to what was stored then. */
  putBack({ tables, alarmAt }: StorageCopy): void {
    for (const { table, rows } of tables) {
      this.#prepare(`DELETE FROM ${table}`).run();
      for (const row of rows) {
        const names = Object.keys(row);
        this.#prepare(`INSERT INTO ${table} (${names}) VALUES (${names.map(() => "?")})`).run(...Object.values(row));
      }
    }
    this.alarmAt = alarmAt;
    this.written += 1;
  }

  /** Everything is gone. */
  lose(): void {
    for (const { table } of this.copy().tables) this.#database.exec(`DROP TABLE ${table}`);
    this.#statements.clear();
    this.alarmAt = null;
    this.written += 1;
  }

  close(): void {
    this.#database.close();
  }

  #prepare(query: string): StatementSync {
    let statement = this.#statements.get(query);
    if (!statement) {
      statement = this.#database.prepare(query);
      this.#statements.set(query, statement);
    }
    return statement;
  }
}

function answer<Row>(rows: Row[], rowsWritten: number): { toArray(): Row[]; readonly rowsWritten: number } {
  return { toArray: () => rows, rowsWritten };
}
