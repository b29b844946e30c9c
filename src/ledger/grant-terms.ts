import type { GrantTerms } from "../core/event.ts";

/** Found by the partial index for grants and refunds, which has to be named and whose condition has to be there. */
const TERMS = `SELECT source AS id, detail FROM balance_updates INDEXED BY refunds_by_cause
  WHERE account_id = ?1 AND kind IN ('refund', 'grant') AND kind = 'grant'
    AND cause IN (SELECT value FROM json_each(?2))`;

/** The terms of an account's grants, by id, as far as the ledger knows them. Ended grants are known as well. */
export async function readGrantTerms(
  db: D1Database,
  accountId: string,
  ids: readonly string[],
): Promise<ReadonlyMap<string, GrantTerms>> {
  if (ids.length === 0) return new Map();
  const { results } = await db
    .prepare(TERMS)
    .bind(accountId, JSON.stringify(ids))
    .all<{ id: string; detail: string }>();
  return new Map(results.map(({ id, detail }) => [id, JSON.parse(detail) as GrantTerms]));
}
