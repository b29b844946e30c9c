import type { ObjectStorage } from "./object-storage.ts";

/** A grant as it is stored, wherever that is. */
export interface StoredGrant {
  readonly id: string;
  readonly amount: number;
  readonly used: number;
  readonly lapsed: number;
  readonly effectiveAt: number;
  readonly expiresAt: number | null;
  readonly voidedAt: number | null;
}

export type StoredMeters = Readonly<Record<string, readonly (readonly [mark: number, amount: number])[]>>;

export interface StoredRow {
  readonly seq: number;
  readonly head: string;
  readonly balance: number;
  readonly status: string;
  readonly meters: StoredMeters;
}

export interface StoredState {
  readonly row: StoredRow;
  readonly grants: readonly StoredGrant[];
  /** Entries that carry what the tables do not hold yet. */
  readonly ahead: number;
}

/** Of the outbox' rows, those of entries that the ledger is not known to have. */
export const UNCONFIRMED = "confirmed = 0 AND seq > coalesce((SELECT confirmed_seq FROM delivery), 0)";

type AccountTable = Omit<StoredRow, "meters"> & { readonly meters: string };

/**
 * What a storage holds of its account, read by other code than the object's own: the tables, and over them what entries
 * carry that are ahead of these. `null` when there is no account.
 */
export function readStored(storage: ObjectStorage): StoredState | null {
  const [table] = storage.all<AccountTable>("SELECT seq, head, balance, status, meters FROM account");
  if (!table) return null;
  const carried = storage
    .all<{ state: string | null }>("SELECT state FROM outbox WHERE seq > ? ORDER BY seq", table.seq)
    .flatMap(({ state }) => (state === null ? [] : [JSON.parse(state) as Pick<StoredState, "row" | "grants">]));
  const grants = new Map(grantsTable(storage).map((grant) => [grant.id, grant]));
  for (const grant of carried.flatMap((state) => state.grants)) grants.set(grant.id, grant);
  const row = carried.at(-1)?.row ?? { ...table, meters: JSON.parse(table.meters) as StoredMeters };
  return { row, grants: [...grants.values()], ahead: carried.length };
}

function grantsTable(storage: ObjectStorage): StoredGrant[] {
  return storage.all<StoredGrant>(
    `SELECT id, amount, used, lapsed, effective_at AS effectiveAt, expires_at AS expiresAt, voided_at AS voidedAt
     FROM grants`,
  );
}

const PENDING = `SELECT request_id, body FROM pending_reservations slot WHERE NOT EXISTS (
  SELECT 1 FROM ended_reservations ended WHERE ended.place BETWEEN slot.place AND slot.place + 100
    AND ended.request_id = slot.request_id AND ended.attempt >= slot.attempt)`;

/** The reservations that a storage holds as pending: those in slots, unless the row of an ended request says otherwise. */
export function pendingRows(storage: ObjectStorage): { readonly request_id: string; readonly body: string }[] {
  return storage.all(PENDING);
}
