import { describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { credits, planOf, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

/** An account whose ledger has nothing but what it is told to have. */
class Customer {
  readonly platform = new SqlitePlatform(T0);
  account = new Account(this.platform);
  #grants = 0;

  /** So many entries are made at first. */
  constructor(entries: number) {
    this.account.create("acct_outbox", planOf({}));
    for (let entry = 0; entry < entries; entry += 1) this.grant();
  }

  /** Makes an entry. */
  grant(): void {
    this.#grants += 1;
    const terms = { kind: "paid", priority: 50, effectiveAt: T0, expiresAt: null, features: null, reason: "" } as const;
    this.account.grant({ id: `grt_${this.#grants}`, amount: credits(1), ...terms });
  }

  /** Returns how many rows the confirmation wrote. */
  confirm(...seqs: number[]): number {
    const before = this.account.work().rowsWritten;
    this.account.confirm(1, seqs);
    return this.account.work().rowsWritten - before;
  }

  evict(): void {
    this.account = new Account(this.platform);
  }

  unconfirmed(): readonly number[] {
    return this.account.head()?.unconfirmed ?? [];
  }

  rows(): number[] {
    const rows = this.platform.sql.exec<{ seq: number }>("SELECT seq FROM outbox ORDER BY seq").toArray();
    return rows.map(({ seq }) => seq);
  }
}

describe("what the ledger has confirmed", () => {
  it("costs one row, however many entries it is, and nothing when it is told again", () => {
    const customer = new Customer(40);
    const all = Array.from({ length: 40 }, (_, index) => index + 1);
    expect(customer.confirm(...all)).toBe(1);
    expect(customer.unconfirmed()).toEqual([]);
    expect(customer.confirm(...all)).toBe(0);
    customer.evict();
    expect(customer.unconfirmed()).toEqual([]);
    expect(customer.confirm(7)).toBe(0);
  });

  it("is exactly that, where the ledger lacks something before it", () => {
    const customer = new Customer(5);
    expect(customer.confirm(3)).toBe(1);
    expect(customer.unconfirmed()).toEqual([1, 2, 4, 5]);
    expect(customer.confirm(1, 5)).toBe(2);
    customer.evict();
    expect(customer.unconfirmed()).toEqual([2, 4]);
    expect(customer.confirm(2, 4)).toBe(1);
    customer.evict();
    expect(customer.unconfirmed()).toEqual([]);
  });

  it("makes place for new entries, so that rows are as many as ever waited at once", () => {
    const customer = new Customer(6);
    customer.confirm(1, 2, 3, 4);
    for (let entry = 7; entry <= 10; entry += 1) customer.grant();
    expect(customer.rows()).toHaveLength(6);
    expect(customer.unconfirmed()).toEqual([5, 6, 7, 8, 9, 10]);
    customer.grant();
    expect(customer.rows()).toHaveLength(7);
    customer.confirm(5, 6);
    customer.evict();
    customer.grant();
    customer.grant();
    customer.grant();
    expect(customer.rows()).toHaveLength(8);
    expect(customer.unconfirmed()).toEqual([7, 8, 9, 10, 11, 12, 13, 14]);
  });

  it("makes place again where the command that took it has failed", () => {
    const customer = new Customer(1);
    customer.confirm(1);
    customer.grant();
    customer.confirm(2);
    const { platform } = customer;
    const { setAlarm } = platform;
    platform.setAlarm = () => {
      throw new Error("out of order");
    };
    platform.alarmAt = null;
    customer.evict();
    expect(() => customer.grant()).toThrow(/out of order/);
    platform.setAlarm = setAlarm;
    customer.grant();
    expect(customer.rows()).toEqual([3]);
    expect(customer.unconfirmed()).toEqual([3]);
  });

  it("gives back what a long outage of the ledger took, and no more", () => {
    const customer = new Customer(2_300);
    customer.confirm(...Array.from({ length: 2_300 }, (_, index) => index + 1));
    expect(customer.rows()).toHaveLength(2_000);
    const before = customer.account.describe();
    customer.evict();
    expect(customer.account.describe()).toEqual(before);
    customer.grant();
    expect(customer.rows()).toHaveLength(2_000);
    expect(customer.unconfirmed()).toEqual([2_301]);
  });

  it("is known from how older code kept it: rows that it deleted, and one that stayed", () => {
    const customer = new Customer(6);
    customer.platform.sql.exec("DELETE FROM outbox WHERE seq IN (1, 3)");
    customer.platform.sql.exec("UPDATE outbox SET confirmed = 1 WHERE seq = 6");
    customer.evict();
    expect(customer.unconfirmed()).toEqual([2, 4, 5]);
    customer.grant();
    expect(customer.rows()).toEqual([2, 4, 5, 7]);
    expect(customer.confirm(2, 4)).toBe(1);
    customer.evict();
    expect(customer.unconfirmed()).toEqual([5, 7]);
    expect(customer.confirm(5, 7)).toBe(1);
    expect(customer.unconfirmed()).toEqual([]);
  });
});
