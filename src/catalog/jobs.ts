import { asc, eq, inArray, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { jobs, webhookEvents } from "./schema.ts";

/** Remembers to which account a job belongs. */
export async function rememberJob(database: D1Database, id: string, accountId: string, now: number): Promise<void> {
  await drizzle(database).insert(jobs).values({ id, accountId, createdAt: now }).onConflictDoNothing();
}

/** The account that a job belongs to; `null` when it is not a job of this gateway. */
export async function accountOfJob(database: D1Database, id: string): Promise<string | null> {
  const [row] = await drizzle(database).select().from(jobs).where(eq(jobs.id, id));
  return row?.accountId ?? null;
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

/** Forgets up to `limit` jobs from before `before`, the oldest first. */
export async function forgetJobs(database: D1Database, before: number, limit: number): Promise<void> {
  const orm = drizzle(database);
  const old = orm
    .select({ id: jobs.id })
    .from(jobs)
    .where(lt(jobs.createdAt, before))
    .orderBy(asc(jobs.createdAt))
    .limit(limit);
  await orm.delete(jobs).where(inArray(jobs.id, old));
}

/** Forgets up to `limit` events that were acted on before `before`, the oldest first. */
export async function forgetWebhookEvents(database: D1Database, before: number, limit: number): Promise<void> {
  const orm = drizzle(database);
  const old = orm
    .select({ id: webhookEvents.id })
    .from(webhookEvents)
    .where(lt(webhookEvents.receivedAt, before))
    .orderBy(asc(webhookEvents.receivedAt))
    .limit(limit);
  await orm.delete(webhookEvents).where(inArray(webhookEvents.id, old));
}
