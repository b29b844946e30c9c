import { describe, expect, it } from "vitest";
import { auditRecent, type ObjectHead } from "../../src/ledger/account-audit.ts";
import { readAudited, unaudited } from "../../src/ledger/audited.ts";
import { type ReconcileDeps, reconcileAccount, reconcileRecent } from "../../src/ledger/reconcile.ts";
import { latestReconciliation } from "../../src/ledger/reconciliations.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { DAY, grantOf, T0 } from "../support/core-fixtures.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";
import { forked, fullHistory, History, rateOf } from "./history.ts";

/** Accounts that go on working, and the ledger that follows them. */
class World {
  readonly histories: ReadonlyMap<string, History>;
  readonly frozen: string[] = [];
  /** What an object says instead of the truth. */
  readonly says = new Map<string, Partial<ObjectHead> | Error>();
  readonly deps: ReconcileDeps;
  readonly #sqlite: ReturnType<typeof migratedD1>["sqlite"];
  readonly #sent = new Map<string, number>();
  #results = 0;

  constructor(...histories: History[]) {
    const { db, sqlite } = migratedD1();
    this.#sqlite = sqlite;
    this.histories = new Map(histories.map((history) => [history.id, history]));
    this.deps = {
      db,
      rateOf,
      headOf: async (id) => {
        const said = this.says.get(id) ?? {};
        if (said instanceof Error) throw said;
        return this.histories.get(id)?.head(said) ?? null;
      },
      freeze: async (id, { rule, seq }) => {
        this.frozen.push(`${id} ${rule} ${seq}`);
      },
      accountsAfter: async () => [],
      newId: () => {
        this.#results += 1;
        return `rec_${this.#results}`;
      },
      now: () => T0,
    };
  }

  /** Everything that the account wrote arrives, except `missing`. */
  async arrive(id = "acct_1", missing: readonly number[] = []): Promise<void> {
    const entries = this.histories.get(id)?.entries ?? [];
    const sent = this.#sent.get(id) ?? 0;
    const fresh = entries.slice(sent).filter(({ seq }) => !missing.includes(seq));
    this.#sent.set(id, entries.length);
    if (fresh.length > 0) await writeEntries(this.deps.db, fresh);
  }

  /** Changes rows as somebody with access to the database could, past the triggers. */
  tamper(sql: string): void {
    for (const table of ["usage_events", "monetization_events", "balance_updates"]) {
      this.#sqlite.exec(`DROP TRIGGER IF EXISTS ${table}_no_update; DROP TRIGGER IF EXISTS ${table}_no_delete`);
    }
    this.#sqlite.exec(sql);
  }

  async audit(id = "acct_1"): Promise<{ events: number; differences: string[] }> {
    const { events, differences } = await auditRecent(this.deps, id, T0);
    return { events, differences: differences.map(({ rule, seq }) => `${rule} ${seq}`) };
  }

  async mark(id = "acct_1"): Promise<number | null> {
    return (await readAudited(this.deps.db, id))?.seq ?? null;
  }
}

function started(id = "acct_1"): History {
  return new History(id).give(grantOf("grt_a", 20)).request("req_1", 3, 2).request("req_2", 9, 4);
}

const CLEAN: readonly string[] = [];

