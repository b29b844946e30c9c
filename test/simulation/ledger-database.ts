import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { SqliteD1 } from "../support/sqlite-d1.ts";
import type { Invocation } from "./invocation.ts";
import type { World } from "./world.ts";

const DIRECTORY = join(import.meta.dirname, "../../migrations");
const SCHEMA = readdirSync(DIRECTORY)
  .filter((name) => name.endsWith(".sql"))
  .sort()
  .map((name) => readFileSync(join(DIRECTORY, name), "utf8"));

/** A database that prepares each statement once. */
class PreparedDatabase extends DatabaseSync {
  readonly #statements = new Map<string, StatementSync>();

  override prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = super.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** The ledger's D1: the real schema and SQL, with minutes in which it does not answer. */
export class LedgerDatabase {
  readonly db: D1Database;
  readonly sqlite: DatabaseSync = new PreparedDatabase(":memory:");
  readonly #world: World;
  #downUntil = 0;

  constructor(world: World) {
    this.#world = world;
    for (const migration of SCHEMA) this.sqlite.exec(migration);
    this.db = new SqliteD1(this.sqlite) as unknown as D1Database;
  }

  get down(): boolean {
    return this.#world.now < this.#downUntil;
  }

  failFor(ms: number): void {
    this.#downUntil = Math.max(this.#downUntil, this.#world.now + ms);
  }

  recover(): void {
    this.#downUntil = 0;
  }

  all<Row>(query: string, ...values: (string | number)[]): Row[] {
    return this.sqlite.prepare(query).all(...values) as Row[];
  }

  rowsWritten(): number {
    return Number(this.sqlite.prepare("SELECT total_changes() AS n").get()?.n);
  }
}

/** D1 as one invocation sees it; `dies` ends the invocation. */
export function faultyD1(invocation: Invocation, database: LedgerDatabase, dies: () => void): D1Database {
  const { world } = invocation;
  const { faults, random } = world;
  const never = new Promise<never>(() => {});
  const batch = async (statements: D1PreparedStatement[]): Promise<D1Result[]> => {
    await invocation.sleep(random.int(1, 60));
    if (database.down)
      throw new Error(random.pick(["D1_ERROR: D1 DB is overloaded.", "D1_ERROR: Network connection lost."]));
    if (faults.strikes("D1 fails before the commit")) throw new Error("D1_ERROR: Network connection lost.");
    if (faults.strikes("consumer dies before the commit")) {
      dies();
      return never;
    }
    const results = await database.db.batch(statements);
    if (faults.strikes("D1 commits and reports an error")) {
      world.reach("D1 committed and reported an error");
      throw new Error("D1_ERROR: storage caused object to be reset");
    }
    if (faults.strikes("consumer dies between commit and confirmation")) {
      world.reach("consumer died between commit and confirmation");
      dies();
      return never;
    }
    await invocation.sleep(random.int(1, 20));
    return results;
  };
  return { prepare: (sql: string) => database.db.prepare(sql), batch } as unknown as D1Database;
}
