import type { AccountRow, Change } from "../src/core/account.ts";
import { invariant } from "../src/core/amount.ts";
import { type Grant, isSound, remaining } from "../src/core/grant.ts";
import type { Plan } from "../src/core/plan.ts";
import {
  type AccountColumns,
  type GrantColumns,
  parseState,
  serialiseMeters,
  serialiseState,
  toAccount,
  toGrant,
} from "./account-rows.ts";
import type { CountedSql } from "./counted-sql.ts";

/** So many entries may be ahead of the tables: what a load has to read stays small, however long the queue is away. */
const AHEAD_MOST = 50;

/**
 * The account's row, its plan and its grants. The tables hold them as they were after some entry of the journal; each
 * entry since then carries the row and the grants that it changed in its own row of the outbox. So a settlement writes
 * one row for all of them, and the tables are written once for many entries: before one of those leaves the outbox.
 *
 * What is ahead of the tables is kept in memory too; `load` reads it again, and must, after anything was rolled back.
 */
export class StateStore {
  readonly #sql: CountedSql;
  /** The newest row; `null` where there is no account. */
  #row: AccountRow | null = null;
  /** The entry after which the tables stand. */
  #tablesAt = 0;
  /** Entries that are ahead of the tables, and the grants that they changed, as they are now. */
  #entriesAhead = 0;
  readonly #grantsAhead = new Map<string, Grant>();

  constructor(sql: CountedSql) {
    this.#sql = sql;
  }

  /** The account with its open grants; `null` when it was never created. */
  load(): { readonly row: AccountRow; readonly grants: readonly Grant[] } | null {
    this.#grantsAhead.clear();
    this.#row = this.#readTables();
    if (!this.#row) return null;
    this.#tablesAt = this.#row.seq;
    const ahead = this.#sql.all<{ state: string }>(
      "SELECT state FROM outbox WHERE seq > ? AND state IS NOT NULL ORDER BY seq",
      this.#tablesAt,
    );
    this.#entriesAhead = ahead.length;
    for (const { state } of ahead) {
      const { row, grants } = parseState(state, this.#row.plan);
      this.#row = row;
      for (const grant of grants) this.#grantsAhead.set(grant.id, grant);
    }
    const open = this.#sql.all<GrantColumns>("SELECT * FROM grants WHERE used + lapsed < amount").map(toGrant);
    const newest = new Map([...open.map((grant) => [grant.id, grant] as const), ...this.#grantsAhead]);
    return { row: this.#row, grants: [...newest.values()].filter((grant) => remaining(grant) > 0) };
  }

  /**
   * Takes in what a command changed. Answers what the row of its last entry has to carry, or `null` when the tables hold
   * everything: whatever comes without an entry is written to them at once.
   */
  take({ row, grants, entries }: Change): string | null {
    if (!row && grants.length === 0) return null;
    const newest = row ?? this.#row;
    invariant(newest !== null, "only an account that exists has grants");
    // The tables' own CHECKs come too late for an entry that is ahead of them.
    invariant(newest.balance >= 0 && newest.used >= 0, "a balance is never below zero");
    for (const grant of grants) {
      invariant(isSound(grant), `grant ${grant.id} is overdrawn`);
      this.#grantsAhead.set(grant.id, grant);
    }
    this.#row = newest;
    this.#entriesAhead += 1;
    if (entries.length > 0 && this.#entriesAhead <= AHEAD_MOST) return serialiseState(newest, grants);
    this.#writeTables(newest);
    return null;
  }

  /** Brings the tables up to date, unless they hold what the entries up to `seq` changed. */
  catchUp(seq: number): void {
    if (this.#row && this.#entriesAhead > 0 && seq > this.#tablesAt) this.#writeTables(this.#row);
  }

  /** Stores a new account. Load it afterwards. */
  create(row: AccountRow): void {
    this.writePlan(row.plan);
    this.#writeAccount(row);
  }

  /** Stores an account and its grants in the place of whatever was there. Load it afterwards. */
  replace(row: AccountRow, grants: readonly Grant[]): void {
    this.#sql.run("DELETE FROM grants");
    this.create(row);
    for (const grant of grants) this.#writeGrant(grant);
  }

  writePlan(plan: Plan): void {
    this.#sql.run(
      "INSERT INTO plan (id, document) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
      JSON.stringify(plan),
    );
  }

  /** Any grant of the account, open or not. */
  grant(id: string): Grant | null {
    const ahead = this.#grantsAhead.get(id);
    if (ahead) return ahead;
    const [row] = this.#sql.all<GrantColumns>("SELECT * FROM grants WHERE id = ?", id);
    return row ? toGrant(row) : null;
  }

  #readTables(): AccountRow | null {
    const [row] = this.#sql.all<AccountColumns>("SELECT * FROM account");
    const [plan] = this.#sql.all<{ document: string }>("SELECT document FROM plan");
    return row && plan ? toAccount(row, plan.document) : null;
  }

  #writeTables(row: AccountRow): void {
    this.#writeAccount(row);
    for (const grant of this.#grantsAhead.values()) this.#writeGrant(grant);
    this.#grantsAhead.clear();
    this.#entriesAhead = 0;
    this.#tablesAt = row.seq;
  }

  #writeAccount(row: AccountRow): void {
    this.#sql.run(
      `INSERT INTO account (id, account_id, epoch, seq, head, status, status_reason, balance, used, meters, renewals, learned)
       VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, head = excluded.head,
         status = excluded.status, status_reason = excluded.status_reason, balance = excluded.balance, used = excluded.used, meters = excluded.meters,
         renewals = excluded.renewals, learned = excluded.learned`,
      row.id,
      row.epoch,
      row.seq,
      row.head,
      row.status,
      row.statusReason,
      row.balance,
      row.used,
      serialiseMeters(row.meters),
      JSON.stringify(row.renewals),
      JSON.stringify(row.learned),
    );
  }

  #writeGrant(grant: Grant): void {
    this.#sql.run(
      `INSERT INTO grants (id, kind, amount, priority, effective_at, expires_at, features, reason, created_at, created_seq, used, lapsed, voided_at, reclaimed)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET used = excluded.used, lapsed = excluded.lapsed, voided_at = excluded.voided_at,
         reclaimed = excluded.reclaimed`,
      grant.id,
      grant.kind,
      grant.amount,
      grant.priority,
      grant.effectiveAt,
      grant.expiresAt,
      grant.features === null ? null : JSON.stringify(grant.features),
      grant.reason,
      grant.createdAt,
      grant.createdSeq,
      grant.used,
      grant.lapsed,
      grant.voidedAt,
      grant.reclaimed ?? 0,
    );
  }
}
