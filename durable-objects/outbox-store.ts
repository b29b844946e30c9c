import { invariant } from "../src/core/amount.ts";
import type { ChainedEntry } from "../src/core/event.ts";
import type { CountedSql } from "./counted-sql.ts";

export interface OutboxRow {
  readonly seq: number;
  readonly json: string;
}

/** Entries up to here are confirmed, and beyond it those that are marked. */
const CONFIRMED_SEQ = "coalesce((SELECT confirmed_seq FROM delivery), 0)";
const UNCONFIRMED = `confirmed = 0 AND seq > ${CONFIRMED_SEQ}`;
const CONFIRMED = `(confirmed = 1 OR seq <= ${CONFIRMED_SEQ})`;

/** So many rows may rest: what an account that is as busy as one can be writes until its ledger has it. */
const RESTING_MOST = 2_000;

/**
 * The rows of the outbox. A confirmation moves one number for all entries up to it; their rows rest, and new entries take
 * their places. So an entry costs one row written, and its confirmation a part of one.
 *
 * Which rows rest is kept in memory too: `forget` it after anything was rolled back.
 */
export class OutboxStore {
  readonly #sql: CountedSql;
  /** The numbers of rows that rest; not known before they are looked up. */
  #resting: number[] | null = null;

  constructor(sql: CountedSql) {
    this.#sql = sql;
  }

  /** What is in memory may differ from what is stored. */
  forget(): void {
    this.#resting = null;
  }

  /** Stores entries; the last one's row carries `state`, which is newer than what any row before it carries. */
  post(entries: readonly ChainedEntry[], state: string | null): void {
    const last = entries.at(-1);
    for (const entry of entries) this.#post(entry, entry === last ? state : null);
  }

