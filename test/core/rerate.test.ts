import { describe, expect, it } from "vitest";
import { type AccountState, applyChange, NO_CHANGE } from "../../src/core/account.ts";
import { auditEntry, auditHead, beginAudit, type Difference } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import { type Grant, remaining } from "../../src/core/grant.ts";
import { addGrant, lapseGrants } from "../../src/core/granting.ts";
import { MESSAGE_VERSION } from "../../src/core/ledger-message.ts";
import type { Allowance } from "../../src/core/plan.ts";
import type { QuotedRate, Rate } from "../../src/core/rate-card.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { refund, refundable } from "../../src/core/refund.ts";
import { chargedOf, correctionId, type RerateCommand, type Rerated, rerate } from "../../src/core/rerate.ts";
import type { Reservation } from "../../src/core/reservation.ts";
import { expire, settle, settleLate } from "../../src/core/settlement.ts";
import { readMessage } from "../../src/ledger/message.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  commandOf,
  credits,
  DAY,
  grantOf,
  HOUR,
  hold,
  PLAIN_RATE,
  planOf,
  reportOf,
  sha256,
  sources,
  T0,
  worth,
} from "../support/core-fixtures.ts";

/** Prices by version of the card: version 1 costs one credit for each output token. */
const FACTORS: Readonly<Record<number, number>> = { 1: 1, 2: 2, 3: 0.5, 4: 1, 5: 0 };

function rateOf(cardVersion: number): Rate {
  return { ...PLAIN_RATE, tokens: { ...PLAIN_RATE.tokens, ...tokensAt(FACTORS[cardVersion] ?? 1) } };
}

function tokensAt(factor: number) {
  return { input: 0, cachedInput: 0, cacheWrite: 0, output: credits(1_000_000) * factor };
}

function quoteAt(cardVersion: number): QuotedRate {
  return { cardId: "default", cardVersion, model: "gpt-5.4", rate: rateOf(cardVersion) };
}

const INCLUDED = [allowanceOf("included", [anchored(DAY, credits(5))])];

/** An account with all that an object and the ledger remember of it. */
class Book {
  readonly state: AccountState;
  readonly grants = new Map<string, Grant>();
  readonly entries: ChainedEntry[] = [];
  now = T0;

  constructor(allowances: readonly Allowance[], ...amounts: [id: string, amount: number, expiresAt?: number][]) {
    this.state = accountWith({ plan: planOf({ allowances: [...allowances] }) });
    for (const [id, amount, expiresAt = null] of amounts) this.give(id, amount, expiresAt);
  }

  give(id: string, amount: number, expiresAt: number | null = null): void {
    const terms = grantOf(id, amount, { expiresAt, priority: this.grants.size });
    this.apply(addGrant(this.state, terms, this.now, sha256).change);
  }

  apply(change: Parameters<typeof applyChange>[1]): void {
    for (const grant of change.grants) this.grants.set(grant.id, grant);
    this.entries.push(...change.entries);
    applyChange(this.state, change);
  }

  /** A request that reserves `bound` and uses `used` credits at the price of version 1. */
  request(id: string, used: number, bound = used, estimated = false): Reservation {
    const report = reportOf(worth(used), estimated ? "cut" : "completed", estimated);
    const { reservation, change } = settle(
      this.state,
      hold(this.state, commandOf(id, bound), this.now),
      report,
      this.now,
      sha256,
    );
    this.apply(change);
    return reservation;
  }

  refund(reservation: Reservation, amount: number): Reservation {
    const wanted = { id: "rfd_1", amount: credits(amount), at: this.now, reason: "poor answer" };
    const grantOf = (id: string) => this.grants.get(id) ?? null;
    const done = refund(this.state, reservation, wanted, grantOf, sha256);
    this.apply(done.change);
    return done.reservation;
  }

  /** The entries of a request, with its refunds. */
  of(id: string): ChainedEntry[] {
    const events = new Set(this.entries.flatMap(({ usage }) => (usage?.requestId === id ? [usage.id] : [])));
    const causes = new Set([...events].map((event) => event.replace("use_", "mon_")));
    return this.entries.filter(
      ({ usage, updates }) => (usage && events.has(usage.id)) || updates.some(({ cause }) => causes.has(cause)),
    );
  }

  /** What corrects the price of a request to that of `version`. */
  command(id: string, version: number): RerateCommand {
    const charged = chargedOf(this.of(id), 1);
    if (!charged) throw new Error(`${id} was not charged`);
    return { charged, quote: quoteAt(version), reason: "the price was wrong" };
  }

