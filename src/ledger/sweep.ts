import { drizzle } from "drizzle-orm/d1";
import { sweeps } from "./schema.ts";

/** Where the sweep over all accounts stands, and what it has found. */
export interface Sweep {
  /** The account after which it goes on; `null` at its start. */
  readonly cursor: string | null;
  /** Since when (epoch ms) the oldest entry waits that should have arrived by now, of the accounts that were swept so far. */
  readonly lateSince: number | null;
  /** The same of all accounts, by the sweep before. */
  readonly lastLateSince: number | null;
}

export async function readSweep(db: D1Database): Promise<Sweep> {
  const row = await drizzle(db).select().from(sweeps).get();
  const { cursor = "", lateSince = null, lastLateSince = null } = row ?? {};
  return { cursor: cursor === "" ? null : cursor, lateSince, lastLateSince };
}

export async function saveSweep(db: D1Database, { cursor, lateSince, lastLateSince }: Sweep): Promise<void> {
  const row = { cursor: cursor ?? "", lateSince, lastLateSince };
  await drizzle(db)
    .insert(sweeps)
    .values({ id: 1, ...row })
    .onConflictDoUpdate({ target: sweeps.id, set: row });
}
