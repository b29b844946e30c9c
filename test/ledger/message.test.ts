import { describe, expect, it } from "vitest";
import { type ChainedEntry, chain, type Entry } from "../../src/core/event.ts";
import { bodyOf, byAccount, readMessage } from "../../src/ledger/message.ts";
import { grantOf, sha256 } from "../support/core-fixtures.ts";
import { fullHistory, History, messageOf } from "./history.ts";

const history = new History().give(grantOf("grt_a", 5)).request("req_1", 2, 1).request("req_2", 4, 6);
const [grant, charge, overshoot] = [history.at(1), history.at(2), history.at(3)];

/** Also what people do to an account, and what it refuses. */
const acts = new History()
  .give(grantOf("grt_a", 5))
  .request("req_1", 2, 2)
  .refunds("req_1", 1, "wrong answer")
  .voids("grt_a", "closed")
  .denied(["req_2", "req_3"], 9);
const [refund, taken, denied] = [acts.at(3), acts.at(4), acts.at(5)];

type Json = Record<string, unknown>;

/** `entry` with `change` applied, hashed anew so that only the change is wrong. */
function rehashed(entry: ChainedEntry, change: (copy: Json) => void): unknown {
  const { prev, hash: _, ...copy } = structuredClone(entry) as ChainedEntry & Json;
  change(copy);
  return chain(sha256, copy as Entry, prev);
}

function update(copy: Json, index = 0): Json {
  return (copy.updates as Json[])[index] ?? {};
}

/** Replaces fields of the terms or the reason; `undefined` takes one away. */
function detail(copy: Json, part: Json): void {
  update(copy).detail = JSON.parse(JSON.stringify({ ...(update(copy).detail as Json), ...part }));
}

/** Puts the terms of a grant in the place of a reason. */
function termsOf(copy: Json): void {
  update(copy).detail = grant.updates[0]?.detail;
}

function decisionOf(copy: Json): Json {
  return (copy.usage as Json).decision as Json;
}

function denial(copy: Json, part: Json): void {
  decisionOf(copy).denial = JSON.parse(JSON.stringify({ ...(decisionOf(copy).denial as Json), ...part }));
}

function considered(copy: Json, part: Json): void {
  const [first, ...others] = decisionOf(copy).considered as Json[];
  decisionOf(copy).considered = JSON.parse(JSON.stringify([{ ...first, ...part }, ...others]));
}

function reasonOf(entry: unknown): string {
  const read = readMessage({ v: 2, entries: [entry] });
  if (read.kind === "refused") return read.reason;
  expect(read.entries).toEqual([]);
  return read.refused[0]?.reason ?? "accepted";
}

