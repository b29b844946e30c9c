import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { jobs, webhookEvents } from "./schema.ts";

/** A job with the account that pays for it. */
export type IndexedJob = typeof jobs.$inferSelect;

/** Remembers to which account a job belongs. A job is remembered once. */
export async function rememberJob(database: D1Database, job: IndexedJob): Promise<void> {
  await drizzle(database).insert(jobs).values(job).onConflictDoNothing();
}

export async function findJob(database: D1Database, id: string): Promise<IndexedJob | null> {
  const [row] = await drizzle(database).select().from(jobs).where(eq(jobs.id, id));
  return row ?? null;
}

/** Whether an event of a webhook was acted on before. */
export async function isKnownEvent(database: D1Database, id: string): Promise<boolean> {
  const rows = await drizzle(database)
    .select({ id: webhookEvents.id })
    .from(webhookEvents)
    .where(eq(webhookEvents.id, id));
  return rows.length > 0;
}

/** Call it once everything that the event asks for is done: an event that failed may come again. */
export async function rememberEvent(database: D1Database, id: string, now: number): Promise<void> {
  await drizzle(database).insert(webhookEvents).values({ id, receivedAt: now }).onConflictDoNothing();
}