  #post(entry: ChainedEntry, state: string | null): void {
    const resting = this.#takeResting();
    if (resting === null) {
      this.#sql.run("INSERT INTO outbox (seq, entry, state) VALUES (?, ?, ?)", entry.seq, JSON.stringify(entry), state);
      return;
    }
    const replace = `UPDATE outbox SET seq = ?, entry = ?, state = ?, confirmed = 0 WHERE seq = ? AND ${CONFIRMED}`;
    const replaced = this.#sql.run(replace, entry.seq, JSON.stringify(entry), state, resting);
    invariant(replaced === 1, "an entry takes the place of one that the ledger has");
  }

  #takeResting(): number | null {
    this.#resting ??= this.#seqs(`SELECT seq FROM outbox WHERE ${CONFIRMED} ORDER BY seq`);
    return this.#resting.pop() ?? null;
  }

  /**
   * The ledger has exactly these entries. `keep` tells which row must not be deleted for what it carries: asked for where
   * more rows rest than a busy account fills.
   */
  confirm(seqs: readonly number[], keep: () => number | null): void {
    const told = JSON.stringify(seqs);
    const these = "(SELECT value FROM json_each(?))";
    const fresh = this.#seqs(`SELECT seq FROM outbox WHERE seq IN ${these} AND ${UNCONFIRMED} ORDER BY seq`, told);
    if (fresh.length === 0) return;
    const others = `SELECT seq FROM outbox WHERE ${UNCONFIRMED} AND seq NOT IN ${these} ORDER BY seq LIMIT 1`;
    const [firstOther = Number.POSITIVE_INFINITY] = this.#seqs(others, told);
    const upTo = fresh.findLast((seq) => seq < firstOther);
    if (upTo !== undefined) this.#writeConfirmed(upTo);
    const beyond = fresh.filter((seq) => seq > firstOther);
    if (beyond.length > 0) {
      this.#sql.run(`UPDATE outbox SET confirmed = 1 WHERE seq IN ${these}`, JSON.stringify(beyond));
    }
    this.#resting?.push(...fresh);
    this.#giveBack(keep);
  }

  #writeConfirmed(seq: number): void {
    // The other columns are of an older way to keep where the delivery stands.
    this.#sql.run(
      `INSERT INTO delivery (id, sent_seq, mark_seq, resend_at, tries, confirmed_seq) VALUES (1, 0, 0, 0, 0, ?)
       ON CONFLICT (id) DO UPDATE SET confirmed_seq = excluded.confirmed_seq`,
      seq,
    );
  }

  #giveBack(keep: () => number | null): void {
    const surplus = (this.#resting?.length ?? 0) - RESTING_MOST;
    if (!this.#resting || surplus <= 0) return;
    const kept = keep();
    const gone = this.#resting.splice(0, surplus).filter((seq) => seq !== kept);
    this.#sql.run("DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))", JSON.stringify(gone));
  }

  /** Unconfirmed entries after `afterSeq` and up to `lastSeq`, oldest first. */
  unconfirmed(afterSeq: number, lastSeq: number, limit: number): OutboxRow[] {
    return this.#sql
      .all<{ seq: number; entry: string }>(
        `SELECT seq, entry FROM outbox WHERE seq > max(?, ${CONFIRMED_SEQ}) AND seq <= ? AND confirmed = 0
         ORDER BY seq LIMIT ?`,
        afterSeq,
        lastSeq,
        limit,
      )
      .map(({ seq, entry }) => ({ seq, json: entry }));
  }

  unconfirmedSeqs(limit: number): number[] {
    return this.#seqs(`SELECT seq FROM outbox WHERE ${UNCONFIRMED} ORDER BY seq LIMIT ?`, limit);
  }

  /** Those of the entries `seqs` that are unconfirmed, oldest first. */
  unconfirmedOf(seqs: readonly number[]): ChainedEntry[] {
    const rows = this.#sql.all<{ entry: string }>(
      `SELECT entry FROM outbox WHERE seq IN (SELECT value FROM json_each(?)) AND ${UNCONFIRMED} ORDER BY seq`,
      JSON.stringify(seqs),
    );
    return rows.map(({ entry }) => JSON.parse(entry) as ChainedEntry);
  }

  /** Unconfirmed entries about a request, oldest first. All of the outbox is searched. */
  unconfirmedAbout(requestId: string): ChainedEntry[] {
    const rows = this.#sql.all<{ entry: string }>(
      `SELECT entry FROM outbox WHERE ${UNCONFIRMED} AND json_extract(entry, '$.usage.requestId') = ? ORDER BY seq`,
      requestId,
    );
    return rows.map(({ entry }) => JSON.parse(entry) as ChainedEntry);
  }

  /** The hash of an entry, by its own row or by that of the one after it; `null` where neither is here. */
  hashAt(seq: number): string | null {
    const [row] = this.#sql.all<{ hash: string }>(
      `SELECT entry ->> (CASE seq WHEN ?1 THEN '$.hash' ELSE '$.prev' END) AS hash FROM outbox
       WHERE seq IN (?1, ?1 + 1) ORDER BY seq LIMIT 1`,
      seq,
    );
    return row?.hash ?? null;
  }

  /** The number of the account's last entry; 0 where there is none. */
  lastSeq(): number {
    const [row] = this.#sql.all<{ seq: number | null }>(
      "SELECT max(coalesce((SELECT max(seq) FROM outbox), 0), coalesce((SELECT seq FROM account), 0)) AS seq",
    );
    return row?.seq ?? 0;
  }

  /** How many entries are unconfirmed, and the numbers of the first and the last of them. */
  span(): { count: number; first: number | null; last: number | null } {
    const [row] = this.#sql.all<{ n: number; first: number | null; last: number | null }>(
      `SELECT count(*) AS n, min(seq) AS first, max(seq) AS last FROM outbox WHERE ${UNCONFIRMED}`,
    );
    return { count: row?.n ?? 0, first: row?.first ?? null, last: row?.last ?? null };
  }

  /** The instant of the oldest unconfirmed entry (epoch ms); `null` where all are confirmed. */
  oldestAt(): number | null {
    const [row] = this.#sql.all<{ at: number }>(
      `SELECT entry ->> '$.at' AS at FROM outbox WHERE ${UNCONFIRMED} ORDER BY seq LIMIT 1`,
    );
    return row?.at ?? null;
  }

  /** How often in a row the outbox had to be sent again. */
  resendTries(): number {
    const [row] = this.#sql.all<{ tries: number }>("SELECT tries FROM delivery");
    return row?.tries ?? 0;
  }

  writeResendTries(tries: number): void {
    this.#sql.run(
      `INSERT INTO delivery (id, sent_seq, mark_seq, resend_at, tries) VALUES (1, 0, 0, 0, ?)
       ON CONFLICT (id) DO UPDATE SET tries = excluded.tries`,
      tries,
    );
  }

  #seqs(query: string, ...bindings: readonly (string | number)[]): number[] {
    return this.#sql.all<{ seq: number }>(query, ...bindings).map(({ seq }) => seq);
  }
}