  rerate(
    id: string,
    version: number,
    reservation: Reservation | null = null,
    command = this.command(id, version),
  ): Rerated {
    const grantOf = (grantId: string) => this.grants.get(grantId) ?? null;
    const done = rerate(this.state, reservation, command, grantOf, this.now, sha256);
    this.apply(done.change);
    return done;
  }

  /** What is left of each grant, in credits. */
  left(): Record<string, number> {
    return Object.fromEntries([...this.grants.values()].map((grant) => [grant.id, remaining(grant) / credits(1)]));
  }

  last(): ChainedEntry {
    const entry = this.entries.at(-1);
    if (!entry) throw new Error("nothing was written");
    return entry;
  }

  /** The audit of the whole journal against the account, every charge priced at its own version. */
  differences(): readonly Difference[] {
    const audit = beginAudit(sha256, this.state.row.id, this.state.row.epoch);
    for (const entry of this.entries) auditEntry(audit, entry, (_, version) => rateOf(version), sha256);
    const left = new Map([...this.grants.values()].map((grant) => [grant.id, remaining(grant)]));
    auditHead(audit, { ...this.state.row, grants: left });
    return audit.differences;
  }
}

/** What an entry changed, as `kind source=credits`. */
function told({ updates }: ChainedEntry): string[] {
  return updates.map(({ kind, source, amount }) => `${kind} ${source}=${amount / credits(1)}`);
}

describe("a price that was too low", () => {
  it("is made up for from what the sources can give now, in their order", () => {
    const book = new Book(INCLUDED, ["promo", 4], ["paid", 20]);
    book.request("req_1", 3);
    expect(book.rerate("req_1", 2).difference).toBe(credits(3));
    expect(told(book.last())).toEqual(["allowance included=2", "debit promo=1"]);
    expect(book.left()).toEqual({ promo: 3, paid: 20 });
    expect(book.differences()).toEqual([]);
  });

  it("what nobody covers is overshoot, refunded at once", () => {
    const book = new Book([], ["paid", 12]);
    book.request("req_1", 10);
    expect(book.rerate("req_1", 2).difference).toBe(credits(10));
    expect(told(book.last())).toEqual(["debit paid=2", "overshoot_refund null=8", "overshoot null=8"]);
    expect(book.state.row.balance).toBe(0);
    expect(book.differences()).toEqual([]);
  });

  it("takes nothing of what requests in flight have reserved", () => {
    const book = new Book([], ["paid", 12]);
    book.request("req_1", 4);
    const running = hold(book.state, commandOf("req_2", 6), T0);
    book.rerate("req_1", 2);
    expect(told(book.last())).toEqual(["debit paid=2", "overshoot_refund null=2", "overshoot null=2"]);
    book.apply(settle(book.state, running, reportOf(worth(6)), T0, sha256).change);
    expect(book.left()).toEqual({ paid: 0 });
    expect(book.differences()).toEqual([]);
  });

  it("takes nothing that was paid for from a frozen account", () => {
    const book = new Book([], ["paid", 12]);
    book.request("req_1", 4);
    book.state.row = { ...book.state.row, status: "frozen" };
    book.rerate("req_1", 2);
    expect(told(book.last())).toEqual(["overshoot_refund null=4", "overshoot null=4"]);
    expect(book.left()).toEqual({ paid: 8 });
  });

  it.each([
    ["requests", 10],
    ["tokens", 1_000],
  ] as const)("is no further use of what is included in %s", (unit, limit) => {
    const included = allowanceOf("included", [anchored(DAY, limit)], null, { unit });
    const book = new Book([included], ["paid", 20]);
    book.request("req_1", 3);
    const used = structuredClone(book.state.row.meters);
    book.rerate("req_1", 2);
    expect(book.state.row.meters).toEqual(used);
    expect(book.differences()).toEqual([]);
  });
});

