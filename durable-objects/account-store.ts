import type { Change } from "../src/core/account.ts";
import { invariant } from "../src/core/amount.ts";
import type { CarryOver } from "../src/core/carry-over.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import { type KeyColumns, type StoredKey, toKey } from "./account-rows.ts";
import type { CountedSql } from "./counted-sql.ts";
import { ReservationStore } from "./reservation-store.ts";
import { StateStore } from "./state-store.ts";

export interface OutboxRow {
  readonly seq: number;
  readonly json: string;
}

/**
 * All SQL of the account object but that of its state, its reservations and its resources. Every method is synchronous; the
 * object wraps each command in one transaction.
 */
export class AccountStore {
  readonly state: StateStore;
  readonly reservations: ReservationStore;
  readonly #sql: CountedSql;

  constructor(sql: CountedSql) {
    this.#sql = sql;
    this.state = new StateStore(sql);
    this.reservations = new ReservationStore(sql);
  }

  /** Stores what a command changed. */
  write(change: Change): void {
    const carried = this.state.take(change);
    for (const reservation of change.reservations) this.reservations.write(reservation);
    const last = change.entries.at(-1);
    if (!last) return;
    const resting = this.state.takeResting();
    for (const entry of change.entries) {
      if (entry === last && resting !== null) this.#replace(resting, entry, carried);
      else this.#post(entry, entry === last ? carried : null);
    }
  }

  #post(entry: ChainedEntry, state: string | null): void {
    this.#sql.run("INSERT INTO outbox (seq, entry, state) VALUES (?, ?, ?)", entry.seq, JSON.stringify(entry), state);
  }

  /** What only stayed for what it carried makes place for an entry that carries that, unless the tables hold it by now. */
  #replace(resting: number, entry: ChainedEntry, state: string | null): void {
    const replace = "UPDATE outbox SET seq = ?, entry = ?, state = ?, confirmed = 0 WHERE seq = ? AND confirmed = 1";
    const replaced = this.#sql.run(replace, entry.seq, JSON.stringify(entry), state, resting);
    invariant(replaced === 1, "an entry takes the place of one that the ledger has");
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

  /** Lets a key end at `at`, unless it ends sooner. */
  expireKey(id: string, at: number): void {
    this.#sql.run("UPDATE keys SET expires_at = min(coalesce(expires_at, ?), ?) WHERE id = ?", at, at, id);
  }

  // — outbox —

  /** Unconfirmed entries after `afterSeq` and up to `lastSeq`, oldest first. */
  unconfirmed(afterSeq: number, lastSeq: number, limit: number): OutboxRow[] {
    return this.#sql
      .all<{ seq: number; entry: string }>(
        "SELECT seq, entry FROM outbox WHERE seq > ? AND seq <= ? AND confirmed = 0 ORDER BY seq LIMIT ?",
        afterSeq,
        lastSeq,
        limit,
      )
      .map(({ seq, entry }) => ({ seq, json: entry }));
  }

  unconfirmedSeqs(limit: number): number[] {
    return this.#sql
      .all<{ seq: number }>("SELECT seq FROM outbox WHERE confirmed = 0 ORDER BY seq LIMIT ?", limit)
      .map(({ seq }) => seq);
  }

  /** Those of the entries `seqs` that are unconfirmed, oldest first. */
  unconfirmedOf(seqs: readonly number[]): ChainedEntry[] {
    const rows = this.#sql.all<{ entry: string }>(
      "SELECT entry FROM outbox WHERE seq IN (SELECT value FROM json_each(?)) AND confirmed = 0 ORDER BY seq",
      JSON.stringify(seqs),
    );
    return rows.map(({ entry }) => JSON.parse(entry) as ChainedEntry);
  }

  /** Unconfirmed corrections of a request, oldest first, whether or not the request is remembered. */
  unconfirmedCorrections(requestId: string): ChainedEntry[] {
    // Ids of usage events are `use_<tail>.<attempt>…`. The outbox is only searched where there was a correction.
    const tail = `use_${requestId.replace(/^req_/, "")}`;
    const [made] = this.#sql.all("SELECT 1 FROM corrections WHERE id > ?1 || '.' AND id < ?1 || '/' LIMIT 1", tail);
    if (!made) return [];
    const rows = this.#sql.all<{ entry: string }>(
      "SELECT entry FROM outbox WHERE confirmed = 0 AND json_extract(entry, '$.usage.requestId') = ? ORDER BY seq",
      requestId,
    );
    return rows.map(({ entry }) => JSON.parse(entry) as ChainedEntry);
  }

  /** The hash of an entry, by itself or by the one after it, as far as they are unconfirmed. */
  unconfirmedHash(seq: number): string | null {
    const [row] = this.#sql.all<{ hash: string }>(
      `SELECT entry ->> (CASE seq WHEN ?1 THEN '$.hash' ELSE '$.prev' END) AS hash FROM outbox
       WHERE seq IN (?1, ?1 + 1) ORDER BY seq LIMIT 1`,
      seq,
    );
    return row?.hash ?? null;
  }

  /** The number of the account's last entry; 0 where there is none. What left the outbox is in the tables. */
  lastSeq(): number {
    const [row] = this.#sql.all<{ seq: number | null }>(
      "SELECT max(coalesce((SELECT max(seq) FROM outbox), 0), coalesce((SELECT seq FROM account), 0)) AS seq",
    );
    return row?.seq ?? 0;
  }

  outboxSpan(): { count: number; first: number | null; last: number | null } {
    const [row] = this.#sql.all<{ n: number; first: number | null; last: number | null }>(
      "SELECT count(*) AS n, min(seq) AS first, max(seq) AS last FROM outbox WHERE confirmed = 0",
    );
    return { count: row?.n ?? 0, first: row?.first ?? null, last: row?.last ?? null };
  }

  /** Takes out exactly the entries that the ledger has confirmed; what they changed stays, in the tables or with one of them. */
  confirm(seqs: readonly number[]): void {
    const kept = this.state.keep();
    const left = JSON.stringify(seqs.filter((seq) => seq !== kept));
    if (left !== "[]") this.#sql.run("DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))", left);
    if (kept !== null && seqs.includes(kept)) {
      this.#sql.run("UPDATE outbox SET confirmed = 1 WHERE seq = ? AND confirmed = 0", kept);
    }
    this.state.forgetResting();
  }

  /** How often in a row the outbox had to be sent again. */
  resendTries(): number {
    const [row] = this.#sql.all<{ tries: number }>("SELECT tries FROM delivery");
    return row?.tries ?? 0;
  }

  writeResendTries(tries: number): void {
    // The other columns are of an older way to keep where the delivery stands.
    this.#sql.run(
      `INSERT INTO delivery (id, sent_seq, mark_seq, resend_at, tries) VALUES (1, 0, 0, 0, ?)
       ON CONFLICT (id) DO UPDATE SET tries = excluded.tries`,
      tries,
    );
  }
}
