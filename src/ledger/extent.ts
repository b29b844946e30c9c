import { MOST_LISTED, type ObjectHead } from "./account-audit.ts";

/** How far an account's ledger reaches, held against what its object says of itself. */
export interface LedgerExtent {
  readonly epoch: number;
  /** The last entry before the first one that is still on its way. Every entry up to it must be in the ledger. */
  readonly to: number;
  /** Entries of the object that are not in the ledger yet, as far as it lists them, and all behind a full list. */
  readonly pending: number;
}

const MISSING = `SELECT count(*) AS count, min(value) AS first FROM json_each(?3) WHERE NOT EXISTS (
  SELECT 1 FROM balance_updates WHERE account_id = ?1 AND epoch = ?2 AND seq = value AND draw = 0)`;

/** Reads how far the ledger reaches. Ask the object first: then nothing that it has confirmed can seem to be missing. */
export async function readExtent(
  db: D1Database,
  accountId: string,
  { epoch, seq, unconfirmed }: ObjectHead,
): Promise<LedgerExtent> {
  const missing = await db
    .prepare(MISSING)
    .bind(accountId, epoch, JSON.stringify(unconfirmed))
    .first<{ count: number; first: number | null }>();
  // Behind a full list anything may be on its way.
  const listed = unconfirmed.length < MOST_LISTED ? seq : (unconfirmed.at(-1) ?? seq);
  const pending = (missing?.count ?? 0) + (seq - listed);
  const before = missing?.first == null ? seq : missing.first - 1;
  return { epoch, to: Math.min(before, listed), pending };
}

const NEWEST = `SELECT epoch, seq FROM balance_updates WHERE account_id = ?1
  ORDER BY epoch DESC, seq DESC LIMIT 1`;

/** The place of the newest entry in the ledger; `null` when it has none. */
export function readNewest(db: D1Database, accountId: string): Promise<{ epoch: number; seq: number } | null> {
  return db.prepare(NEWEST).bind(accountId).first<{ epoch: number; seq: number }>();
}

/** Where the rate of a charge stands. */
export interface UsedRate {
  readonly cardId: string;
  readonly cardVersion: number;
  readonly model: string;
}

const USED_RATES = `SELECT DISTINCT card_id AS cardId, card_version AS cardVersion, model FROM monetization_events
  WHERE account_id = ?1 AND epoch <= ?2 AND seq <= ?3 ORDER BY cardId, cardVersion, model`;

/** The rates at which an account was charged, each once. */
export async function readUsedRates(db: D1Database, accountId: string, extent: LedgerExtent): Promise<UsedRate[]> {
  const { results } = await db.prepare(USED_RATES).bind(accountId, extent.epoch, extent.to).all<UsedRate>();
  return results;
}