describe("a price that was too high", () => {
  it("is given back to the grants that paid, last payer first", () => {
    const book = new Book([], ["first", 4], ["second", 10]);
    book.request("req_1", 12);
    expect(book.rerate("req_1", 3).difference).toBe(credits(-6));
    expect(book.left()).toEqual({ first: 0, second: 8 });
    expect(told(book.last())).toEqual(["refund second=6"]);
    expect(book.differences()).toEqual([]);
  });

  it("also across several grants, down to a price of nothing", () => {
    const book = new Book([], ["first", 4], ["second", 3], ["third", 5]);
    book.request("req_1", 9);
    expect(book.rerate("req_1", 5).difference).toBe(credits(-9));
    expect(book.left()).toEqual({ first: 4, second: 3, third: 5 });
    expect(book.state.row.used).toBe(0);
    expect(book.differences()).toEqual([]);
  });

  it("use that was included stays used", () => {
    const book = new Book(INCLUDED, ["paid", 10]);
    book.request("req_1", 8);
    const used = structuredClone(book.state.row.meters);
    expect(book.rerate("req_1", 3).difference).toBe(credits(-3));
    expect(book.left()).toEqual({ paid: 10 });
    expect(book.state.row.meters).toEqual(used);
    expect(book.differences()).toEqual([]);
  });

  it("changes nobody's balance where all of it was included", () => {
    const book = new Book(INCLUDED, ["paid", 10]);
    book.request("req_1", 4);
    const { balance } = book.state.row;
    expect(book.rerate("req_1", 3).difference + 0).toBe(0);
    expect(book.state.row.balance).toBe(balance);
    expect(book.differences()).toEqual([]);
  });

  it("what a grant paid that has ended comes back as an adjustment, which does not lapse", () => {
    const book = new Book([], ["promo", 10, T0 + HOUR]);
    book.request("req_1", 8);
    book.now = T0 + DAY;
    const lapsed = lapseGrants(book.state, book.now, sha256);
    if (lapsed) book.apply(lapsed);
    book.rerate("req_1", 3);
    const again = lapseGrants(book.state, book.now, sha256);
    if (again) book.apply(again);
    expect(book.state.row.balance).toBe(credits(4));
    expect(book.differences()).toEqual([]);
  });
});

describe("the right price", () => {
  it("changes nothing", () => {
    const book = new Book(INCLUDED, ["paid", 10]);
    book.request("req_1", 8);
    expect(book.rerate("req_1", 4)).toEqual({ difference: 0, change: NO_CHANGE });
  });

  it("changes nothing of what the gateway counted itself, which is never charged beyond what was reserved", () => {
    const book = new Book([], ["paid", 20]);
    book.request("req_1", 12, 8, true);
    expect(book.left()).toEqual({ paid: 12 });
    expect(book.rerate("req_1", 4)).toEqual({ difference: 0, change: NO_CHANGE });
  });

  it("there and back again leaves everybody with what they had", () => {
    const book = new Book([], ["first", 4], ["second", 30]);
    book.request("req_1", 8);
    const before = book.left();
    book.rerate("req_1", 2);
    expect(book.left()).toEqual({ first: 0, second: 18 });
    book.rerate("req_1", 4);
    expect(book.left()).toEqual(before);
    expect(book.differences()).toEqual([]);
  });
});

describe("what became of the request before counts", () => {
  it("overshoot was nobody's: what is still due beside it is not given back", () => {
    const book = new Book(INCLUDED, ["paid", 10]);
    book.request("req_1", 40, 8);
    expect(book.rerate("req_1", 3).difference).toBe(0);
    expect(book.left()).toEqual({ paid: 0 });
    expect(book.rerate("req_1", 5).difference).toBe(credits(-10));
    expect(book.differences()).toEqual([]);
  });

  it.each([
    [1, 4, 0],
    [1, 3, -3],
    [6, 3, 0],
    [6, 5, -2],
    [3, 2, 8],
  ])("%d refunded by hand, corrected to version %d: %d", (refunded, version, difference) => {
    const book = new Book([], ["paid", 30]);
    book.refund(book.request("req_1", 8), refunded);
    expect(book.rerate("req_1", version).difference).toBe(credits(difference));
    expect(book.state.row.balance).toBe(credits(22 + refunded - difference));
    expect(book.differences()).toEqual([]);
  });

  it("a late settlement is priced with its request, as all that was used", () => {
    const book = new Book([], ["paid", 30]);
    const pending = { ...hold(book.state, commandOf("req_1", 10), T0), checkpoint: worth(2) };
    const expired = expire(book.state, pending, T0, sha256);
    book.apply(expired.change);
    book.apply(settleLate(book.state, expired.reservation, reportOf(worth(8)), T0, sha256).change);
    expect(book.left()).toEqual({ paid: 22 });
    expect(book.rerate("req_1", 4).difference).toBe(0);
    expect(book.rerate("req_1", 3).difference).toBe(credits(-4));
    expect(book.rerate("req_1", 2).difference).toBe(credits(12));
    expect(book.left()).toEqual({ paid: 14 });
    expect(book.differences()).toEqual([]);
  });

  it("and afterwards: what was given back cannot be refunded again", () => {
    const book = new Book([], ["paid", 30]);
    const settled = book.request("req_1", 8);
    const [kept] = book.rerate("req_1", 3, settled).change.reservations;
    expect(kept && refundable(kept)).toBe(credits(4));
    expect(kept && book.refund(kept, 4) && book.left()).toEqual({ paid: 30 });
    expect(book.differences()).toEqual([]);
  });

  it("a request that was never charged is not corrected", () => {
    const book = new Book([], ["paid", 30]);
    expect(chargedOf(book.entries, 1)).toBeNull();
  });
});

