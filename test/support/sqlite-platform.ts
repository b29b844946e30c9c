import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import type { Platform, Sql } from "../../durable-objects/platform.ts";
import type { JobMessage } from "../../durable-objects/resource-commands.ts";
import type { LedgerMessage } from "../../src/core/ledger-message.ts";

/** The place of an account's object on Node's SQLite, under a clock that stands still until it is set. */
export class SqlitePlatform implements Platform {
  readonly database = new DatabaseSync(":memory:");
  readonly sql: Sql = new SqliteSql(this.database);
  /** Everything that was put on the queue. */
  readonly sent: LedgerMessage[] = [];
  /** Every poll that was asked for. */
  readonly polls: JobMessage[] = [];
  readonly reports: { readonly event: string; readonly detail: unknown }[] = [];
  at: number;
  alarmAt: number | null = null;

  constructor(at: number) {
    this.at = at;
  }

  transactionSync<T>(work: () => T): T {
    const alarmBefore = this.alarmAt;
    // A savepoint, because transactions may lie within one another.
    this.database.exec("SAVEPOINT work");
    try {
      const result = work();
      this.database.exec("RELEASE work");
      return result;
    } catch (error) {
      this.database.exec("ROLLBACK TO work; RELEASE work");
      this.alarmAt = alarmBefore;
      throw error;
    }
  }

  setAlarm(at: number): void {
    this.alarmAt = at;
  }

  /** What an account wanted to do soon; a test runs it, or does not. */
  readonly wanted: (() => Promise<void>)[] = [];

  soon(_: number, work: () => Promise<void>): void {
    this.wanted.push(work);
  }

  now = (): number => this.at;

  send = async (messages: readonly string[]): Promise<void> => {
    this.sent.push(...messages.map((text) => JSON.parse(text) as LedgerMessage));
  };

  poll = async (messages: readonly JobMessage[]): Promise<void> => {
    this.polls.push(...messages);
  };

  report = (event: string, detail: unknown): void => {
    this.reports.push({ event, detail });
  };
}

class SqliteSql implements Sql {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  exec<Row extends Record<string, SqlStorageValue>>(query: string, ...bindings: SqlStorageValue[]) {
    const before = this.#totalChanges();
    const rows = this.#run(query, bindings) as Row[];
    return { toArray: () => rows, rowsWritten: this.#totalChanges() - before };
  }

  #run(query: string, bindings: readonly SqlStorageValue[]): Record<string, unknown>[] {
    // Node prepares one statement at a time; only the steps of the schema are several.
    if (query.includes(";")) {
      this.#database.exec(query);
      return [];
    }
    return this.#database.prepare(query).all(...bindings.map(inputValue));
  }

  #totalChanges(): number {
    return Number(this.#database.prepare("SELECT total_changes() AS total").get()?.total);
  }
}

function inputValue(value: SqlStorageValue): SQLInputValue {
  return value instanceof ArrayBuffer ? new Uint8Array(value) : value;
}
