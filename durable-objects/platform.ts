import type { JobMessage } from "./resource-commands.ts";

/** The part of the object's SQLite that is used. */
export interface Sql {
  exec<Row extends Record<string, SqlStorageValue>>(
    query: string,
    ...bindings: SqlStorageValue[]
  ): { toArray(): Row[]; readonly rowsWritten: number; readonly rowsRead?: number };
}

/** What an account needs of the place where it runs: workerd, or a simulation under a seeded clock. */
export interface Platform {
  readonly sql: Sql;
  /** Runs `work` as one transaction that rolls back as a whole, the alarm included, when it throws. */
  transactionSync<T>(work: () => T): T;
  setAlarm(at: number): void;
  /** Runs `work`, which never rejects, after `ms` in this instance. When that dies before, nobody runs it. */
  soon(ms: number, work: () => Promise<void>): void;
  /** Epoch ms. */
  now(): number;
  /** Puts messages on the ledger's queue: the texts of `packEntries`. */
  send(messages: readonly string[]): Promise<void>;
  /** Asks the gateway to look at jobs. */
  poll(messages: readonly JobMessage[]): Promise<void>;
  /** Tells an operator of something that should not happen. */
  report(event: string, detail: Readonly<Record<string, unknown>>): void;
}
