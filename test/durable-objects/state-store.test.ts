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

  /** Rows that one confirmation of these entries writes. */
  confirm(...seqs: number[]): number {
    const before = this.#rows();
    this.account.confirm(1, seqs);
    return this.#rows() - before;
  }

  /** The object is evicted, and loaded again from what it stored. */
  evict(): void {
    this.account = new Account(this.platform);
  }

  state(): unknown {
    return [this.account.describe(), this.account.head()];
  }

  /** Entries that carry what the tables do not hold. */
  ahead(): number {
    const [row] = this.platform.sql
      .exec<{ n: number }>("SELECT count(*) AS n FROM outbox WHERE seq > (SELECT seq FROM account)")
      .toArray();
    return row?.n ?? 0;
  }

  #rows(): number {
    return this.account.work().rowsWritten;
  }
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

  it("costs a request one row to reserve and two to settle; one confirmation writes it for all its entries", () => {
    const customer = new Customer();
    customer.grant("grt_paid", 1_000);
    customer.confirm(1);
    const requests = Array.from({ length: 20 }, () => customer.use(6));
    expect(new Set(requests.map((rows) => JSON.stringify(rows)))).toEqual(new Set(['{"reserve":1,"settle":2}']));
    // 20 entries leave the outbox; the account's row and one grant follow.
    expect(customer.confirm(...Array.from({ length: 20 }, (_, index) => index + 2))).toBe(22);
    expect(customer.confirm(21)).toBe(0);
  });

  it("is written to the tables now and then while the ledger is away, so that loading stays quick", () => {
    const customer = new Customer();
    customer.grant("grt_paid", 1_000);
    for (let request = 0; request < 170; request += 1) customer.use(1);
    expect(customer.ahead()).toBeGreaterThan(0);
    expect(customer.ahead()).toBeLessThanOrEqual(50);
    const before = customer.state();
    customer.evict();
    expect(customer.state()).toEqual(before);
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
