import type { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { MOST_LISTED, type ObjectHead } from "../../src/ledger/account-audit.ts";
import { type LedgerProof, proveLedger } from "../../src/ledger/proof.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { credits, grantOf } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { fullHistory, History, rateOf } from "./history.ts";

interface World {
  readonly db: D1Database;
  readonly sqlite: DatabaseSync;
  readonly history: History;
}

/** A ledger that has the entries of `history`, but for those with the given numbers. */
async function ledgerOf(history: History, ...without: number[]): Promise<World> {
  const { db, sqlite } = migratedD1();
  await writeEntries(
    db,
    history.entries.filter(({ seq }) => !without.includes(seq)),
  );
  return { db, sqlite, history };
}

async function prove({ db, history }: World, head: Partial<ObjectHead> = {}, rates = rateOf): Promise<LedgerProof> {
  const proof = await proveLedger({ db, rateOf: rates, headOf: async () => history.head(head) }, history.id);
  if (!proof || "tooLong" in proof) throw new Error("not proven");
  return proof;
}

describe("the proof of a ledger", () => {
  it("of a true one names its head, its balance and what is left of each grant", async () => {
    const history = fullHistory();
    const { row } = history.state;
    const proof = await prove(await ledgerOf(history));
    expect(proof).toMatchObject({
      epoch: 1,
      asOfSeq: row.seq,
      head: row.head,
      entries: row.seq,
      balance: row.balance,
      firstDifference: null,
      pending: 0,
    });
    expect(Object.fromEntries(proof.grants)).toEqual(Object.fromEntries(history.head().grants));
  });

  it("of an empty one is its genesis", async () => {
    const proof = await prove(await ledgerOf(new History()));
    expect(proof).toMatchObject({ asOfSeq: 0, entries: 0, balance: 0, grants: [], firstDifference: null });
    expect(proof.head).toBe(proof.genesis);
  });

  it("reaches to the first entry that is on its way, and calls none of it a difference", async () => {
    const history = fullHistory();
    const unconfirmed = [4, 5, 6, 9];
    // 5 is in the ledger and its confirmation on the way; 6 and 9 are on their way themselves.
    const proof = await prove(await ledgerOf(history, 6, 9), { unconfirmed });
    expect(proof).toMatchObject({ asOfSeq: 5, entries: 5, firstDifference: null, pending: 2 });
    expect(proof.head).toBe(history.at(5).hash);
  });

  it("takes nothing for a difference behind a list of the outbox that is full", async () => {
    const history = fullHistory();
    // All of the list is in the ledger, and its confirmations on the way.
    const unconfirmed = [...Array.from({ length: MOST_LISTED - 1 }, () => 1), 5];
    const proof = await prove(await ledgerOf(history, 7), { unconfirmed });
    expect(proof).toMatchObject({ asOfSeq: 5, firstDifference: null, pending: history.state.row.seq - 5 });
  });

  it("is read in pages, however many entries there are", async () => {
    const history = new History().give(grantOf("grt_a", 2_000));
    for (let index = 1; index <= 1_203; index += 1) history.request(`req_${index}`, 1, 1);
    const proof = await prove(await ledgerOf(history));
    expect(proof).toMatchObject({ entries: 1_204, balance: credits(797), firstDifference: null });
  });

  it("names an entry that neither the ledger nor the outbox has", async () => {
    const history = fullHistory();
    expect((await prove(await ledgerOf(history, 7))).firstDifference).toMatchObject({ rule: "gap", seq: 7 });
    const last = history.entries.length;
    const lostLast = await prove(await ledgerOf(history, last));
    expect(lostLast.firstDifference).toMatchObject({ rule: "gap", seq: last });
    const lostBeforePending = await prove(await ledgerOf(history, 5, 6), { unconfirmed: [6] });
    expect(lostBeforePending).toMatchObject({ firstDifference: { rule: "gap", seq: 5 }, pending: 1 });
  });

  it("names the first of many differences", async () => {
    const { firstDifference } = await prove(await ledgerOf(fullHistory()), {}, () => null);
    expect(firstDifference).toMatchObject({ rule: "price", seq: 3 });
  });

  it("finds a row that was changed behind the ledger's back", async () => {
    const world = await ledgerOf(fullHistory());
    world.sqlite.exec("DROP TRIGGER usage_events_no_update");
    world.sqlite.exec(`UPDATE usage_events SET usage = json_set(usage, '$.outputTokens', 1) WHERE seq = 4`);
    expect((await prove(world)).firstDifference).toMatchObject({ rule: "chain", seq: 4 });
  });

  it("finds an object that says otherwise", async () => {
    const world = await ledgerOf(fullHistory());
    const { seq } = world.history.state.row;
    expect((await prove(world, { balance: 1 })).firstDifference).toMatchObject({ rule: "balance", seq });
    expect((await prove(world, { head: "0".repeat(64) })).firstDifference).toMatchObject({ rule: "chain", seq });
    const behind = await prove(world, { seq: 3, head: world.history.at(3).hash });
    expect(behind.firstDifference).toMatchObject({ seq: 3 });
    const forgetful = await prove(world, { seq: 0, head: (await prove(world)).genesis, balance: 0, grants: [] });
    expect(forgetful.firstDifference).toMatchObject({ rule: "gap", seq: 1 });
  });

  it("of nobody is nothing", async () => {
    const { db } = migratedD1();
    expect(await proveLedger({ db, rateOf, headOf: async () => null }, "acct_none")).toBeNull();
  });

  it("is refused, and not half made, when the ledger is too long for one answer", async () => {
    const { db, history } = await ledgerOf(new History());
    const headOf = async () => history.head({ seq: 1_000_000 });
    expect(await proveLedger({ db, rateOf, headOf }, history.id)).toEqual({ tooLong: 1_000_000 });
  });
});
