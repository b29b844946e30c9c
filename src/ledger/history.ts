import type { ChainedEntry, GrantTerms } from "../core/event.ts";
import { operatorsGrant, type PastGrant } from "../core/past-usage.ts";
import { readEntries } from "./entry-rows.ts";
import { STRETCHES_OF_ACCOUNT, UPDATES_WITHIN } from "./stretch.ts";

/** A span of time: from an instant (epoch ms) on, up to and without another. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Accounts of which anything was written at `from` or later, in the order of their ids. */
export async function activeAccounts(db: D1Database, from: number, limit: number): Promise<string[]> {
  const { results } = await db
    .prepare("SELECT account_id AS id FROM balances WHERE updated_at >= ?1 ORDER BY account_id LIMIT ?2")
    .bind(from, limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

interface GrantRow {
  readonly id: string;
  readonly detail: string;
  readonly at: number;
  readonly seq: number;
  readonly remaining: number;
}

/** What was left of an account's grants at an instant, each as a grant of that much. */
export async function grantsLeftAt(db: D1Database, accountId: string, at: number): Promise<PastGrant[]> {
  const { results } = await db
    .prepare(
      `WITH moved AS (
        SELECT source, sum(delta) AS remaining FROM balance_updates
        WHERE account_id = ?1 AND at < ?2 AND source IS NOT NULL GROUP BY source HAVING sum(delta) > 0
      )
      SELECT moved.source AS id, moved.remaining, made.detail, made.at, made.seq
      FROM balance_updates made JOIN moved ON moved.source = made.source
      WHERE made.account_id = ?1 AND made.at < ?2 AND made.kind = 'grant'
      ORDER BY made.epoch, made.seq`,
    )
    .bind(accountId, at)
    .all<GrantRow>();
  return results.flatMap(({ id, remaining, detail, at, seq }) =>
    operatorsGrant(id, remaining, JSON.parse(detail) as GrantTerms, { at, seq }),
  );
}

interface EpochSpan {
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
}

const PAGE = 500;

/** An account's entries of a span, oldest first, page by page: whoever has enough reads no further. */
export async function* entriesOf(
  db: D1Database,
  accountId: string,
  { from, to }: Span,
): AsyncGenerator<ChainedEntry[]> {
  const { results } = await db
    .prepare(
      `${STRETCHES_OF_ACCOUNT}
      SELECT b.epoch AS epoch, min(b.seq) AS first, max(b.seq) AS last FROM ${UPDATES_WITHIN}
      GROUP BY b.epoch ORDER BY b.epoch`,
    )
    .bind(accountId, from, to)
    .all<EpochSpan>();
  for (const { epoch, first, last } of results) {
    for (let after = first - 1; after < last; after += PAGE) {
      const page = await readEntries(db, accountId, epoch, { after, to: Math.min(last, after + PAGE) });
      yield page.filter(({ at }) => at >= from && at < to);
    }
  }
}
