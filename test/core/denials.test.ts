import { describe, expect, it } from "vitest";
import { type AccountState, applyChange } from "../../src/core/account.ts";
import { auditEntry, auditHead, beginAudit } from "../../src/core/audit.ts";
import { type Denials, foldDenial, recallDenial, writeDenials } from "../../src/core/denials.ts";
import type { ChainedEntry, UsageEvent } from "../../src/core/event.ts";
import { receiptOfDenial } from "../../src/core/receipt.ts";
import { receiptFromLedger } from "../../src/core/receipt-from-ledger.ts";
import { NO_USAGE } from "../../src/core/usage.ts";
import { decide } from "../../src/core/waterfall.ts";
import {
  accountWith,
  credits,
  demandOf,
  MINUTE,
  PLAIN_RATE,
  planOf,
  requestGate,
  SECOND,
  sha256,
  T0,
} from "../support/core-fixtures.ts";

/** Refuses a request for `amount` credits by what the account says at `at`, and counts it. */
function refuse(
  state: AccountState,
  denials: Denials,
  requestId: string,
  part: { amount?: number; keyId?: string; at?: number } = {},
): void {
  const { amount = 1, keyId = "key_1", at = T0 } = part;
  const demand = demandOf(amount, { keyId });
  const denial = decide(state, demand, at);
  if (denial.outcome !== "denied") throw new Error(`${requestId} was let in`);
  foldDenial(denials, { requestId, demand, denial, at });
}

function write(state: AccountState, denials: Denials, now = T0 + MINUTE): ChainedEntry[] {
  const change = writeDenials(state, denials, now, sha256);
  applyChange(state, change);
  denials.clear();
  return [...change.entries];
}

function told(entries: readonly ChainedEntry[]): (UsageEvent["decision"]["denial"] | undefined)[] {
  return entries.map(({ usage }) => usage?.decision.denial);
}

describe("a storm of refusals is few entries, and none of them is lost", () => {
  it("the same refusal of one minute is one entry with its number", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    for (let index = 0; index < 5_000; index += 1) refuse(state, denials, `req_${index}`, { at: T0 + index * 10 });
    const entries = write(state, denials);
    expect(told(entries)).toMatchObject([{ reason: "credits_exhausted", count: 5_000 }]);
  });

  it.each([
    ["minutes", (index: number) => ({ at: T0 + index * MINUTE })],
    ["keys", (index: number) => ({ keyId: `key_${index}` })],
  ])("of several %s, each is told for itself", (_, part) => {
    const state = accountWith();
    const denials: Denials = new Map();
    for (let index = 0; index < 12; index += 1) refuse(state, denials, `req_${index}`, part(index % 4));
    expect(told(write(state, denials)).map((denial) => denial?.count)).toEqual([3, 3, 3, 3]);
  });

  it("of several reasons and limits, each is told for itself", () => {
    const denials: Denials = new Map();
    const gated = (id: string) => accountWith({ plan: planOf({ gates: [requestGate(id, 0)] }) });
    refuse(gated("a"), denials, "req_1");
    refuse(gated("b"), denials, "req_2");
    refuse(accountWith(), denials, "req_3");
    refuse(gated("a"), denials, "req_4");
    expect(told(write(accountWith(), denials))).toMatchObject([
      { reason: "gate", limit: "a", count: 2 },
      { reason: "gate", limit: "b", count: 1 },
      { reason: "credits_exhausted", count: 1 },
    ]);
  });

  it("from very many keys at once, the explanations are few and the numbers are exact", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    for (let index = 0; index < 3_000; index += 1)
      refuse(state, denials, `req_${index}`, { keyId: `key_${index % 1_000}` });
    const entries = write(state, denials);
    expect(entries.length).toBeLessThanOrEqual(201);
    expect(told(entries).reduce((total, denial) => total + (denial?.count ?? 0), 0)).toBe(3_000);
  });

  it("nothing was refused: nothing is written", () => {
    expect(write(accountWith(), new Map())).toEqual([]);
  });
});

describe("what is kept of a refusal is its explanation", () => {
  it("that of the latest", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    for (const amount of [3, 9, 6]) refuse(state, denials, `req_${amount}`, { amount, at: T0 + amount });
    const [entry] = write(state, denials);
    expect(entry?.usage).toMatchObject({
      requestId: "req_6",
      attempt: 0,
      outcome: "denied",
      keyId: "key_1",
      usage: NO_USAGE,
      decision: { reserved: 0, draws: [], reservedAt: T0 + 6, denial: { needed: credits(6), available: 0, count: 3 } },
    });
    expect(entry).toMatchObject({ monetization: null, updates: [{ kind: "none", delta: 0 }] });
  });

  it("a request that was refused twice is explained by the later refusal", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    refuse(state, denials, "req_1", { amount: 3 });
    refuse(state, denials, "req_1", { amount: 5, at: T0 + MINUTE });
    expect(recallDenial(denials, "req_1")?.latest.denial.needed).toBe(credits(5));
  });

  it("of a request that nobody refused, or that a later one stands for, none is remembered", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    refuse(state, denials, "req_1");
    refuse(state, denials, "req_2");
    expect(recallDenial(denials, "req_1")).toBeNull();
    expect(recallDenial(denials, "req_2")?.count).toBe(2);
    expect(recallDenial(denials, "req_3")).toBeNull();
  });

  it("the receipt of a refusal is the same, whoever remembers it", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    refuse(state, denials, "req_1");
    const fold = recallDenial(denials, "req_1");
    const ledger = receiptFromLedger(write(state, denials));
    const { id, version } = state.row.plan;
    expect(fold && { ...receiptOfDenial(fold, { id, version }), rows: ledger?.rows }).toEqual(ledger);
    expect(ledger?.rows).toMatchObject({ seq: 1, monetizationEvent: null });
  });
});

describe("every entry of a refusal has a name of its own", () => {
  it("also of one request that is refused over and over, between which others end", () => {
    const state = accountWith();
    const ids: (string | undefined)[] = [];
    for (let minute = 0; minute < 5; minute += 1) {
      const denials: Denials = new Map();
      refuse(state, denials, "req_1", { at: T0 + minute * MINUTE });
      refuse(state, denials, "req_1", { at: T0 + minute * MINUTE + SECOND, keyId: "key_2" });
      ids.push(...write(state, denials).map(({ usage }) => usage?.id));
    }
    expect(new Set(ids).size).toBe(10);
  });

  it("and its place in the chain", () => {
    const state = accountWith();
    const denials: Denials = new Map();
    for (const keyId of ["key_1", "key_2", "key_3"]) refuse(state, denials, `req_${keyId}`, { keyId });
    const audit = beginAudit(sha256, state.row.id, state.row.epoch);
    for (const entry of write(state, denials)) auditEntry(audit, entry, () => PLAIN_RATE, sha256);
    auditHead(audit, { ...state.row, grants: new Map() });
    expect(audit).toMatchObject({ seq: 3, differences: [] });
  });
});
