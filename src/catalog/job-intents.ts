import { asc, eq, lt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { jobIntents } from "./schema.ts";

/** A job that upstream was asked to begin, in case that its answer is lost. The prompt itself is not kept. */
export interface JobIntent {
  readonly requestId: string;
  readonly attempt: number;
  readonly accountId: string;
  /** The upstreams that may have been asked. */
  readonly upstreams: readonly string[];
  readonly model: string;
  readonly promptHash: string;
  /** What was priced, as the job's record keeps it. */
  readonly terms: Readonly<Record<string, string | number | null>>;
  readonly createdAt: number;
}

export async function addIntent(database: D1Database, intent: JobIntent): Promise<void> {
  const row = { ...intent, upstreams: JSON.stringify(intent.upstreams), terms: JSON.stringify(intent.terms) };
  await drizzle(database).insert(jobIntents).values(row).onConflictDoUpdate({ target: jobIntents.requestId, set: row });
}

export async function removeIntent(database: D1Database, requestId: string): Promise<void> {
  await drizzle(database).delete(jobIntents).where(eq(jobIntents.requestId, requestId));
}

/** Intents that are older than their requests can be, oldest first. */
export async function intentsBefore(database: D1Database, before: number, limit: number): Promise<JobIntent[]> {
  const rows = await drizzle(database)
    .select()
    .from(jobIntents)
    .where(lt(jobIntents.createdAt, before))
    .orderBy(asc(jobIntents.createdAt))
    .limit(limit);
  return rows.map((row) => ({
    ...row,
    upstreams: JSON.parse(row.upstreams) as string[],
    terms: JSON.parse(row.terms) as JobIntent["terms"],
  }));
}
