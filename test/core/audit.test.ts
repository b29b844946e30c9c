import { describe, expect, it } from "vitest";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { type AccountHead, type AuditState, auditEntry, auditHead, beginAudit } from "../../src/core/audit.ts";
import {
  type BalanceUpdateKind,
  type ChainedEntry,
  chain,
  genesis,
  type MonetizationEvent,
} from "../../src/core/event.ts";
import { remaining } from "../../src/core/grant.ts";
import { addGrant, lapseGrants } from "../../src/core/granting.ts";
import type { Rate } from "../../src/core/rate-card.ts";
import { expire, release, settle, settleLate } from "../../src/core/settlement.ts";
import {
  accountWith,
  allowanceOf,
  anchored,
  commandOf,
  credits,
  DAY,
  finish,
  grantOf,
  HOUR,
  hold,
  MINUTE,
  PLAIN_RATE,
  planOf,
  reportOf,
  requestGate,
  sha256,
  T0,
  worth,
} from "../support/core-fixtures.ts";

const rateOf = (id: string, version: number, model: string): Rate | null =>
  id === "default" && version === 1 && model === "gpt-5.4" ? PLAIN_RATE : null;

/** A history with one entry of every kind. */
function history(): { state: AccountState; entries: ChainedEntry[] } {
  const plan = planOf({
    allowances: [allowanceOf("included", [anchored(5 * HOUR, credits(5))])],
    gates: [requestGate("rpm", 50)],
  });
  const state = accountWith({ plan });
  const entries: ChainedEntry[] = [];
  const grants = [
    grantOf("paid", 10),
    grantOf("promo", 5, { kind: "promotional", expiresAt: T0 + DAY, features: ["codex"] }),
  ];
  for (const grant of grants) {
    const { change } = addGrant(state, grant, T0, sha256);
    applyChange(state, change);
    entries.push(...change.entries);
  }
  const end = (ended: Parameters<typeof finish>[1]) => {
    entries.push(...finish(state, ended).change.entries);
    return ended.reservation;
  };
  end(settle(state, hold(state, commandOf("req_1", 8)), reportOf(worth(7)), T0, sha256));
  end(release(state, hold(state, commandOf("req_2", 2)), "rejected", T0, sha256));
  const expired = end(expire(state, hold(state, commandOf("req_3", 2)), T0 + HOUR, sha256));
  end(settleLate(state, expired, reportOf(worth(2)), T0 + HOUR + MINUTE, sha256));
  const lapsed = lapseGrants(state, T0 + DAY, sha256);
  if (!lapsed) throw new Error("a grant should have lapsed");
  applyChange(state, lapsed);
  entries.push(...lapsed.entries);
  end(settle(state, hold(state, commandOf("req_4", 1), T0 + DAY), reportOf(worth(40)), T0 + DAY, sha256));
  return { state, entries };
}

function headOf({ row, grants }: AccountState): AccountHead {
  const left = new Map([...grants.values()].map((grant) => [grant.id, remaining(grant)]));
  return { epoch: row.epoch, seq: row.seq, head: row.head, balance: row.balance, grants: left };
}

function audit(entries: readonly ChainedEntry[], rates = rateOf): AuditState {
  const state = beginAudit(sha256, "acct_1", 1);
  for (const entry of entries) auditEntry(state, entry, rates, sha256);
  return state;
}

function rules(entries: readonly ChainedEntry[], rates = rateOf): string[] {
  return [...new Set(audit(entries, rates).differences.map(({ rule }) => rule))];
}

/** Every way to change one leaf of `value`, as [path, changed copy]. */
function* flips(value: unknown, path = ""): Generator<[string, unknown]> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const [at, flipped] of flips(item, `${path}[${index}]`)) yield [at, value.with(index, flipped)];
      yield [`${path} without ${index}`, value.toSpliced(index, 1)];
    }
  } else if (value !== null && typeof value === "object") {
    for (const [key, item] of Object.entries(value)) {
      for (const [at, flipped] of flips(item, `${path}.${key}`)) yield [at, { ...value, [key]: flipped }];
    }
    yield [`${path} with more`, { ...value, extra: 1 }];
  } else if (typeof value === "number") yield [path, value + 1];
  else if (typeof value === "boolean") yield [path, !value];
  else if (typeof value === "string") yield [path, `${value.slice(0, -1)}#`];
  else yield [path, 0];
}

