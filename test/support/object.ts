import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { AccountClient } from "../../durable-objects/client.ts";
import type { Caller, HeldRequest, ReserveRequest } from "../../durable-objects/commands.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import type { ReserveCommand } from "../../src/core/reserve.ts";
import type { Env } from "../../src/env.ts";
import { readApiKey } from "../../src/http/api-key.ts";
import { mintRequestId } from "../../src/http/request-id.ts";
import { commandOf } from "./core-fixtures.ts";
import { stubOf, type TestAccount } from "./gateway.ts";

/** The account's object behind its own client, for what no route does alone. */
export const objects = new AccountClient((env as Env).ACCOUNTS);

function callerOf(account: TestAccount): Caller {
  const key = readApiKey("test-key-secret-of-at-least-32-bytes", account.key);
  if (!key) throw new Error("not a key of the gateway under test");
  return { key: { id: key.keyId, digest: key.digest }, planVersions: {} };
}

/** A command to reserve `credits`, one per output token. */
export function reserveRequest(
  account: TestAccount,
  requestId: string,
  credits: number,
  part: Partial<ReserveCommand> = {},
): ReserveRequest {
  const { demand, ...command } = commandOf(requestId, credits, part);
  const { keyId: _, ...asked } = demand;
  return { caller: callerOf(account), command: { ...command, demand: asked } };
}

/** Reserves `credits`; fails unless that succeeds. */
export async function hold(
  account: TestAccount,
  credits: number,
  part: Partial<ReserveCommand> = {},
): Promise<HeldRequest> {
  const reply = await objects.reserve(account.id, reserveRequest(account, mintRequestId(), credits, part));
  if (reply.kind !== "reserved") throw new Error(`not reserved: ${JSON.stringify(reply)}`);
  return reply.reservation;
}

/** The object's own rows, for what cannot be seen from outside. */
export function sqlOf<Row extends Record<string, SqlStorageValue>>(
  account: { id: string },
  query: string,
  ...bindings: SqlStorageValue[]
): Promise<Row[]> {
  return runInDurableObject(stubOf(account), (_, { storage }) => storage.sql.exec<Row>(query, ...bindings).toArray());
}

/** Lets the storage of an account refuse every new row of a table, until it is mended. */
export async function breakStorage(
  account: { id: string },
  table: "outbox" | "resources" = "outbox",
): Promise<{ mend(): Promise<void> }> {
  // An entry may take the place of one that the ledger has.
  const writes = table === "outbox" ? ["INSERT", "UPDATE OF seq"] : ["INSERT"];
  for (const [index, write] of writes.entries()) {
    const body = "BEGIN SELECT RAISE(ABORT, 'storage is broken'); END";
    await sqlOf(account, `CREATE TRIGGER broken_${index} BEFORE ${write} ON ${table} ${body}`);
  }
  return {
    mend: async () => {
      for (const index of writes.keys()) await sqlOf(account, `DROP TRIGGER broken_${index}`);
    },
  };
}

/** What the object has not seen confirmed. */
export async function outboxOf(account: { id: string }): Promise<ChainedEntry[]> {
  const rows = await sqlOf<{ entry: string }>(
    account,
    `SELECT entry FROM outbox WHERE confirmed = 0 AND seq > coalesce((SELECT confirmed_seq FROM delivery), 0) ORDER BY seq`,
  );
  return rows.map(({ entry }) => JSON.parse(entry) as ChainedEntry);
}

/** Replaces the object's queue until it is evicted: `send` gets what would be sent. */
export function replaceQueue(account: { id: string }, send: (count: number) => Promise<void>): Promise<void> {
  return runInDurableObject(stubOf(account), (instance) => {
    const sendBatch = async (messages: Iterable<unknown>) => send([...messages].length);
    Reflect.set(instance, "env", { LEDGER_QUEUE: { sendBatch } });
  });
}

export function alarmAt(account: { id: string }): Promise<number | null> {
  return runInDurableObject(stubOf(account), (_, { storage }) => storage.getAlarm());
}

export function runAlarm(account: { id: string }): Promise<boolean> {
  return runDurableObjectAlarm(stubOf(account));
}

/** The storage of an object as it was at some moment. */
export type StoredObject = readonly {
  readonly table: string;
  readonly rows: readonly Record<string, SqlStorageValue>[];
}[];

const TABLES = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\'`;

/** What the object's storage holds now. */
export function storedNow(account: { id: string }): Promise<StoredObject> {
  return runInDurableObject(stubOf(account), (_, { storage: { sql } }) => {
    const tables = sql.exec<{ name: string }>(TABLES).toArray();
    return tables.map(({ name }) => ({ table: name, rows: sql.exec(`SELECT * FROM "${name}"`).toArray() }));
  });
}

/** Takes the object back to what it held then, as Cloudflare's point-in-time recovery does. */
export async function restore(account: { id: string }, stored: StoredObject): Promise<void> {
  await runInDurableObject(stubOf(account), (_, { storage: { sql } }) => {
    for (const { table, rows } of stored) {
      sql.exec(`DELETE FROM "${table}"`);
      for (const row of rows) {
        const names = Object.keys(row).map((name) => `"${name}"`);
        const places = names.map(() => "?");
        sql.exec(`INSERT INTO "${table}" (${names}) VALUES (${places})`, ...Object.values(row));
      }
    }
  });
  await evictDurableObject(stubOf(account));
}

/** Takes everything from the object. */
export async function lose(account: { id: string }): Promise<void> {
  await runInDurableObject(stubOf(account), (_, { storage }) => storage.deleteAll());
  await evictDurableObject(stubOf(account));
}
