import type { BalanceUpdate, ChainedEntry } from "../core/event.ts";
import { utf8Length } from "../core/utf8.ts";

const USAGE_COLUMNS = [
  "account_id",
  "id",
  "epoch",
  "seq",
  "at",
  "request_id",
  "attempt",
  "key_id",
  "feature",
  "model",
  "outcome",
  "estimated",
  "usage",
  "decision",
] as const;

const MONETIZATION_COLUMNS = [
  "account_id",
  "id",
  "usage_id",
  "epoch",
  "seq",
  "at",
  "card_id",
  "card_version",
  "model",
  "amount",
] as const;

const UPDATE_COLUMNS = [
  "account_id",
  "epoch",
  "seq",
  "draw",
  "id",
  "v",
  "at",
  "kind",
  "source",
  "amount",
  "delta",
  "balance_after",
  "cause",
  "detail",
  "usage_id",
  "monetization_id",
  "prev",
  "hash",
  "summed",
] as const;

/** The values of one row, in the order of the table's columns. */
type Row = readonly (string | number | null)[];

/**
 * One statement for any number of rows: they travel as one JSON parameter, so the limit of 100 bound parameters does
 * not matter, and what is already there is left alone. `WHERE true` lets SQLite's grammar see ON CONFLICT.
 */
function insertSql(table: string, columns: readonly string[]): string {
  const values = columns.map((_, index) => `value ->> ${index}`).join(", ");
  return `INSERT INTO ${table} (${columns.join(", ")})
SELECT ${values} FROM json_each(?1) WHERE true ON CONFLICT DO NOTHING`;
}

const INSERT_USAGE = insertSql("usage_events", USAGE_COLUMNS);
const INSERT_MONETIZATION = insertSql("monetization_events", MONETIZATION_COLUMNS);
const INSERT_UPDATES = insertSql("balance_updates", UPDATE_COLUMNS);

const member = (column: (typeof UPDATE_COLUMNS)[number]) => `value ->> ${UPDATE_COLUMNS.indexOf(column)} AS ${column}`;

/**
 * Moves each account's balance once by all of these updates that are not there yet. Run it before they are inserted, in
 * the same transaction. One that comes twice among them counts once.
 */
const MOVE_BALANCES = `INSERT INTO balances (account_id, balance, entries, max_seq, updated_at)
SELECT account_id, sum(delta), sum(draw = 0), max(seq), max(at) FROM (
  SELECT DISTINCT ${(["account_id", "epoch", "seq", "draw", "delta", "at"] as const).map(member).join(", ")} FROM json_each(?1)
) fresh
WHERE NOT EXISTS (
  SELECT 1 FROM balance_updates known WHERE known.account_id = fresh.account_id AND known.epoch = fresh.epoch
    AND known.seq = fresh.seq AND known.draw = fresh.draw
)
GROUP BY account_id
ON CONFLICT (account_id) DO UPDATE SET
  balance = balance + excluded.balance,
  entries = entries + excluded.entries,
  max_seq = max(max_seq, excluded.max_seq),
  updated_at = max(updated_at, excluded.updated_at)`;

type Width<Columns extends readonly string[]> = { readonly [Index in keyof Columns]: string | number | null };

// JSON inside a row travels as text, so that it is stored byte for byte.
function usageRow({ accountId, epoch, seq, at, usage }: ChainedEntry): Row | null {
  if (!usage) return null;
  return [
    accountId,
    usage.id,
    epoch,
    seq,
    at,
    usage.requestId,
    usage.attempt,
    usage.keyId,
    usage.feature,
    usage.model,
    usage.outcome,
    usage.estimated ? 1 : 0,
    JSON.stringify(usage.usage),
    JSON.stringify(usage.decision),
  ] satisfies Width<typeof USAGE_COLUMNS>;
}