describe("an audit goes on from the last one that was clean", () => {
  it("looks at everything once, and then only at what is new", async () => {
    const history = started();
    const world = new World(history);
    await world.arrive();
    expect(await world.audit()).toEqual({ events: 3, differences: CLEAN });
    expect(await world.mark()).toBe(3);
    expect(await world.audit()).toEqual({ events: 0, differences: CLEAN });
    history.request("req_3", 2, 1).give(grantOf("grt_b", 5));
    await world.arrive();
    expect(await world.audit()).toEqual({ events: 2, differences: CLEAN });
    expect(await world.mark()).toBe(5);
  });

  it("step by step through every kind of entry as in one go", async () => {
    const { entries } = fullHistory();
    const whole = new World(fullHistory());
    await whole.arrive();
    expect(await whole.audit()).toEqual({ events: entries.length, differences: CLEAN });

    const halfway = Math.floor(entries.length / 2);
    const history = fullHistory();
    const stepped = new World(history);
    await writeEntries(stepped.deps.db, entries.slice(0, halfway));
    stepped.says.set("acct_1", headAt(history, halfway));
    expect(await stepped.audit()).toEqual({ events: halfway, differences: CLEAN });
    stepped.says.delete("acct_1");
    await writeEntries(stepped.deps.db, entries.slice(halfway));
    expect(await stepped.audit()).toEqual({ events: entries.length - halfway, differences: CLEAN });
  });

  it("stops before what is still on its way, and takes it up there", async () => {
    const history = started();
    const world = new World(history);
    await world.arrive("acct_1", [2]);
    world.says.set("acct_1", { unconfirmed: [2] });
    expect(await world.audit()).toEqual({ events: 1, differences: CLEAN });
    expect(await world.mark()).toBe(1);
    await writeEntries(world.deps.db, [history.at(2)]);
    world.says.delete("acct_1");
    expect(await world.audit()).toEqual({ events: 2, differences: CLEAN });
  });

  it("goes on through several pages", async () => {
    const history = new History().give(grantOf("grt_a", 2_000));
    const world = new World(history);
    await world.arrive();
    expect(await world.audit()).toMatchObject({ events: 1 });
    for (let index = 0; index < 1_010; index += 1) history.request(`req_${index}`, 1, 1);
    await world.arrive();
    expect(await world.audit()).toEqual({ events: 1_010, differences: CLEAN });
  });

  it("what was audited of one epoch is not taken for another's", async () => {
    const world = new World(started());
    await world.arrive();
    await world.audit();
    world.says.set("acct_1", { epoch: 2 });
    expect(await world.audit()).toEqual({ events: 0, differences: ["chain 3"] });
  });

  it("an account without an object, or without a ledger, has nothing to audit", async () => {
    const world = new World(new History());
    expect(await world.audit("acct_new")).toEqual({ events: 0, differences: CLEAN });
    expect(await world.audit()).toEqual({ events: 0, differences: CLEAN });
    expect(await world.mark()).toBeNull();
  });
});

/** What the object said when `seq` was its newest entry. */
function headAt(history: History, seq: number): Partial<ObjectHead> {
  const left = new Map<string, number>();
  for (const entry of history.entries.slice(0, seq)) {
    for (const { source, delta } of entry.updates) {
      if (source !== null && delta !== 0) left.set(source, (left.get(source) ?? 0) + delta);
    }
  }
  const { hash, updates } = history.at(seq);
  return { seq, head: hash, balance: updates.at(-1)?.balanceAfter ?? 0, grants: [...left] };
}

describe("what was written since is checked in full", () => {
  async function goneOn(): Promise<{ world: World; history: History }> {
    const history = started();
    const world = new World(history);
    await world.arrive();
    await world.audit();
    history.request("req_3", 2, 2).request("req_4", 2, 1);
    await world.arrive();
    return { world, history };
  }

  it.each([
    ["a changed amount", "UPDATE monetization_events SET amount = 1 WHERE seq = 4", ["chain 4", "price 4", "sum 4"]],
    [
      "a changed usage",
      "UPDATE usage_events SET usage = json_set(usage, '$.outputTokens', 1) WHERE seq = 4",
      ["chain 4"],
    ],
    [
      "a changed balance update",
      "UPDATE balance_updates SET delta = -1, amount = 1 WHERE seq = 4",
      ["chain 4", "sum 4"],
    ],
    ["a removed entry", "DELETE FROM balance_updates WHERE seq = 4", ["gap 4", "chain 5"]],
    ["a removed event", "DELETE FROM monetization_events WHERE seq = 4", ["chain 4", "orphan 4"]],
  ])("%s is found", async (_, sql, found) => {
    const { world } = await goneOn();
    world.tamper(sql);
    expect((await world.audit()).differences).toEqual(expect.arrayContaining(found));
  });

  it("an object that says something else is found, also when nothing is new", async () => {
    const { world } = await goneOn();
    await world.audit();
    world.says.set("acct_1", { balance: 1 });
    expect((await world.audit()).differences).toContain("balance 5");
    world.says.set("acct_1", { head: "0".repeat(64) });
    expect((await world.audit()).differences).toEqual(["chain 5"]);
  });

  it("a ledger in which another history took the place of the new entry is found", async () => {
    const history = started();
    const world = new World(history);
    await world.arrive();
    await world.audit();
    history.request("req_3", 2, 2);
    await writeEntries(world.deps.db, [forked(history.at(4))]);
    expect((await world.audit()).differences).toContain("chain 4");
  });

  it("an object that has lost what was audited already is found", async () => {
    const { world, history } = await goneOn();
    await world.audit();
    world.says.set("acct_1", headAt(history, 3));
    expect((await world.audit()).differences).not.toEqual(CLEAN);
  });

  it("a difference does not move the mark: it is found again until it is repaired", async () => {
    const { world } = await goneOn();
    world.tamper("UPDATE monetization_events SET amount = 1 WHERE seq = 5");
    const first = await world.audit();
    expect(first.differences).not.toEqual(CLEAN);
    expect(await world.mark()).toBe(3);
    expect(await world.audit()).toEqual(first);
    world.tamper("UPDATE monetization_events SET amount = 1000000 WHERE seq = 5");
    expect(await world.audit()).toEqual({ events: 2, differences: CLEAN });
    expect(await world.mark()).toBe(5);
  });

  it("finds nothing where another audit gets further meanwhile", async () => {
    const world = new World(started());
    await world.arrive();
    const early = world.histories.get("acct_1")?.head() ?? null;
    const deps: ReconcileDeps = {
      ...world.deps,
      headOf: async () => {
        world.histories.get("acct_1")?.request("req_3", 1, 1);
        await world.arrive();
        await world.audit();
        return early;
      },
    };
    expect(await reconcileRecent(deps, ["acct_1"])).toMatchObject({ differences: [], unchecked: [] });
    expect(world.frozen).toEqual([]);
  });

  it("what was audited before is left to the whole audit, which finds it", async () => {
    const { world } = await goneOn();
    world.tamper("UPDATE monetization_events SET amount = 1 WHERE seq = 2");
    expect(await world.audit()).toEqual({ events: 2, differences: CLEAN });
    expect((await reconcileRecent(world.deps, ["acct_1"])).differences).toEqual([]);
    expect(world.frozen).toEqual([]);
    const { differences, checked } = await reconcileAccount(world.deps, "acct_1");
    expect(differences[0]).toMatchObject({ seq: 2 });
    expect(checked.events).toBe(5);
    expect(world.frozen).toEqual(["acct_1 chain 2"]);
  });
});

