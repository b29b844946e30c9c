import { describe, expect, it } from "vitest";
import { Account } from "../../durable-objects/account.ts";
import { AccountStore } from "../../durable-objects/account-store.ts";
import { CountedSql } from "../../durable-objects/counted-sql.ts";
import { NO_CHANGE } from "../../src/core/account.ts";
import { NO_USAGE } from "../../src/core/usage.ts";
import { sha256Hex } from "../../src/sha256.ts";
import { allowanceOf, anchored, credits, HOUR, MINUTE, PLAIN_RATE, planOf, T0 } from "../support/core-fixtures.ts";
import { SqlitePlatform } from "../support/sqlite-platform.ts";

const KEY = { id: "key_statestore01", digest: sha256Hex("secret") };
const QUOTE = { cardId: "default", cardVersion: 1, model: "gpt-5.4", rate: PLAIN_RATE };
const PLAN = planOf({ allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])] });

/** An account whose ledger confirms nothing until it is told to. */
class Customer {
  readonly platform = new SqlitePlatform(T0);
  account = new Account(this.platform);
  #requests = 0;

  constructor() {
    this.account.create("acct_state", PLAN);
    this.account.addKey({ ...KEY, name: null, scopes: null, createdAt: T0, expiresAt: null, revokedAt: null });
  }

  grant(id: string, amount: number): void {
    const terms = { kind: "paid", priority: 50, effectiveAt: T0, expiresAt: null, features: null, reason: id } as const;
    this.account.grant({ id, amount: credits(amount), ...terms });
  }

  /** Uses `amount` credits in one request; returns the rows that it wrote to reserve and to settle. */
  use(amount: number): { readonly reserve: number; readonly settle: number } {
    this.#requests += 1;
    const requestId = `req_${this.#requests.toString(16).padStart(32, "0")}`;
    const bound = { ...NO_USAGE, outputTokens: amount };
    const demand = { feature: "codex", model: "gpt-5.4", quote: QUOTE, bound, openOutput: false };
    const command = { requestId, owner: requestId, fingerprint: requestId, keyed: false, holdMs: MINUTE, demand };
    const before = this.#rows();
    const reply = this.account.reserve({ caller: { key: KEY, planVersions: {} }, command });
    expect(reply.kind).toBe("reserved");
    const between = this.#rows();
    this.account.settle({ requestId, attempt: 1, report: { usage: bound, outcome: "completed", estimated: false } });
    return { reserve: between - before, settle: this.#rows() - between };
  }

  confirm(...seqs: number[]): void {
    this.account.confirm(1, seqs);
  }

  /** The object is evicted, and loaded again from what it stored. */
  evict(): void {
    this.account = new Account(this.platform);
  }

  state(): unknown[] {
    return [this.account.describe(), this.account.head()];
  }

  /** Entries that carry what the tables do not hold. */
  ahead(): number {
    const [row] = this.platform.sql
      .exec<{ n: number }>("SELECT count(*) AS n FROM outbox WHERE seq > (SELECT seq FROM account)")
      .toArray();
    return row?.n ?? 0;
  }

  carried(): { readonly row: { readonly seq: number }; grants: { id: string; used: number }[]; whole?: boolean }[] {
    return this.platform.sql
      .exec<{ state: string }>("SELECT state FROM outbox WHERE state IS NOT NULL ORDER BY seq")
      .toArray()
      .map(({ state }) => JSON.parse(state));
  }

  /** Leaves to every entry only the grants that it changed itself. */
  asOlderCodeWrote(): void {
    const known = new Map<string, string>();
    for (const { row, grants } of this.carried()) {
      const changed = grants.filter((grant) => known.get(grant.id) !== JSON.stringify(grant));
      for (const grant of changed) known.set(grant.id, JSON.stringify(grant));
      this.platform.sql.exec(
        "UPDATE outbox SET state = ? WHERE seq = ?",
        JSON.stringify({ row, grants: changed }),
        row.seq,
      );
    }
  }

  #rows(): number {
    return this.account.work().rowsWritten;
  }
}

function replaceUnconfirmed([account, head]: readonly unknown[], unconfirmed: readonly number[]): unknown {
  return [account, { ...(head as object), unconfirmed }];
}

