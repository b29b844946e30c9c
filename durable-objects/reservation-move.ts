import { placeOf } from "../src/core/request-id.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { CountedSql } from "./counted-sql.ts";
import type { Sql } from "./platform.ts";
import { insertEnded } from "./reservation-store.ts";

const TABLES = [
  // A row holds for as long as `ended_reservations` has no such attempt of its request, or a later one.
  `CREATE TABLE pending_reservations (
    slot INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT`,
  `CREATE TABLE ended_reservations (
    place INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT`,
];

const PORTION = 500;

/** A step of the schema: reservations move from the one table in which they were by id to those in which they have numbers. */
export function moveReservations(sql: Sql): void {
  for (const table of TABLES) sql.exec(table);
  const counted = new CountedSql(sql);
  let last: OldRow = { pending: -1, request_id: "", body: "" };
  for (;;) {
    const rows = counted.all<OldRow>(
      `SELECT pending, request_id, body FROM reservations WHERE (pending, request_id) > (?, ?)
       ORDER BY pending, request_id LIMIT ${PORTION}`,
      last.pending,
      last.request_id,
    );
    for (const row of rows) move(counted, row);
    const end = rows.at(-1);
    if (!end) break;
    last = end;
  }
  sql.exec("DROP TABLE reservations");
}

type OldRow = { pending: number; request_id: string; body: string };

function move(sql: CountedSql, { pending, request_id, body }: OldRow): void {
  const reservation = JSON.parse(body) as Reservation;
  if (pending === 0) insertEnded(sql, reservation);
  else {
    sql.run(
      "INSERT INTO pending_reservations (place, request_id, attempt, body) VALUES (?, ?, ?, ?)",
      placeOf(request_id),
      request_id,
      reservation.attempt,
      body,
    );
  }
}