/** Changes the entry `seq` and links the whole chain again, as a careful forger would. */
function forge(entries: readonly ChainedEntry[], seq: number, change: (entry: ChainedEntry) => object): ChainedEntry[] {
  let head = genesis(sha256, "acct_1", 1);
  return entries.map((entry) => {
    const { prev: _prev, hash: _hash, ...rest } = entry.seq === seq ? { ...entry, ...change(entry) } : entry;
    const linked = chain(sha256, rest, head);
    head = linked.hash;
    return linked;
  });
}

describe("a true history has no differences", () => {
  it("entry by entry, and against the account itself", () => {
    const { state, entries } = history();
    const audited = audit(entries);
    auditHead(audited, headOf(state));
    expect(audited.differences).toEqual([]);
    expect(entries.map(({ seq }) => seq)).toEqual(entries.map((_, index) => index + 1));
  });

  it("however its fields were ordered in storage", () => {
    const reorder = (_: string, value: unknown) =>
      value !== null && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).reverse())
        : value;
    const entries = history().entries.map((entry) => JSON.parse(JSON.stringify(entry, reorder)) as ChainedEntry);
    expect(audit(entries).differences).toEqual([]);
  });
});

describe("history cannot be changed without being seen", () => {
  it("any single field of any entry", () => {
    const { entries } = history();
    let changed = 0;
    for (const [index, entry] of entries.entries()) {
      for (const [path, flipped] of flips(entry)) {
        const forged = entries.with(index, flipped as ChainedEntry);
        expect(audit(forged).differences.length, `${index}${path}`).toBeGreaterThan(0);
        changed += 1;
      }
    }
    expect(changed).toBeGreaterThan(500);
  });

  it("the first difference names the entry that was changed", () => {
    const { entries } = history();
    const forged = entries.map((entry) => (entry.seq === 4 ? { ...entry, at: entry.at + 1 } : entry));
    expect(audit(forged).differences[0]).toMatchObject({ rule: "chain", seq: 4 });
  });

  it.each<[string, (entries: ChainedEntry[]) => ChainedEntry[]]>([
    ["an entry is missing at the start", (entries) => entries.slice(1)],
    ["an entry is missing in the middle", (entries) => entries.toSpliced(3, 1)],
    ["an entry stands twice", (entries) => entries.toSpliced(3, 0, ...entries.slice(3, 4))],
    [
      "two entries changed places",
      (entries) => [...entries.slice(0, 3), ...entries.slice(3, 5).reverse(), ...entries.slice(5)],
    ],
  ])("%s", (_, change) => expect(rules(change(history().entries))).toContain("gap"));

  it("an entry is missing at the end: the account knows", () => {
    const { state, entries } = history();
    const audited = audit(entries.slice(0, -1));
    expect(audited.differences).toEqual([]);
    auditHead(audited, headOf(state));
    expect(audited.differences).toMatchObject([{ rule: "gap" }]);
  });

  it("another account's or another epoch's history is not this one's", () => {
    const { entries } = history();
    for (const begun of [beginAudit(sha256, "acct_2", 1), beginAudit(sha256, "acct_1", 2)]) {
      const [first] = entries;
      if (first) auditEntry(begun, first, rateOf, sha256);
      expect(begun.differences[0]).toMatchObject({ rule: "chain", seq: 1 });
    }
  });

  it("a history that was forged and linked anew no longer ends in the account's head", () => {
    const { state, entries } = history();
    const audited = audit(forge(entries, 4, (entry) => ({ at: entry.at + 1 })));
    expect(audited.differences).toEqual([]);
    auditHead(audited, headOf(state));
    expect(audited.differences).toMatchObject([{ rule: "chain", subject: "head of the chain" }]);
  });
});

