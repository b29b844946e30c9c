import { describe, expect, it } from "vitest";
import { migrateAccount } from "../../durable-objects/account-schema.ts";
import { CountedSql } from "../../durable-objects/counted-sql.ts";
import { moveReservations } from "../../durable-objects/reservation-move.ts";
import { ReservationStore } from "../../durable-objects/reservation-store.ts";
import type { Reservation, ReservationState } from "../../src/core/reservation.ts";
import { HOUR, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

/** Minted at `at`; those with the same `rest` and the same instant have the same place. */
function idOf(n: number, at = T0, rest = "abc"): string {
  return `req_${at.toString(16).padStart(12, "0")}${n.toString(16).padStart(17, "0")}${rest}`;
}

/** What the store looks at, and something to tell reservations by. */
function reservation(requestId: string, state: ReservationState, attempt = 1, reserved = 0): Reservation {
  return { requestId, state, attempt, reserved } as Reservation;
}

function newStore() {
  const { sql } = new SqlitePlatform(T0);
  migrateAccount(sql);
  return storeOn(sql);
}

function storeOn(sql: SqlitePlatform["sql"]) {
  const counted = new CountedSql(sql);
  const store = new ReservationStore(counted);
  const load = () => store.loadPending().map(({ requestId, attempt, reserved }) => ({ requestId, attempt, reserved }));
  load();
  const rowsOf = (work: () => void): number => {
    const before = counted.rowsWritten;
    work();
    return counted.rowsWritten - before;
  };
  const slots = () => sql.exec<{ n: number }>("SELECT count(*) AS n FROM pending_reservations").toArray()[0]?.n;
  return { store, load, rowsOf, slots };
}

describe("the reservations of an account", () => {
  it("are pending until they end, though the end is not written to their slot", () => {
    const { store, load, rowsOf } = newStore();
    expect(rowsOf(() => store.write(reservation(idOf(1), "pending")))).toBe(1);
    expect(rowsOf(() => store.write(reservation(idOf(2), "pending")))).toBe(1);
    expect(rowsOf(() => store.write(reservation(idOf(1), "settled")))).toBe(1);
    expect(load()).toMatchObject([{ requestId: idOf(2) }]);
    expect(store.ended(idOf(1))?.state).toBe("settled");
    expect(store.ended(idOf(2))).toBeNull();
  });

  it("lie in as many slots as there ever were at once", () => {
    const { store, load, slots } = newStore();
    for (let n = 0; n < 100; n += 1) {
      store.write(reservation(idOf(n, T0 + n), "pending"));
      if (n >= 3) store.write(reservation(idOf(n - 3, T0 + n - 3), n % 2 === 0 ? "settled" : "expired"));
      if (n % 10 === 0) load();
    }
    expect(slots()).toBe(4);
    expect(
      load()
        .map(({ requestId }) => requestId)
        .sort(),
    ).toEqual([97, 98, 99].map((n) => idOf(n, T0 + n)));
  });

  it("keep their slot when they are written again", () => {
    const { store, load, slots } = newStore();
    store.write(reservation(idOf(1), "pending", 1, 5));
    store.write(reservation(idOf(1), "pending", 1, 7));
    load();
    store.write(reservation(idOf(1), "pending", 1, 9));
    expect(load()).toMatchObject([{ reserved: 9 }]);
    expect(slots()).toBe(1);
  });

  it("of a request that is tried again are told by their attempts", () => {
    const { store, load } = newStore();
    store.write(reservation(idOf(1), "pending", 1));
    store.write(reservation(idOf(1), "released", 1));
    store.write(reservation(idOf(1), "pending", 2));
    expect(load()).toMatchObject([{ attempt: 2 }]);
    store.write(reservation(idOf(1), "settled", 2));
    expect(load()).toEqual([]);
    expect(store.ended(idOf(1))).toMatchObject({ state: "settled", attempt: 2 });
  });

  it("are found and changed each by itself where their ids have one place", () => {
    const { store, load } = newStore();
    const ids = Array.from({ length: 64 }, (_, n) => idOf(n));
    for (const id of ids) store.write(reservation(id, "pending"));
    for (const id of ids.toReversed()) store.write(reservation(id, "settled"));
    for (const [n, id] of ids.entries()) store.write(reservation(id, "settled", 1, n));
    expect(ids.map((id) => store.ended(id)?.reserved)).toEqual(ids.map((_, n) => n));
    expect(load()).toEqual([]);
  });

  it("stop where a place has no neighbour left, instead of writing over another", () => {
    const { store } = newStore();
    for (let n = 0; n < 64; n += 1) store.write(reservation(idOf(n), "settled"));
    expect(() => store.write(reservation(idOf(64), "settled"))).toThrow(/no place/);
  });

  it("are forgotten when they are old: those that have ended, with their slots, and none that is pending", () => {
    const { store, load, slots } = newStore();
    for (const n of [1, 2, 3]) store.write(reservation(idOf(n, T0, `00${n}`), "pending"));
    store.write(reservation(idOf(2, T0, "002"), "settled"));
    store.write(reservation(`req_k${"ab".repeat(20)}`, "settled"));
    store.write(reservation(idOf(4, T0 + HOUR), "pending"));
    store.write(reservation(idOf(5, T0 + HOUR), "pending"));
    store.write(reservation(idOf(5, T0 + HOUR), "settled"));
    store.prune(T0 + HOUR, 100);
    expect(store.ended(idOf(2, T0, "002"))).toBeNull();
    expect(store.ended(`req_k${"ab".repeat(20)}`)).not.toBeNull();
    expect(store.ended(idOf(5, T0 + HOUR))).not.toBeNull();
    const pending = [idOf(1, T0, "001"), idOf(3, T0, "003"), idOf(4, T0 + HOUR)];
    expect(
      load()
        .map(({ requestId }) => requestId)
        .sort(),
    ).toEqual(pending);
    expect(slots()).toBe(4);
    // Slots that were forgotten leave no two requests in one.
    for (const n of [6, 7, 8]) store.write(reservation(idOf(n, T0 + HOUR, `00${n}`), "pending"));
    expect(load()).toHaveLength(6);
  });

  it("are all replaced by those of the ledger", () => {
    const { store, load } = newStore();
    store.write(reservation(idOf(1), "pending"));
    store.write(reservation(idOf(2), "settled"));
    store.replaceAll([reservation(idOf(3), "settled")]);
    expect(load()).toEqual([]);
    expect([idOf(1), idOf(2), idOf(3)].map((id) => store.ended(id)?.requestId)).toEqual([
      undefined,
      undefined,
      idOf(3),
    ]);
  });

  it("come along when an account is brought to this schema, however many there are", () => {
    const { sql } = new SqlitePlatform(T0);
    sql.exec(
      `CREATE TABLE reservations (pending INTEGER NOT NULL, request_id TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (pending, request_id)) STRICT, WITHOUT ROWID`,
    );
    const old = (request: Reservation) => {
      const isPending = request.state === "pending" ? 1 : 0;
      const body = JSON.stringify(request);
      sql.exec(
        "INSERT INTO reservations (pending, request_id, body) VALUES (?, ?, ?)",
        isPending,
        request.requestId,
        body,
      );
    };
    for (let n = 0; n < 1_200; n += 1) old(reservation(idOf(n, T0 + n), "settled", 1, n));
    old(reservation(`req_k${"ab".repeat(20)}`, "released", 3));
    const pending = [idOf(1, T0 + HOUR), idOf(2, T0 + HOUR)];
    for (const id of pending) old(reservation(id, "pending"));
    moveReservations(sql);
    const { store, load } = storeOn(sql);
    expect(
      load()
        .map(({ requestId }) => requestId)
        .sort(),
    ).toEqual(pending);
    for (let n = 0; n < 1_200; n += 1) expect(store.ended(idOf(n, T0 + n))?.reserved).toBe(n);
    expect(store.ended(`req_k${"ab".repeat(20)}`)?.attempt).toBe(3);
    for (const id of pending) store.write(reservation(id, "settled"));
    expect(load()).toEqual([]);
    expect(sql.exec("SELECT name FROM sqlite_master WHERE name = 'reservations'").toArray()).toEqual([]);
  });
});
