import { and, asc, desc, inArray, lt, max } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Difference } from "../core/audit.ts";
import { reconciliations } from "./schema.ts";

export interface LedgerDifference extends Difference {
  readonly account: string;
}

/** The result as it is stored and answered. */
export interface Reconciliation {
  readonly id: string;
  /** `null` when it was about all accounts. */
  readonly account: string | null;
  readonly checked: { readonly accounts: number; readonly events: number };
  /** What is on its way and therefore no difference. Stale reservations are those that should have ended by now. */
  readonly pending: { readonly reservations: number; readonly stale_reservations: number; readonly outbox: number };
  /** The first of them; `difference_count` says how many there are. */
  readonly differences: readonly LedgerDifference[];
  readonly difference_count: number;
  /** Accounts that could not be checked or frozen, with the reason: the first of them, and how many there are. */
  readonly unchecked: readonly { readonly account: string; readonly reason: string }[];
  readonly unchecked_count: number;
  readonly finished_at: string;
}

/** Keeps the result of a reconciliation. */
export async function saveReconciliation(db: D1Database, result: Reconciliation, finishedAt: number): Promise<void> {
  const { id, account } = result;
  await drizzle(db)
    .insert(reconciliations)
    .values({ id, accountId: account, result: JSON.stringify(result), finishedAt });
}

/** The newest result; `null` when there never was one. */
export async function latestReconciliation(db: D1Database): Promise<Reconciliation | null> {
  const row = await drizzle(db).select().from(reconciliations).orderBy(desc(reconciliations.id)).limit(1).get();
  return row ? stored(row) : null;
}

/** The newest results, newest first. */
export async function recentReconciliations(db: D1Database, limit: number): Promise<Reconciliation[]> {
  const rows = await drizzle(db).select().from(reconciliations).orderBy(desc(reconciliations.id)).limit(limit);
  return rows.map(stored);
}

/** A result from before they were counted listed all that were not checked. */
function stored({ result }: { readonly result: string }): Reconciliation {
  const parsed = JSON.parse(result) as Reconciliation;
  return { ...parsed, unchecked_count: parsed.unchecked_count ?? parsed.unchecked.length };
}

/** Drops up to `limit` results from before `before`, the oldest first; never the newest. Their ids begin with the time. */
export async function dropReconciliations(db: D1Database, before: number, limit: number): Promise<void> {
  const orm = drizzle(db);
  const newest = orm.select({ id: max(reconciliations.id) }).from(reconciliations);
  const old = orm
    .select({ id: reconciliations.id })
    .from(reconciliations)
    .where(and(lt(reconciliations.id, idAt(before)), lt(reconciliations.id, newest)))
    .orderBy(asc(reconciliations.id))
    .limit(limit);
  await orm.delete(reconciliations).where(inArray(reconciliations.id, old));
}

/** What the ids of results begin with that were made at `at`: they are `rec_` and a UUID of version 7. */
function idAt(at: number): string {
  return `rec_${at.toString(16).padStart(12, "0")}`;
}
