import { invariant } from "../src/core/amount.ts";
import { firstPlaceAt, placeOf } from "../src/core/request-id.ts";
import type { Reservation } from "../src/core/reservation.ts";
import type { CountedSql } from "./counted-sql.ts";

/** Requests of the same place lie side by side, never more of them than this. */
const NEIGHBOURS = 64;

/** A slot whose request has ended since it was written tells nothing any more. */
const SLOTS = `SELECT slot, CASE WHEN EXISTS (
    SELECT 1 FROM ended_reservations ended
    WHERE ended.place BETWEEN pending.place AND pending.place + ${NEIGHBOURS - 1}
      AND ended.request_id = pending.request_id AND ended.attempt >= pending.attempt
  ) THEN NULL ELSE body END AS body
  FROM pending_reservations pending ORDER BY slot DESC`;

/**
 * The reservations of an account, in as few rows and pages as can be: each is written once when it is made and once when
 * it ends. Its end is not written to its slot, since the row of the ended request tells it; the next reservation is
 * written over it. Rows are found by numbers, because SQLite keeps rows that are found by a text in a kind of tree that
 * moves most of a long row to further pages, and reads those of every row that a search passes.
 *
 * Which slots are in use is kept in memory too; `loadPending` reads it again, and must, after anything was rolled back.
 */
export class ReservationStore {
  readonly #sql: CountedSql;
  /** The slots of the pending requests, by id. */
  readonly #slots = new Map<string, number>();
  /** Slots that may be written over; the lowest last. */
  #free: number[] = [];
  #highest = 0;

  constructor(sql: CountedSql) {
    this.#sql = sql;
  }

  loadPending(): Reservation[] {
    this.#slots.clear();
    this.#free = [];
    const pending: Reservation[] = [];
    const rows = this.#sql.all<{ slot: number; body: string | null }>(SLOTS);
    this.#highest = rows[0]?.slot ?? 0;
    for (const { slot, body } of rows) {
      const reservation = body === null ? null : (JSON.parse(body) as Reservation);
      if (!reservation) this.#free.push(slot);
      else {
        this.#slots.set(reservation.requestId, slot);
        pending.push(reservation);
      }
    }
    return pending;
  }

  /** A request that has ended; the pending ones are all in memory. Of one that is tried again, the attempt before. */
  ended(requestId: string): Reservation | null {
    const [row] = this.#sql.all<{ body: string }>(
      "SELECT body FROM ended_reservations WHERE place BETWEEN ? AND ? AND request_id = ?",
      ...near(requestId),
      requestId,
    );
    return row ? (JSON.parse(row.body) as Reservation) : null;
  }

  write(reservation: Reservation): void {
    const { requestId, state, attempt } = reservation;
    const slot = this.#slots.get(requestId);
    if (state === "pending") {
      this.#writePending(reservation, slot ?? this.#takeSlot(requestId));
      return;
    }
    const isNew = slot !== undefined && attempt === 1;
    if (isNew || !this.#replaceEnded(reservation)) insertEnded(this.#sql, reservation);
    if (slot !== undefined) {
      this.#slots.delete(requestId);
      this.#free.push(slot);
    }
  }

  /** Puts these ended requests in the place of all that there are. */
  replaceAll(requests: readonly Reservation[]): void {
    this.#sql.run("DELETE FROM pending_reservations");
    this.#sql.run("DELETE FROM ended_reservations");
    for (const request of requests) insertEnded(this.#sql, request);
  }

  /**
   * Forgets ended requests that were minted before `at` (epoch ms), and first whatever slots tell of them. Those made from
   * an `Idempotency-Key` stay, so that their attempts are numbered on for ever.
   */
  prune(at: number, limit: number): void {
    const before = firstPlaceAt(at);
    const used = JSON.stringify([...this.#slots.values()]);
    this.#sql.run(
      "DELETE FROM pending_reservations WHERE place < ? AND slot NOT IN (SELECT value FROM json_each(?))",
      before,
      used,
    );
    this.#sql.run(
      "DELETE FROM ended_reservations WHERE place IN (SELECT place FROM ended_reservations WHERE place < ? LIMIT ?)",
      before,
      limit,
    );
  }

  #takeSlot(requestId: string): number {
    const slot = this.#free.pop() ?? this.#highest + 1;
    this.#highest = Math.max(this.#highest, slot);
    this.#slots.set(requestId, slot);
    return slot;
  }

  #writePending(reservation: Reservation, slot: number): void {
    const { requestId, attempt } = reservation;
    this.#sql.run(
      `INSERT INTO pending_reservations (slot, place, request_id, attempt, body) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET place = excluded.place, request_id = excluded.request_id,
         attempt = excluded.attempt, body = excluded.body`,
      slot,
      placeOf(requestId),
      requestId,
      attempt,
      JSON.stringify(reservation),
    );
  }

  /** Returns whether the request was there. */
  #replaceEnded(reservation: Reservation): boolean {
    const { requestId, attempt } = reservation;
    const written = this.#sql.run(
      "UPDATE ended_reservations SET attempt = ?, body = ? WHERE place BETWEEN ? AND ? AND request_id = ?",
      attempt,
      JSON.stringify(reservation),
      ...near(requestId),
      requestId,
    );
    return written > 0;
  }
}

/** Stores an ended request that is not there yet. */
export function insertEnded(sql: Pick<CountedSql, "run">, reservation: Reservation): void {
  const { requestId, attempt } = reservation;
  const body = JSON.stringify(reservation);
  const [first, last] = near(requestId);
  for (let place = first; place <= last; place += 1) {
    const written = sql.run(
      "INSERT INTO ended_reservations (place, request_id, attempt, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      place,
      requestId,
      attempt,
      body,
    );
    if (written > 0) return;
  }
  invariant(false, `there is no place for request ${requestId}`);
}

function near(requestId: string): [first: number, last: number] {
  const place = placeOf(requestId);
  return [place, place + NEIGHBOURS - 1];
}
