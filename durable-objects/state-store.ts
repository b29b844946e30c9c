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

/** So many grants may be ahead of the tables: what an entry carries stays small. */
const GRANTS_MOST = 8;

/**
 * The account's row, its plan and its grants. The tables hold them as they were after some entry of the journal; the
 * newest entry since then carries, in its own row of the outbox, the row and all grants that have changed meanwhile. So a
 * settlement writes one row for all of them, and the tables are written once for many entries.
 *
 * What is ahead of the tables is kept in memory too; `load` reads it again, and must, after anything was rolled back.
 */
export class StateStore {
  readonly #sql: CountedSql;
  /** The newest row; `null` where there is no account. */
  #row: AccountRow | null = null;
  /** The entry after which the tables stand. */
  #tablesAt = 0;
  /** Grants that are ahead of the tables, as they are now. */
  readonly #grantsAhead = new Map<string, Grant>();
  /** The entry that carries all that the tables lack; `null` where none does. */
  #carrier: number | null = null;
  /** Whether several entries carry parts of it, as older code had it. */
  #isScattered = false;

  constructor(sql: CountedSql) {
    this.#sql = sql;
  }

  /** The account with its open grants; `null` when it was never created. */
  load(): { readonly row: AccountRow; readonly grants: readonly Grant[] } | null {
    this.#grantsAhead.clear();
    this.#carrier = null;
    this.#isScattered = false;
    this.#row = this.#readTables();
    if (!this.#row) return null;
    this.#tablesAt = this.#row.seq;
    this.#readAhead(this.#row.plan);
    const open = this.#sql.all<GrantColumns>("SELECT * FROM grants WHERE used + lapsed < amount").map(toGrant);
    const newest = new Map([...open.map((grant) => [grant.id, grant] as const), ...this.#grantsAhead]);
    return { row: this.#row, grants: [...newest.values()].filter((grant) => remaining(grant) > 0) };
  }

  #readAhead(plan: Plan): void {
    const [newest] = this.#statesAhead("DESC LIMIT 1");
    if (!newest) return;
    const { whole } = parseState(newest.state, plan);
    const states = whole ? [newest] : this.#statesAhead("ASC");
    for (const { state } of states) {
      const { row, grants } = parseState(state, plan);
      this.#row = row;
      for (const grant of grants) this.#grantsAhead.set(grant.id, grant);
    }
    if (whole) this.#carrier = newest.seq;
    this.#isScattered = !whole;
  }

  #statesAhead(order: "ASC" | "DESC LIMIT 1"): { seq: number; state: string }[] {
    return this.#sql.all(
      `SELECT seq, state FROM outbox WHERE seq > ? AND state IS NOT NULL ORDER BY seq ${order}`,
      this.#tablesAt,
    );
  }

  /**
   * Takes in what a command changed. Answers what the row of its last entry has to carry, or `null` when the tables hold
   * everything: whatever comes without an entry is written to them at once.
   */
  take({ row, grants, entries }: Change): string | null {
    if (!row && grants.length === 0 && entries.length === 0) return null;
    invariant(row !== null || entries.length === 0, "an entry moves the account's row");
    const newest = row ?? this.#row;
    invariant(newest !== null, "only an account that exists has grants");
    // The tables' own CHECKs come too late for an entry that is ahead of them.
    invariant(newest.balance >= 0 && newest.used >= 0, "a balance is never below zero");
    for (const grant of grants) {
      invariant(isSound(grant), `grant ${grant.id} is overdrawn`);
      this.#grantsAhead.set(grant.id, grant);
    }
    this.#row = newest;
    const last = entries.at(-1);
    if (last && this.#grantsAhead.size <= GRANTS_MOST) {
      this.#carrier = last.seq;
      this.#isScattered = false;
      return serialiseState(newest, [...this.#grantsAhead.values()]);
    }
    this.#writeTables(newest);
    return null;
  }

  /**
   * The entry whose row must stay when others leave the outbox, because it carries what the tables lack; `null` where they
   * hold everything, which is made so where no single entry carries it.
   */
  keep(): number | null {
    if (this.#isScattered && this.#row) this.#writeTables(this.#row);
    return this.#carrier;
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
    this.#carrier = null;
    this.#isScattered = false;
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
