import { describe, expect, it } from "vitest";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { BrokenInvariant, sum } from "../../src/core/amount.ts";
import { auditEntry, auditHead, beginAudit } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type Grant, remaining } from "../../src/core/grant.ts";
import { addGrant, lapseGrants, voidGrant } from "../../src/core/granting.ts";
import { receiptOf } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { refund, refundable } from "../../src/core/refund.ts";
import type { Refund, Reservation } from "../../src/core/reservation.ts";
import { expire, settleLate } from "../../src/core/settlement.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  charge,
  commandOf,
  credits,
  DAY,
  demandOf,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  PLAIN_RATE,
  planOf,
  reportOf,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";

/** An account with all that an object stores of it. */
class Book {
  readonly state: AccountState = accountWith({
    plan: planOf({ allowances: [allowanceOf("included", [anchored(DAY, credits(5))])] }),
  });
  readonly grants = new Map<string, Grant>();
  readonly entries: ChainedEntry[] = [];

  constructor(...amounts: [id: string, amount: number, expiresAt?: number][]) {
    for (const [index, [id, amount, expiresAt = null]] of amounts.entries()) {
      this.apply(addGrant(this.state, grantOf(id, amount, { expiresAt, priority: index }), T0, sha256).change);
    }
  }

  apply(change: Parameters<typeof applyChange>[1]): void {
    for (const grant of change.grants) this.grants.set(grant.id, grant);
    this.entries.push(...change.entries);
    applyChange(this.state, change);
  }

  charge(id: string, amount: number): Reservation {
    const ended = charge(this.state, hold(this.state, commandOf(id, amount)), amount);
    for (const grant of ended.change.grants) this.grants.set(grant.id, grant);
    this.entries.push(...ended.change.entries);
    return ended.reservation;
  }

  refund(reservation: Reservation, amount: number, part: Partial<Refund> = {}): Reservation {
    const wanted: Refund = { id: `rfd_${amount}`, amount: credits(amount), at: T0, reason: "poor answer", ...part };
    const done = refund(this.state, reservation, wanted, (id) => this.grants.get(id) ?? null, sha256);
    this.apply(done.change);
    this.check();
    return done.reservation;
  }

  /** What is left of each grant. */
  left(): Record<string, number> {
    return Object.fromEntries([...this.grants.values()].map((grant) => [grant.id, remaining(grant) / credits(1)]));
  }

  /** C23: granted − used + refunded, by the journal alone, is what there is. */
  check(): void {
    const total = (kind: string): number =>
      sum(this.entries.flatMap(({ updates }) => updates.filter((u) => u.kind === kind).map((u) => u.amount)));
    const { balance, used } = this.state.row;
    expect(total("grant") - total("debit") + total("refund") - total("expiry") - total("void")).toBe(balance);
    expect(total("debit") - total("refund")).toBe(used);
    expect(used).toBe(sum([...this.grants.values()].map((grant) => grant.used)));
    const audit = beginAudit(sha256, this.state.row.id, this.state.row.epoch);
    for (const entry of this.entries) auditEntry(audit, entry, () => PLAIN_RATE, sha256);
    const left = new Map([...this.grants.values()].map((grant) => [grant.id, remaining(grant)]));
    auditHead(audit, { ...this.state.row, grants: left });
    expect(audit.differences).toEqual([]);
  }
}

describe("a refund goes back to the grants that paid, last payer first", () => {
  it.each([
    [1, { first: 0, second: 0, third: 4 }],
    [2, { first: 0, second: 0, third: 5 }],
    [5, { first: 0, second: 3, third: 5 }],
    [9, { first: 4, second: 3, third: 5 }],
  ])("of 14 charged, 5 of them included, %d refunded", (amount, left) => {
    const book = new Book(["first", 4], ["second", 3], ["third", 5]);
    const settled = book.charge("req_1", 14);
    expect(book.left()).toEqual({ first: 0, second: 0, third: 3 });
    book.refund(settled, amount);
    expect(book.left()).toEqual(left);
  });

  it("step by step as at once", () => {
    const book = new Book(["first", 4], ["second", 3], ["third", 5]);
    let settled = book.charge("req_1", 14);
    for (const [index, amount] of [1, 3, 1, 4].entries())
      settled = book.refund(settled, amount, { id: `rfd_${index}` });
    expect(book.left()).toEqual({ first: 4, second: 3, third: 5 });
    expect(refundable(settled)).toBe(0);
  });

  it("and can be spent by the very next request", () => {
    const book = new Book(["paid", 4]);
    const settled = book.charge("req_1", 9);
    expect(decide(book.state, demandOf(3), T0)).toMatchObject({ outcome: "denied" });
    book.refund(settled, 3);
    expect(decide(book.state, demandOf(3), T0)).toMatchObject({ outcome: "allowed" });
  });

  it("with its reason, and with the charge as its cause", () => {
    const book = new Book(["paid", 4]);
    book.refund(book.charge("req_1", 9), 3);
    expect(book.entries.at(-1)).toMatchObject({
      usage: null,
      monetization: null,
      updates: [
        { kind: "refund", source: "paid", delta: credits(3), cause: "mon_1.1", detail: { reason: "poor answer" } },
      ],
    });
  });

  it("what a grant paid at the expiry and late comes back to it together", () => {
    const book = new Book(["paid", 20]);
    const pending = { ...hold(book.state, commandOf("req_1", 10)), checkpoint: worth(8) };
    const expired = finish(book.state, expire(book.state, pending, T0 + MINUTE, sha256));
    const late = finish(
      book.state,
      settleLate(book.state, expired.reservation, reportOf(worth(12)), T0 + HOUR, sha256),
    );
    for (const { change } of [expired, late]) {
      for (const grant of change.grants) book.grants.set(grant.id, grant);
      book.entries.push(...change.entries);
    }
    expect(book.left()).toEqual({ paid: 13 });
    book.refund(late.reservation, 7);
    expect(book.left()).toEqual({ paid: 20 });
  });
});