describe("the state of an account", () => {
  it("is the same when the account is loaded anew, wherever it is stored at that moment", () => {
    const customer = new Customer();
    const sameAfterEviction = () => {
      const before = customer.state();
      customer.evict();
      expect(customer.state()).toEqual(before);
    };
    customer.grant("grt_first", 7);
    customer.grant("grt_second", 100);
    for (const amount of [4, 3, 2, 5]) {
      customer.use(amount);
      sameAfterEviction();
    }
    customer.account.voidGrant("grt_second", "a mistake");
    sameAfterEviction();
    customer.account.setStatus("suspended", "asked for");
    expect(customer.ahead()).toBe(0);
    sameAfterEviction();
    customer.account.setStatus("active", null);
    customer.grant("grt_third", 1);
    customer.confirm(1, 2);
    sameAfterEviction();
    customer.confirm(3, 4, 5, 6, 7, 8);
    sameAfterEviction();
  });

  it("finds a grant that has ended, in the tables or ahead of them", () => {
    const customer = new Customer();
    customer.grant("grt_small", 2);
    customer.use(7);
    const repeat = () => {
      customer.grant("grt_small", 2);
      return customer.account.head()?.seq;
    };
    expect(repeat()).toBe(2);
    customer.confirm(1, 2);
    customer.evict();
    expect(repeat()).toBe(2);
  });

  it("costs a request one row to reserve and two to settle, whoever pays", () => {
    const customer = new Customer();
    customer.grant("grt_paid", 1_000);
    customer.confirm(1);
    const requests = Array.from({ length: 20 }, () => customer.use(6));
    expect(new Set(requests.map((rows) => JSON.stringify(rows)))).toEqual(new Set(['{"reserve":1,"settle":2}']));
    customer.confirm(...Array.from({ length: 20 }, (_, index) => index + 2));
    // An entry that takes the place of another carries the account and its grant as they are then.
    for (const seq of [22, 23, 24]) {
      expect(customer.use(6)).toEqual({ reserve: 1, settle: 2 });
      customer.confirm(seq);
      const before = customer.state();
      if (seq === 23) customer.evict();
      expect(customer.state()).toEqual(before);
      expect(customer.account.head()?.unconfirmed).toEqual([]);
    }
  });

  it("is the same after many entries that the ledger does not have yet, in whatever order it gets them", () => {
    const customer = new Customer();
    customer.grant("grt_paid", 1_000);
    for (let request = 0; request < 170; request += 1) customer.use(1);
    const before = customer.state();
    customer.evict();
    expect(customer.state()).toEqual(before);
    customer.confirm(171, 3, 90);
    customer.use(1);
    const after = customer.state();
    customer.evict();
    expect(customer.state()).toEqual(after);
    expect(customer.account.head()?.unconfirmed).toEqual(
      [1, 2, ...Array.from({ length: 169 }, (_, index) => index + 4)].filter((seq) => seq !== 90 && seq !== 171),
    );
  });

  it("is written to the tables when many grants have moved, so that an entry carries little", () => {
    const customer = new Customer();
    for (let grant = 0; grant < 12; grant += 1) customer.grant(`grt_${grant}`, 1);
    customer.use(5);
    customer.confirm(...Array.from({ length: 13 }, (_, index) => index + 1));
    const carried = () => customer.carried().map(({ grants }) => grants.length);
    for (let request = 0; request < 12; request += 1) {
      customer.use(1);
      expect(Math.max(0, ...carried())).toBeLessThanOrEqual(8);
      const before = customer.state();
      customer.evict();
      expect(customer.state()).toEqual(before);
    }
  });

  it("is read from what older code had every entry carry, and kept when others take their places", () => {
    const customer = new Customer();
    customer.grant("grt_a", 20);
    customer.grant("grt_b", 3);
    for (const amount of [9, 2, 4]) customer.use(amount);
    const before = customer.state();
    customer.asOlderCodeWrote();
    customer.evict();
    expect(customer.state()).toEqual(before);
    customer.confirm(1, 2, 3, 4, 5);
    customer.evict();
    expect(customer.state()).toEqual(replaceUnconfirmed(before, []));
    customer.use(1);
    const after = customer.state();
    customer.evict();
    expect(customer.state()).toEqual(after);
  });

  it("is refused whole where it breaks a rule of the tables, though they are written later", () => {
    const customer = new Customer();
    customer.grant("grt_paid", 10);
    const store = new AccountStore(new CountedSql(customer.platform.sql));
    const [grant] = store.state.load()?.grants ?? [];
    if (!grant) throw new Error("there is a grant");
    expect(() => store.write({ ...NO_CHANGE, grants: [{ ...grant, used: grant.amount + 1 }] })).toThrow(/overdrawn/);
  });
});