describe("reconciling the accounts that moved", () => {
  it("checks each, freezes only who differs, says whom it could not check, and keeps the result", async () => {
    const world = new World(started("acct_1"), started("acct_2"), started("acct_3"));
    for (const id of ["acct_1", "acct_2", "acct_3"]) await world.arrive(id);
    world.tamper("UPDATE monetization_events SET amount = 1 WHERE account_id = 'acct_2' AND seq = 3");
    world.says.set("acct_3", new Error("the object is away"));
    const result = await reconcileRecent(world.deps, ["acct_1", "acct_2", "acct_3"]);
    expect(result).toMatchObject({
      account: null,
      checked: { accounts: 2, events: 6 },
      unchecked: [{ account: "acct_3", reason: "the object is away" }],
    });
    expect(new Set(result.differences.map(({ account }) => account))).toEqual(new Set(["acct_2"]));
    expect(world.frozen).toEqual(["acct_2 chain 3"]);
    expect([await world.mark("acct_1"), await world.mark("acct_2")]).toEqual([3, null]);
    expect(await latestReconciliation(world.deps.db)).toEqual(result);
  });

  it("names those with entries that no audit has seen, however late they came", async () => {
    const world = new World(started("acct_1"), started("acct_2"), started("acct_3"));
    const { db } = world.deps;
    expect(await unaudited(db, 10)).toEqual([]);
    for (const id of ["acct_1", "acct_2", "acct_3"]) await world.arrive(id);
    expect((await unaudited(db, 10)).sort()).toEqual(["acct_1", "acct_2", "acct_3"]);
    expect(await unaudited(db, 2)).toHaveLength(2);
    for (const id of ["acct_1", "acct_2", "acct_3"]) await auditRecent(world.deps, id, T0 + DAY);
    expect(await unaudited(db, 10)).toEqual([]);
    world.histories.get("acct_2")?.request("req_3", 1, 1);
    await world.arrive("acct_2");
    expect(await unaudited(db, 10)).toEqual(["acct_2"]);
  });

  it("an account that differs stays among them", async () => {
    const world = new World(started("acct_1"), started("acct_2"));
    for (const id of ["acct_1", "acct_2"]) await world.arrive(id);
    world.tamper("UPDATE monetization_events SET amount = 1 WHERE account_id = 'acct_1' AND seq = 3");
    await reconcileRecent(world.deps, await unaudited(world.deps.db, 10));
    expect(await unaudited(world.deps.db, 10)).toEqual(["acct_1"]);
  });
});
