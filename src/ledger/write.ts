import { isOpening } from "../core/carry-over.ts";
import { type ChainedEntry, FIRST_EPOCH } from "../core/event.ts";
import { utf8Length } from "../core/utf8.ts";
import { MONETIZATION_COLUMNS, rowsOf, UPDATE_COLUMNS, USAGE_COLUMNS } from "./insert-rows.ts";

/**
 * Holds where the epoch of an account is its present one. One that has been followed by another takes nothing more: what
 * comes late would move a balance that was carried over. And none is begun by an entry from the queue.
 */
const IS_PRESENT = `(NOT ${hasEntries(">")} AND (its.value ->> 1 = ${FIRST_EPOCH} OR ${hasEntries("=")}))`;

function hasEntries(ofEpoch: string): string {
  return `EXISTS (SELECT 1 FROM balance_updates of
    WHERE of.account_id = its.value ->> 0 AND of.epoch ${ofEpoch} its.value ->> 1)`;
}

/** Of the accounts and epochs in the second parameter, those: looked up once for a statement, not for each of its rows. */
const PRESENT = `(SELECT its.value ->> 0, its.value ->> 1 FROM json_each(?2) its WHERE ${IS_PRESENT})`;

/**
 * One statement for any number of rows: they travel as one JSON parameter, so the limit of 100 bound parameters does
 * not matter, and what is already there is left alone.
 */
function insertSql(table: string, columns: readonly string[]): string {
  const valueAt = (index: number): string => `value ->> ${index}`;
  const epoch = `(${valueAt(columns.indexOf("account_id"))}, ${valueAt(columns.indexOf("epoch"))})`;
  return `INSERT INTO ${table} (${columns.join(", ")})
SELECT ${columns.map((_, index) => valueAt(index)).join(", ")} FROM json_each(?1) WHERE ${epoch} IN ${PRESENT} ON CONFLICT DO NOTHING`;
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
) AND (fresh.account_id, fresh.epoch) IN ${PRESENT}
GROUP BY account_id
ON CONFLICT (account_id) DO UPDATE SET
  balance = balance + excluded.balance,
  entries = entries + excluded.entries,
  max_seq = max(max_seq, excluded.max_seq),
  updated_at = max(updated_at, excluded.updated_at)`;

/** Of those accounts and epochs, the others. */
const OTHERS = `SELECT its.value ->> 0 AS accountId, its.value ->> 1 AS epoch FROM json_each(?1) its WHERE NOT ${IS_PRESENT}`;

/** Of the entries in the parameter, the hashes of those that are there. */
const KNOWN = `SELECT DISTINCT known.hash FROM json_each(?1) entry JOIN balance_updates known
  ON known.account_id = entry.value ->> 0 AND known.epoch = entry.value ->> 1 AND known.seq = entry.value ->> 2
WHERE known.hash = entry.value ->> 3`;

/**
 * Writes whole entries to the three datasets in one transaction. Entries that are there already cost nothing and change
 * nothing, so a call whose outcome is unknown may be repeated. Answers those that are of another epoch than the
 * present one: they are not written. Throws what D1 throws.
 */
export async function writeEntries(db: D1Database, entries: readonly ChainedEntry[]): Promise<Set<ChainedEntry>> {
  if (entries.length === 0) return new Set();
  const [others] = await db.batch(entryStatements(db, entries));
  const epochs = new Set((others?.results ?? []).map((row) => epochKey(row as AccountEpoch)));
  if (epochs.size === 0) return new Set();
  const ofOthers = entries.filter((entry) => epochs.has(epochKey(entry)));
  const known = await knownHashes(db, ofOthers);
  return new Set(ofOthers.filter(({ hash }) => !known.has(hash)));
}

type AccountEpoch = Pick<ChainedEntry, "accountId" | "epoch">;

function epochKey({ accountId, epoch }: AccountEpoch): string {
  return `${accountId}.${epoch}`;
}

async function knownHashes(db: D1Database, entries: readonly ChainedEntry[]): Promise<Set<string>> {
  const asked = entries.map(({ accountId, epoch, seq, hash }) => [accountId, epoch, seq, hash]);
  const { results } = await db.prepare(KNOWN).bind(JSON.stringify(asked)).all<{ hash: string }>();
  return new Set(results.map(({ hash }) => hash));
}

/** The first of them tells which epochs are not the present ones. */
function entryStatements(db: D1Database, entries: readonly ChainedEntry[]): D1PreparedStatement[] {
  const rows = entries.map(rowsOf);
  const epochs = new Map(entries.map((entry) => [epochKey(entry), [entry.accountId, entry.epoch]]));
  const pairs = JSON.stringify([...epochs.values()]);
  const statement = (sql: string, texts: readonly string[]): D1PreparedStatement[] =>
    texts.length === 0 ? [] : [db.prepare(sql).bind(`[${texts.join(",")}]`, pairs)];
  const updates = rows.flatMap((row) => row.updates);
  // The events come first: when the balance moves, what it is attributed to is there.
  return [
    db.prepare(OTHERS).bind(pairs),
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
  ];
}

const NEWEST_HASH = `SELECT hash FROM balance_updates newest WHERE newest.account_id = value ->> 0
  ORDER BY newest.epoch DESC, newest.seq DESC LIMIT 1`;

const INSERT_OPENING = `INSERT INTO balance_updates (${UPDATE_COLUMNS.join(", ")})
SELECT ${UPDATE_COLUMNS.map((column, index) => (column === "summed" ? "NULL" : `value ->> ${index}`)).join(", ")}
FROM json_each(?1) WHERE value ->> ${UPDATE_COLUMNS.indexOf("prev")} = (${NEWEST_HASH}) RETURNING hash`;

/**
 * Writes the entry with which an epoch begins, if the ledger still ends where it goes on from; returns whether it does.
 * From then on the epoch before takes nothing more.
 */
export async function writeOpening(db: D1Database, entry: ChainedEntry): Promise<boolean> {
  const { results } = await openingStatement(db, entry).all();
  return results.length > 0;
}

function openingStatement(db: D1Database, entry: ChainedEntry): D1PreparedStatement {
  return db.prepare(INSERT_OPENING).bind(`[${rowsOf(entry).updates.join(",")}]`);
}

/**
 * Writes a stretch of one account's history in one transaction, in its order, with the epochs that begin in it. As
 * {@link writeEntries} and {@link writeOpening} do, it leaves out what the present epoch does not take. Throws what D1
 * throws; then nothing was written.
 */
export async function writeHistory(db: D1Database, entries: readonly ChainedEntry[]): Promise<void> {
  const statements: D1PreparedStatement[] = [];
  let open: ChainedEntry[] = [];
  const close = (): void => {
    if (open.length > 0) statements.push(...entryStatements(db, open));
    open = [];
  };
  for (const entry of entries) {
    if (!isOpening(entry)) open.push(entry);
    else {
      close();
      statements.push(openingStatement(db, entry));
    }
  }
  close();
  await db.batch(statements);
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
