import type { Change } from "../src/core/account.ts";
import type { CarryOver } from "../src/core/carry-over.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import { type KeyColumns, type StoredKey, toKey } from "./account-rows.ts";
import type { CountedSql } from "./counted-sql.ts";
import { OutboxStore } from "./outbox-store.ts";
import { ReservationStore } from "./reservation-store.ts";
import { StateStore } from "./state-store.ts";

/**
 * What the account object stores: its state, its reservations and its outbox, and what operators did to it. Every method is
 * synchronous; the object wraps each command in one transaction.
 */
export class AccountStore {
  readonly state: StateStore;
  readonly outbox: OutboxStore;
  readonly reservations: ReservationStore;
  readonly #sql: CountedSql;

  constructor(sql: CountedSql) {
    this.#sql = sql;
    this.state = new StateStore(sql);
    this.outbox = new OutboxStore(sql);
    this.reservations = new ReservationStore(sql);
  }

  /** Reads the account anew, whatever was rolled back before; `null` when it was never created. */
  load(): ReturnType<StateStore["load"]> {
    this.outbox.forget();
    return this.state.load();
  }

  /** Stores what a command changed. */
  write(change: Change): void {
    const carried = this.state.take(change);
    for (const reservation of change.reservations) this.reservations.write(reservation);
    this.outbox.post(change.entries, carried);
  }

  /** The ledger has exactly these entries; what they changed stays, in the tables or with one of them. */
  confirm(seqs: readonly number[]): void {
    this.outbox.confirm(seqs, () => this.state.keep());
  }

  /**
   * Puts what the ledger knows in the place of what the object remembered: requests that were under way are forgotten,
   * and so are entries that the ledger will never take. Keys, and what requests have made, stay. Load it afterwards.
   */
  replace({ row, grants, requests, corrections }: CarryOver): void {
    for (const table of ["outbox", "delivery", "corrections"]) this.#sql.run(`DELETE FROM ${table}`);
    this.state.replace(row, grants);
    this.reservations.replaceAll(requests);
    for (const { id, difference } of corrections) this.addCorrection(id, difference);
  }

  // — acts on requests —

  /** The request that a refund was for; `null` when there is no such refund. */
  refundedRequest(refundId: string): string | null {
    const [row] = this.#sql.all<{ request_id: string }>("SELECT request_id FROM refunds WHERE id = ?", refundId);
    return row?.request_id ?? null;
  }

  addRefund(refundId: string, requestId: string): void {
    this.#sql.run("INSERT INTO refunds (id, request_id) VALUES (?, ?)", refundId, requestId);
  }

  /** What a correction came to; `null` when it was not made. */
  correction(id: string): number | null {
    const [row] = this.#sql.all<{ difference: number }>("SELECT difference FROM corrections WHERE id = ?", id);
    return row?.difference ?? null;
  }

  /** How often a charge was corrected or refunded by hand. */
  actsOn(usageId: string, requestId: string): number {
    const [row] = this.#sql.all<{ n: number }>(
      `SELECT (SELECT count(*) FROM corrections WHERE id > ?1 || '~c' AND id < ?1 || '~d' AND difference <> 0)
         + (SELECT count(*) FROM refunds WHERE request_id = ?2) AS n`,
      usageId,
      requestId,
    );
    return row?.n ?? 0;
  }

  /** Keeps that a correction was made, also where there was nothing to post. */
  addCorrection(id: string, difference: number): void {
    this.#sql.run("INSERT INTO corrections (id, difference) VALUES (?, ?)", id, difference);
  }

  /** Unconfirmed corrections of a request, oldest first, whether or not the request is remembered. */
  unconfirmedCorrections(requestId: string): ChainedEntry[] {
    // Ids of usage events are `use_<tail>.<attempt>…`. The outbox is only searched where there was a correction.
    const tail = `use_${requestId.replace(/^req_/, "")}`;
    const [made] = this.#sql.all("SELECT 1 FROM corrections WHERE id > ?1 || '.' AND id < ?1 || '/' LIMIT 1", tail);
    return made ? this.outbox.unconfirmedAbout(requestId) : [];
  }

  // — keys —

  key(id: string): StoredKey | null {
    const [row] = this.#sql.all<KeyColumns>("SELECT * FROM keys WHERE id = ?", id);
    return row ? toKey(row) : null;
  }

  keys(): StoredKey[] {
    return this.#sql.all<KeyColumns>("SELECT * FROM keys ORDER BY created_at, id").map(toKey);
  }

  addKey(key: StoredKey): void {
    this.#sql.run(
      "INSERT INTO keys (id, digest, name, scopes, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
      key.id,
      key.digest,
      key.name,
      key.scopes === null ? null : JSON.stringify(key.scopes),
      key.createdAt,
      key.expiresAt,
      key.revokedAt,
    );
  }

  /** Returns whether the key existed. Revoking twice keeps the first instant. */
  revokeKey(id: string, at: number): boolean {
    return this.#sql.run("UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?", at, id) > 0;
  }

  /** Lets a key from which another one takes over end at `at`, unless it ends sooner. */
  rollKey(id: string, at: number): void {
    this.#sql.run(
      "UPDATE keys SET unrolled_expires_at = coalesce(unrolled_expires_at, expires_at, 0), " +
        "expires_at = min(coalesce(expires_at, ?), ?) WHERE id = ?",
      at,
      at,
      id,
    );
  }
}