describe("what the ledger did not have yet when it was read counts as well", () => {
  function reservationOf({ change }: Rerated): Reservation {
    const [reservation] = change.reservations;
    if (!reservation) throw new Error("the request is not remembered");
    return reservation;
  }

  it.each([
    [3, -3, 3],
    [5, -7, 1],
    [2, 8, 12],
  ])("a refund of 1, corrected to version %d: %d", (version, difference) => {
    const book = new Book([], ["paid", 30]);
    const settled = book.request("req_1", 8);
    const read = book.command("req_1", version);
    const refunded = book.refund(settled, 1);
    expect(book.rerate("req_1", version, refunded, read).difference).toBe(credits(difference));
    expect(book.state.row.balance).toBe(credits(23 - difference));
    expect(book.differences()).toEqual([]);
  });

  it.each([
    [2, 3, -12],
    [2, 5, -16],
    [3, 2, 12],
    [3, 4, 4],
    [5, 3, 4],
  ])("a correction to version %d, corrected to version %d: %d", (first, second, difference) => {
    const book = new Book([], ["paid", 30]);
    const settled = book.request("req_1", 8);
    const read = book.command("req_1", second);
    const corrected = reservationOf(book.rerate("req_1", first, settled));
    expect(book.rerate("req_1", second, corrected, read).difference).toBe(credits(difference));
    expect(book.state.row.balance).toBe(credits(30 - 8 * (FACTORS[second] ?? 0)));
    expect(book.differences()).toEqual([]);
  });

  it("a late settlement", () => {
    const book = new Book([], ["paid", 30]);
    const pending = { ...hold(book.state, commandOf("req_1", 10), T0), checkpoint: worth(2) };
    const expired = expire(book.state, pending, T0, sha256);
    book.apply(expired.change);
    const read = book.command("req_1", 3);
    const late = settleLate(book.state, expired.reservation, reportOf(worth(8)), T0, sha256);
    book.apply(late.change);
    expect(book.rerate("req_1", 3, late.reservation, read).difference).toBe(credits(-4));
    expect(book.last().usage?.usage).toEqual(worth(8));
    expect(book.left()).toEqual({ paid: 26 });
  });

  it("and what it does have is counted once", () => {
    const book = new Book(INCLUDED, ["first", 4], ["second", 30]);
    const refunded = book.refund(book.request("req_1", 12), 1);
    const dearer = reservationOf(book.rerate("req_1", 2, refunded));
    const cheaper = reservationOf(book.rerate("req_1", 3, dearer));
    expect(book.rerate("req_1", 4, cheaper).difference).toBe(credits(5));
    expect(book.differences()).toEqual([]);
  });
});

describe("what goes back goes to those who still have something in it", () => {
  it("a dearer price can be refunded too, and no grant gets back more than it has paid", () => {
    const book = new Book([], ["first", 8], ["second", 30]);
    const refunded = book.refund(book.request("req_1", 8), 8);
    book.request("req_2", 8);
    const [dearer] = book.rerate("req_1", 2, refunded).change.reservations;
    expect(book.left()).toEqual({ first: 0, second: 22 });
    expect(dearer && refundable(dearer)).toBe(credits(8));
    expect(book.rerate("req_1", 3, dearer).difference).toBe(credits(-4));
    expect(book.left()).toEqual({ first: 0, second: 26 });
    expect(book.differences()).toEqual([]);
  });

  it("nothing is left to refund of a price that was corrected to nothing", () => {
    const book = new Book([], ["paid", 30]);
    const [dearer] = book.rerate("req_1", 2, book.request("req_1", 8)).change.reservations;
    const [free] = book.rerate("req_1", 5, dearer).change.reservations;
    expect(free && refundable(free)).toBe(0);
    expect(book.left()).toEqual({ paid: 30 });
  });
});

