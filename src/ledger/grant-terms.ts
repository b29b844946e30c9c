import { and, eq, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { GrantTerms } from "../core/event.ts";
import { balanceUpdates } from "./schema.ts";

/** The terms of an account's grants, by id, as far as the ledger knows them. Ended grants are known as well. */
export async function readGrantTerms(
  db: D1Database,
  accountId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, GrantTerms>> {
  if (ids.length === 0) return new Map();
  const { kind, cause, source, detail } = balanceUpdates;
  const rows = await drizzle(db)
    .select({ id: source, detail })
    .from(balanceUpdates)
    .where(
      and(
        eq(balanceUpdates.accountId, accountId),
        inArray(cause, [...ids]),
        // The condition of the partial index `refunds_by_cause`.
        sql`${kind} IN ('refund', 'grant')`,
      ),
    );
  return new Map(
    rows.flatMap(({ id, detail }) => (id !== null && detail && "priority" in detail ? [[id, detail] as const] : [])),
  );
}