describe("a refund is never more than what was paid in credits", () => {
  it("included use is no credits", () => {
    const book = new Book(["paid", 4]);
    const settled = book.charge("req_1", 7);
    expect(refundable(settled)).toBe(credits(2));
    expect(() => book.refund(settled, 3)).toThrow(BrokenInvariant);
    expect(refundable(book.charge("req_2", 0))).toBe(0);
  });

  it("together with what was refunded before", () => {
    const book = new Book(["paid", 10]);
    const once = book.refund(book.charge("req_1", 15), 6);
    expect(refundable(once)).toBe(credits(4));
    expect(() => book.refund(once, 5)).toThrow(BrokenInvariant);
    expect(refundable(book.refund(once, 4))).toBe(0);
  });

  it.each([0, -1, 0.000_000_5])("%d credits are no refund", (amount) => {
    const book = new Book(["paid", 10]);
    const settled = book.charge("req_1", 15);
    const before = structuredClone(book.state);
    expect(() => book.refund(settled, amount, { amount: amount * 1e6 })).toThrow(BrokenInvariant);
    expect(book.state).toEqual(before);
  });

  it("what nobody had covered was refunded already", () => {
    const book = new Book(["paid", 10]);
    const ended = charge(book.state, hold(book.state, commandOf("req_1", 15)), 40);
    expect(ended.settlement.overshoot).toBe(credits(25));
    expect(refundable(ended.reservation)).toBe(credits(10));
  });

  it("a request that is under way, or was released, has nothing to refund", () => {
    const book = new Book(["paid", 10]);
    expect(refundable(hold(book.state, commandOf("req_1", 8)))).toBe(0);
  });
});

describe("when the grant that paid has ended, an adjustment takes its place", () => {
  it("after its expiry", () => {
    const book = new Book(["promo", 4, T0 + DAY], ["paid", 10]);
    const settled = book.charge("req_1", 12);
    const lapsed = lapseGrants(book.state, T0 + DAY, sha256);
    if (lapsed) book.apply(lapsed);
    book.refund(settled, 7, { at: T0 + DAY });
    const adjustment = [...book.grants.values()].find(({ kind }) => kind === "adjustment");
    expect(adjustment).toMatchObject({ amount: credits(4), used: 0, expiresAt: null, effectiveAt: T0 + DAY });
    expect(book.entries.at(-1)?.updates).toMatchObject([
      { kind: "refund", source: "paid", amount: credits(3) },
      { kind: "grant", source: adjustment?.id, amount: credits(4), detail: { kind: "adjustment" } },
    ]);
    expect(decide(book.state, demandOf(14), T0 + DAY)).toMatchObject({ outcome: "allowed" });
  });

  it("after it was voided", () => {
    const book = new Book(["paid", 10]);
    const settled = book.charge("req_1", 9);
    const paid = book.grants.get("paid");
    if (!paid) throw new Error("no grant");
    book.apply(voidGrant(book.state, paid, "fraud", T0, sha256).change);
    book.refund(settled, 4);
    expect(book.state.row.balance).toBe(credits(4));
    expect([...book.grants.values()].filter(({ kind }) => kind === "adjustment")).toHaveLength(1);
  });

  it("the same refund is always the same grant", () => {
    const ids = [1, 2].map(() => {
      const book = new Book(["promo", 4, T0 + DAY]);
      book.refund(book.charge("req_1", 9), 4, { at: T0 + DAY, id: "rfd_1" });
      return [...book.grants.keys()].at(-1);
    });
    expect(ids[0]).toBe(ids[1]);
  });
});

it("the receipt shows what was refunded, whoever remembers it", () => {
  const book = new Book(["promo", 4, T0 + DAY], ["paid", 10]);
  const before = book.entries.length;
  const settled = book.refund(book.charge("req_1", 12), 6, { at: T0 + DAY });
  const object = receiptOf(settled, true);
  expect(object.refunded).toBe(credits(6));
  expect(receiptFromLedger(book.entries.slice(before))).toEqual(object);
});

it("a frozen account takes a refund and still spends no credits", () => {
  const book = new Book(["paid", 4]);
  const settled = book.charge("req_1", 9);
  book.state.row = { ...book.state.row, status: "frozen" };
  book.refund(settled, 3);
  expect(decide(book.state, demandOf(1), T0)).toMatchObject({ outcome: "denied" });
});