describe("even a chain that fits must add up", () => {
  // seq 3 is the settlement of 7 credits: 5 included, 2 by the promotion. seq 4 is the release.
  const charged = (part: Partial<MonetizationEvent>) => (e: ChainedEntry) => ({
    monetization: e.monetization && { ...e.monetization, ...part },
  });
  const cases: [string, number, (entry: ChainedEntry) => object, string][] = [
    ["charged more than its price", 3, charged({ amount: credits(8) }), "price"],
    ["charged less than its price", 3, charged({ amount: credits(6) }), "price"],
    ["charged at an unknown rate", 3, charged({ cardVersion: 2 }), "price"],
    ["charged for other usage", 3, charged({ usageId: "use_9.1" }), "orphan"],
    ["charged without usage", 3, () => ({ usage: null }), "orphan"],
    ["paid without a charge", 3, () => ({ monetization: null }), "orphan"],
    ["paid less than charged", 3, (e) => ({ updates: e.updates.slice(0, 1) }), "sum"],
    [
      "a running balance that does not follow",
      3,
      (e) => ({ updates: e.updates.map((u) => ({ ...u, balanceAfter: u.balanceAfter + 1 })) }),
      "balance",
    ],
    [
      "a grant that is overdrawn",
      3,
      (e) => ({ updates: e.updates.map((u) => ({ ...u, delta: u.delta * 2 })) }),
      "grant",
    ],
  ];
  it.each(cases)("%s", (_, seq, change, rule) => {
    expect(rules(forge(history().entries, seq, change))).toContain(rule);
  });

  it("a difference in the balance is reported once, where it began", () => {
    const forged = forge(history().entries, 2, (e) => ({
      updates: e.updates.map((update) => ({ ...update, balanceAfter: update.balanceAfter + 5 })),
    }));
    const differences = audit(forged).differences.filter(({ rule }) => rule === "balance");
    expect(differences.map(({ seq }) => seq)).toEqual([2, 3]);
  });

  it("an account that says something else than its ledger", () => {
    const { state, entries } = history();
    const head = headOf(state);
    const wrong: [Partial<AccountHead>, string][] = [
      [{ balance: head.balance + 1 }, "balance"],
      [{ head: "0" }, "chain"],
      [{ seq: head.seq + 1 }, "gap"],
      [{ grants: new Map([["unheard-of", 1]]) }, "grant"],
    ];
    for (const [part, rule] of wrong) {
      const audited = audit(entries);
      auditHead(audited, { ...head, ...part });
      expect(audited.differences.map((difference) => difference.rule)).toContain(rule);
    }
  });
});

describe("every movement of the balance has its reason and its owner", () => {
  /** Forges the first update of `kind`, carries the running balance through and links the chain again. */
  function forgeUpdate(kind: BalanceUpdateKind, change: (amount: number) => { amount?: number; delta: number }) {
    const { entries } = history();
    const seq = entries.find(({ updates }) => updates.some((update) => update.kind === kind))?.seq ?? 0;
    let balance = 0;
    let found = false;
    const carried = entries.map((entry) => ({
      ...entry,
      updates: entry.updates.map((update) => {
        const forged = !found && update.kind === kind ? { ...update, ...change(update.amount) } : update;
        found ||= forged !== update;
        balance += forged.delta;
        return { ...forged, balanceAfter: balance };
      }),
    }));
    return { seq, entries: forge(carried, 0, (entry) => entry) };
  }

  it.each<[BalanceUpdateKind, string, (amount: number) => number]>([
    ["grant", "gives more than its amount", (amount) => amount + 1],
    ["grant", "takes", (amount) => -amount],
    ["allowance", "moves the balance", (amount) => -amount],
    ["debit", "takes nothing", () => 0],
    ["debit", "gives", (amount) => amount],
    ["expiry", "leaves what has lapsed", () => 0],
    ["overshoot", "debits nothing", () => 0],
    ["overshoot_refund", "refunds nothing", () => 0],
    ["none", "moves the balance", () => 1],
  ])("a row of kind %s that %s is a difference", (kind, _, deltaOf) => {
    const { seq, entries } = forgeUpdate(kind, (amount) => ({ delta: deltaOf(amount) }));
    const deltas = audit(entries).differences.filter(({ subject }) => subject.startsWith("delta of"));
    expect(deltas).toMatchObject([{ rule: "sum", seq }]);
  });

  it.each([-1, 1])("what nobody covered is refunded to the micro-credit, not %d off", (off) => {
    const { seq, entries } = forgeUpdate("overshoot_refund", (x) => ({ amount: x + off, delta: x + off }));
    const refunds = audit(entries).differences.filter(({ subject }) => subject.startsWith("overshoot of"));
    expect(refunds).toMatchObject([{ rule: "sum", seq }]);
  });

  it("credits that belong to no grant are found, even if account and ledger agree on them", () => {
    const { state, entries } = history();
    const last = entries.length;
    const found = { kind: "grant", source: null, amount: 5, delta: 5, balanceAfter: state.row.balance + 5 } as const;
    const update = { ...found, id: "bal_1.1.9.9", draw: 9, cause: "unknown", detail: null };
    const audited = audit(forge(entries, last, ({ updates }) => ({ updates: [...updates, update] })));
    expect(audited.differences).toEqual([]);
    auditHead(audited, { ...headOf(state), head: audited.head, balance: audited.balance });
    expect(audited.differences).toEqual([
      { rule: "grant", seq: last, subject: "what is left of all grants", expected: "5", found: "0" },
    ]);
  });
});