function monetizationRow({ accountId, epoch, seq, at, monetization }: ChainedEntry): Row | null {
  if (!monetization) return null;
  return [
    accountId,
    monetization.id,
    monetization.usageId,
    epoch,
    seq,
    at,
    monetization.cardId,
    monetization.cardVersion,
    monetization.model,
    monetization.amount,
  ] satisfies Width<typeof MONETIZATION_COLUMNS>;
}

function updateRow(entry: ChainedEntry, update: BalanceUpdate): Row {
  return [
    entry.accountId,
    entry.epoch,
    entry.seq,
    update.draw,
    update.id,
    entry.v,
    entry.at,
    update.kind,
    update.source,
    update.amount,
    update.delta,
    update.balanceAfter,
    update.cause,
    update.detail && JSON.stringify(update.detail),
    entry.usage?.id ?? null,
    entry.monetization?.id ?? null,
    entry.prev,
    entry.hash,
    SUMMED,
  ] satisfies Width<typeof UPDATE_COLUMNS>;
}

/** Tells the trigger that the balance has been moved already. */
const SUMMED = 1;

/** The rows of some entries as the JSON texts of the three parameters, without their brackets. */
interface Rows {
  readonly usage: readonly string[];
  readonly monetization: readonly string[];
  readonly updates: readonly string[];
}

/** An entry's rows are asked for twice, for the size of its chunk and to write them. */
const made = new WeakMap<ChainedEntry, Rows>();

function rowsOf(entry: ChainedEntry): Rows {
  const known = made.get(entry);
  if (known) return known;
  const usage = usageRow(entry);
  const monetization = monetizationRow(entry);
  const rows = {
    usage: usage ? [JSON.stringify(usage)] : [],
    monetization: monetization ? [JSON.stringify(monetization)] : [],
    updates: entry.updates.map((update) => JSON.stringify(updateRow(entry, update))),
  };
  made.set(entry, rows);
  return rows;
}

/**
 * Writes whole entries to the three datasets in one transaction. Entries that are there already cost nothing and change
 * nothing, so a call whose outcome is unknown may be repeated. Throws what D1 throws; then nothing was written.
 */
export async function writeEntries(db: D1Database, entries: readonly ChainedEntry[]): Promise<void> {
  const rows = entries.map(rowsOf);
  const statement = (sql: string, texts: readonly string[]): D1PreparedStatement[] =>
    texts.length === 0 ? [] : [db.prepare(sql).bind(`[${texts.join(",")}]`)];
  const updates = rows.flatMap((row) => row.updates);
  // The events come first: when the balance moves, what it is attributed to is there.
  await db.batch([
    ...statement(
      INSERT_USAGE,
      rows.flatMap((row) => row.usage),
    ),
    ...statement(
      INSERT_MONETIZATION,
      rows.flatMap((row) => row.monetization),
    ),
    ...statement(MOVE_BALANCES, updates),
    ...statement(INSERT_UPDATES, updates),
  ]);
}

/** D1 takes strings of up to 2 MB; half of it keeps one transaction short. */
const PARAMETER_BYTES = 1_000_000;

/**
 * Splits what is to be written so that no JSON parameter of a chunk is larger than `limit` bytes. An entry is never
 * split; one that is larger travels alone.
 */
export function chunkByBytes<Item extends { readonly entry: ChainedEntry }>(
  items: readonly Item[],
  limit = PARAMETER_BYTES,
): Item[][] {
  const chunks: Item[][] = [];
  let chunk: Item[] = [];
  let bytes = [0, 0, 0];
  for (const item of items) {
    const { usage, monetization, updates } = rowsOf(item.entry);
    const sizes = [usage, monetization, updates].map(byteLength);
    const grown = bytes.map((size, index) => size + (sizes[index] ?? 0));
    if (chunk.length > 0 && grown.some((size) => size > limit)) {
      chunks.push(chunk);
      chunk = [];
      bytes = sizes;
    } else {
      bytes = grown;
    }
    chunk.push(item);
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** Bytes of `rows` in a parameter, with a comma or bracket after each. */
function byteLength(rows: readonly string[]): number {
  return rows.reduce((total, row) => total + utf8Length(row) + 1, 1);
}