describe("reading a message", () => {
  it("accepts what an account really writes", () => {
    const body = bodyOf({ body: JSON.stringify(messageOf(history.entries)) });
    expect(readMessage(body)).toEqual({ kind: "message", entries: history.entries, refused: [] });
  });

  it("accepts entries of several accounts", () => {
    const other = new History("acct_2").give(grantOf("grt_b", 3)).at(1);
    expect(readMessage(messageOf([grant, other, charge]))).toEqual({
      kind: "message",
      entries: [grant, other, charge],
      refused: [],
    });
  });

  it("accepts what a gateway of the first version has sent, but no other account's entry under its name", () => {
    const other = new History("acct_2").give(grantOf("grt_b", 3)).at(1);
    expect(readMessage({ v: 1, accountId: "acct_1", entries: [grant, other] })).toEqual({
      kind: "message",
      entries: [grant],
      refused: [{ accountId: "acct_1", entry: other, reason: "shape: entry of another account" }],
    });
  });

  it("accepts every kind of entry that there is", () => {
    // Grants with text that only JSON can hold, which is how their terms are stored.
    const { entries } = fullHistory();
    expect(readMessage(messageOf(entries))).toEqual({ kind: "message", entries, refused: [] });
  });

  it("keeps the good entries beside a bad one", () => {
    const bad = { ...charge, hash: grant.hash };
    expect(readMessage(messageOf([grant, bad, overshoot]))).toEqual({
      kind: "message",
      entries: [grant, overshoot],
      refused: [{ accountId: "acct_1", entry: bad, reason: "shape: hash does not match the content" }],
    });
  });

  it("tells an unknown version apart from a broken shape", () => {
    expect(readMessage({ v: 3, something: "new" })).toEqual({ kind: "refused", reason: "version 3 is not known" });
    expect(reasonOf({ v: 2, something: "new" })).toBe("version 2 is not known");
  });

  const deep = JSON.parse(`${"[".repeat(5_000)}${"]".repeat(5_000)}`);
  it.each([
    ["nothing", undefined],
    ["null", null],
    ["text", '{"v":1'],
    ["a list", [charge]],
    ["no version", { entries: [charge] }],
    ["no entries", { v: 2, entries: [] }],
    ["an unknown field", { v: 2, entries: [charge], more: 1 }],
    ["deep nesting", { v: 2, entries: deep }],
    ["an entry that is none", { v: 2, entries: [null] }],
    ["an entry of nobody", { v: 2, entries: [{ ...charge, accountId: 7 }] }],
    ["the first version without its account", { v: 1, entries: [charge] }],
  ])("refuses %s and does not throw", (_, body) => {
    const read = readMessage(body);
    const reason = read.kind === "refused" ? read.reason : read.refused[0]?.reason;
    expect(reason).toMatch(/^shape: /);
  });

  it.each<[string, unknown]>([
    ["sequence number 0", rehashed(charge, (copy) => Object.assign(copy, { seq: 0 }))],
    ["an amount beyond safe integers", rehashed(charge, (copy) => Object.assign(update(copy), { amount: 2 ** 53 }))],
    ["a fraction", rehashed(charge, (copy) => Object.assign(update(copy), { amount: 0.5, delta: -0.5 }))],
    ["an amount as text", rehashed(charge, (copy) => Object.assign(update(copy), { amount: "1" }))],
    ["a negative amount", rehashed(charge, (copy) => Object.assign(update(copy), { amount: -1, delta: 1 }))],
    ["a debit that adds", rehashed(charge, (copy) => Object.assign(update(copy), { delta: update(copy).amount }))],
    [
      "an allowance that moves the balance",
      rehashed(charge, (copy) => Object.assign(update(copy), { kind: "allowance" })),
    ],
    ["a grant without terms", rehashed(grant, (copy) => Object.assign(update(copy), { detail: null }))],
    ["a debit without a source", rehashed(charge, (copy) => Object.assign(update(copy), { source: null }))],
    ["an unknown kind", rehashed(charge, (copy) => Object.assign(update(copy), { kind: "gift" }))],
    ["a negative balance", rehashed(charge, (copy) => Object.assign(update(copy), { balanceAfter: -1 }))],
    ["a balance that jumps", rehashed(overshoot, (copy) => Object.assign(update(copy, 1), { balanceAfter: 7 }))],
    ["updates out of order", rehashed(overshoot, (copy) => (copy.updates as Json[]).reverse())],
    ["no update", rehashed(charge, (copy) => Object.assign(copy, { updates: [] }))],
    ["an invented id", rehashed(charge, (copy) => Object.assign(update(copy), { id: "bal_new" }))],
    ["an invented usage id", rehashed(charge, (copy) => Object.assign(copy.usage as Json, { id: "use_other.1" }))],
    ["a charge without usage", rehashed(charge, (copy) => Object.assign(copy, { usage: null }))],
    ["a field without a column", rehashed(charge, (copy) => Object.assign(copy.usage as Json, { extra: 1 }))],
    ["text that SQLite would change", rehashed(charge, (copy) => Object.assign(copy.usage as Json, { model: "a\0b" }))],
    ["broken Unicode", rehashed(charge, (copy) => Object.assign(copy.usage as Json, { model: "\ud800" }))],
    [
      "more cached input than input",
      rehashed(charge, (copy) => Object.assign((copy.usage as Json).usage as Json, { cachedInputTokens: 1 })),
    ],
    ["terms whose priority is text", rehashed(grant, (copy) => detail(copy, { priority: "1" }))],
    ["terms without a kind", rehashed(grant, (copy) => detail(copy, { kind: undefined }))],
    ["terms whose features are text", rehashed(grant, (copy) => detail(copy, { features: "codex" }))],
    ["a grant with a mere reason", rehashed(grant, (copy) => Object.assign(update(copy), { detail: { reason: "x" } }))],
    ["a refund without a source", rehashed(refund, (copy) => Object.assign(update(copy), { source: null }))],
    [
      "a refund that takes away",
      rehashed(refund, (copy) => Object.assign(update(copy), { delta: -Number(update(copy).amount) })),
    ],
    ["a refund of nothing", rehashed(refund, (copy) => Object.assign(update(copy), { amount: 0, delta: 0 }))],
    ["a refund whose reason is a number", rehashed(refund, (copy) => detail(copy, { reason: 5 }))],
    ["a refund with the terms of a grant", rehashed(refund, (copy) => termsOf(copy))],
    ["a void that adds", rehashed(taken, (copy) => Object.assign(update(copy), { delta: update(copy).amount }))],
    ["a void without a source", rehashed(taken, (copy) => Object.assign(update(copy), { source: null }))],
    ["a void with the terms of a grant", rehashed(taken, (copy) => termsOf(copy))],
    ["a debit with a reason", rehashed(charge, (copy) => Object.assign(update(copy), { detail: { reason: "x" } }))],
    [
      "a refusal of another attempt's id",
      rehashed(denied, (copy) => Object.assign(copy.usage as Json, { attempt: 1 })),
    ],
    ["a refusal without a count", rehashed(denied, (copy) => denial(copy, { count: undefined }))],
    ["a refusal that counts none", rehashed(denied, (copy) => denial(copy, { count: 0 }))],
    ["a refusal that counts in text", rehashed(denied, (copy) => denial(copy, { count: "2" }))],
    ["a refusal that needed less than nothing", rehashed(denied, (copy) => denial(copy, { needed: -1 }))],
    ["a source in an unknown unit", rehashed(charge, (copy) => considered(copy, { unit: "minutes" }))],
    ["a source without a unit", rehashed(charge, (copy) => considered(copy, { unit: undefined }))],
    ["a changed amount", { ...charge, updates: [{ ...charge.updates[0], amount: 1, delta: -1 }] }],
    ["a hash that is none", { ...charge, hash: "x" }],
  ])("refuses %s", (_, entry) => {
    expect(reasonOf(entry)).toMatch(/^shape: /);
  });

  it("keeps unknown fields of what is stored whole", () => {
    const entry = rehashed(charge, (copy) => Object.assign((copy.usage as Json).usage as Json, { images: 2 }));
    const read = readMessage({ v: 2, entries: [entry] });
    expect(read).toMatchObject({ kind: "message", entries: [entry], refused: [] });
  });
});

describe("taking a message apart", () => {
  const other = new History("acct_2").give(grantOf("grt_b", 3)).at(1);

  it("gives every account its own, in order, and loses nothing", () => {
    expect(byAccount(messageOf([grant, other, charge]))).toEqual([
      { accountId: "acct_1", body: messageOf([grant, charge]) },
      { accountId: "acct_2", body: messageOf([other]) },
    ]);
  });

  it.each<[string, unknown, string | null]>([
    ["one account's", messageOf([grant, charge]), "acct_1"],
    ["the first version's", { v: 1, accountId: "acct_1", entries: [grant] }, "acct_1"],
    ["nobody's", { v: 2, entries: [null] }, null],
    ["no entries", { v: 2, entries: [] }, null],
    ["text", "{ truncated", null],
    ["nothing", null, null],
  ])("leaves whole what is %s", (_, body, accountId) => {
    expect(byAccount(body)).toEqual([{ accountId, body }]);
  });
});
