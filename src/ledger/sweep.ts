import { drizzle } from "drizzle-orm/d1";
import { sweeps } from "./schema.ts";

/** The account after which the sweep over all accounts goes on; `null` at its start. */
export async function readSweep(db: D1Database): Promise<string | null> {
  const row = await drizzle(db).select().from(sweeps).get();
  return row === undefined || row.cursor === "" ? null : row.cursor;
}

/** Remembers where the sweep stands; `null` begins it anew. */
export async function saveSweep(db: D1Database, accountId: string | null): Promise<void> {
  const cursor = accountId ?? "";
  await drizzle(db).insert(sweeps).values({ id: 1, cursor }).onConflictDoUpdate({ target: sweeps.id, set: { cursor } });
}