describe("a correction is attributed to its event and to both versions", () => {
  it("dearer: by a monetization at the new version", () => {
    const book = new Book([], ["paid", 20]);
    book.request("req_1", 3);
    const [, original] = book.entries;
    book.rerate("req_1", 2);
    const { usage, monetization, updates } = book.last();
    expect(original?.monetization).toMatchObject({ id: "mon_1.1", cardVersion: 1 });
    expect(usage).toMatchObject({
      id: "use_1.1~c2",
      requestId: "req_1",
      attempt: 1,
      outcome: "corrected",
      usage: worth(3),
      decision: {
        rateCard: { id: "default", version: 2 },
        correction: { of: "use_1.1", reason: "the price was wrong" },
      },
    });
    expect(monetization).toEqual({
      id: "mon_1.1~c2",
      usageId: "use_1.1~c2",
      cardId: "default",
      cardVersion: 2,
      model: "gpt-5.4",
      amount: credits(3),
    });
    expect(updates).toMatchObject([{ cause: "mon_1.1~c2" }]);
  });

  it("cheaper: by a refund of the charge, with the reason", () => {
    const book = new Book([], ["paid", 20]);
    book.request("req_1", 4);
    book.rerate("req_1", 3);
    const { usage, monetization, updates } = book.last();
    expect(usage).toMatchObject({
      id: "use_1.1~c3",
      decision: { rateCard: { version: 3 }, correction: { of: "use_1.1" } },
    });
    expect(monetization).toBeNull();
    expect(updates).toMatchObject([
      { kind: "refund", source: "paid", cause: "mon_1.1", detail: { reason: "the price was wrong" } },
    ]);
  });

  it("always by the same name, so that it is made once", () => {
    const book = new Book([], ["paid", 20]);
    book.request("req_1", 4);
    const { usage } = book.command("req_1", 3).charged;
    expect(correctionId(usage.id, quoteAt(3))).toBe("use_1.1~c3");
    expect(correctionId(usage.id, quoteAt(2))).not.toBe(correctionId(usage.id, quoteAt(3)));
  });

  it.each([2, 3])("and the ledger takes it as it is written (version %d)", (version) => {
    const book = new Book(INCLUDED, ["paid", 5]);
    book.request("req_1", 8);
    book.rerate("req_1", version);
    const body = JSON.parse(JSON.stringify({ v: MESSAGE_VERSION, entries: [book.last()] }));
    expect(readMessage(body)).toMatchObject({ kind: "message", refused: [], entries: [book.last()] });
  });
});

describe("the receipt from the ledger shows the corrected charge", () => {
  function receipt(book: Book) {
    const found = receiptFromLedger(book.of("req_1"));
    if (!found?.charge) throw new Error("no receipt");
    return { ...found, charge: found.charge };
  }

  it("dearer", () => {
    const book = new Book(INCLUDED, ["paid", 9]);
    book.request("req_1", 7, 10);
    book.rerate("req_1", 2);
    const { charge, ...rest } = receipt(book);
    expect(sources(charge.posted)).toEqual(["included=5", "paid=2", "paid=7"]);
    expect(charge).toMatchObject({ amount: credits(14), returned: credits(3), overshoot: 0 });
    expect(rest).toMatchObject({
      state: "settled",
      outcome: "completed",
      reserved: credits(10),
      usage: worth(7),
      rateCard: { id: "default", version: 2 },
      refunded: 0,
      rows: { seq: 3, usageEvent: "use_1.1~c2", monetizationEvent: "mon_1.1~c2" },
    });
    expect(sources(rest.draws)).toEqual(["included=5", "paid=5"]);
  });

  it("cheaper", () => {
    const book = new Book(INCLUDED, ["first", 2], ["second", 9]);
    book.request("req_1", 12);
    book.rerate("req_1", 3);
    const { charge, refunded, rateCard } = receipt(book);
    expect(charge).toMatchObject({ amount: credits(6), returned: 0, overshoot: 0 });
    expect(sources(charge.posted)).toEqual(["included=5", "first=1"]);
    expect({ refunded, rateCard }).toEqual({ refunded: 0, rateCard: { id: "default", version: 3 } });
  });

  it("beyond what anybody could pay", () => {
    const book = new Book([], ["paid", 9]);
    book.request("req_1", 7);
    book.rerate("req_1", 2);
    const { charge } = receipt(book);
    expect(charge).toMatchObject({ amount: credits(14), overshoot: credits(5) });
    expect(sources(charge.posted)).toEqual(["paid=7", "paid=2"]);
  });

  it("and apart from it what an operator gave back", () => {
    const book = new Book([], ["paid", 20]);
    const settled = book.request("req_1", 8);
    book.refund(settled, 1);
    book.rerate("req_1", 2);
    const { charge, refunded } = receipt(book);
    expect(refunded).toBe(credits(1));
    expect(charge.amount).toBeGreaterThanOrEqual(credits(16));
  });
});
