import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { copyLedger } from "../../scripts/ledger-copy.ts";
import { type AccountReplay, accountsOf, replayAccount } from "../../scripts/ledger-replay.ts";
import { sourceOfDatabase, sourceOfExport } from "../../scripts/replay-source.ts";
import { ROOT } from "../../scripts/repository.ts";
import { writeEntries } from "../../src/ledger/write.ts";
import { fullHistory, History } from "../ledger/history.ts";
import { RECORDED_ENTRIES } from "../ledger/recorded.ts";
import { grantOf } from "../support/core-fixtures.ts";
import { exportOf } from "../support/ledger-export.ts";
import { migratedD1 } from "../support/sqlite-d1.ts";

const directory = mkdtempSync(join(tmpdir(), "spillway-replay-test-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** A rate card with the prices that the recorded history was charged at, times `factor`. */
function cardOf(factor: number): string {
  const prices = { input: 62.5, cached_input: 6.25, cache_write: 78.125, output: 375 };
  const model = {
    feature: "codex",
    per_million_tokens: Object.fromEntries(Object.entries(prices).map(([name, price]) => [name, `${price * factor}`])),
    long_context: { above_input_tokens: 272_000, input_multiplier: "2", output_multiplier: "1.5" },
    service_tiers: { priority: "2", flex: "0.5" },
    max_output_tokens: 128_000,
    per_call: { web_search: "0.25", code_interpreter: "0" },
  };
  return JSON.stringify({ effective_at: null, models: { "gpt-5.4": model, "gpt-5.4-pro": model } });
}

let states = 0;

/** A state directory as the local gateway keeps it, with the recorded history in its ledger, changed by `sql`. */
async function stateWith(sql = ""): Promise<string> {
  const { db, sqlite } = migratedD1();
  await writeEntries(db, RECORDED_ENTRIES);
  await writeEntries(db, new History("acct_other").give(grantOf("grt_other", 7)).entries);
  const addCard = sqlite.prepare("INSERT INTO rate_cards VALUES ('default', ?, 0, ?, 0)");
  // A charge of the history was corrected to the lower prices, another one to the higher.
  for (const [version, factor] of [1, 0.5, 1.5].entries()) addCard.run(version + 1, cardOf(factor));
  if (sql !== "") {
    for (const table of ["usage_events", "monetization_events", "balance_updates"]) {
      sqlite.exec(`DROP TRIGGER ${table}_no_update; DROP TRIGGER ${table}_no_delete`);
    }
    sqlite.exec(sql);
  }
  states += 1;
  const state = join(directory, `state-${states}`);
  const d1 = join(state, "v3", "d1", "miniflare-D1DatabaseObject");
  mkdirSync(d1, { recursive: true });
  new DatabaseSync(join(d1, "metadata.sqlite")).close();
  sqlite.prepare("VACUUM INTO ?").run(join(d1, "0123456789abcdef.sqlite"));
  return state;
}

async function replayed(sql = ""): Promise<AccountReplay> {
  await using copy = await copyLedger(await stateWith(sql));
  const source = sourceOfDatabase(copy.path);
  expect(accountsOf(source)).toEqual(["acct_fixture", "acct_other"]);
  const result = replayAccount(source, "acct_fixture");
  source.database.close();
  return result;
}

function fingerprint(path: string): string {
  const names = readdirSync(path, { recursive: true }) as string[];
  const files = names.filter((name) => statSync(join(path, name)).isFile()).sort();
  return createHash("sha256")
    .update(files.map((name) => `${name} ${readFileSync(join(path, name), "hex")}`).join("\n"))
    .digest("hex");
}

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const command = [join(ROOT, "scripts/replay.ts"), ...args];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

describe("a replay of the usage events", () => {
  it("comes to the charges and the balance of the ledger, whatever happened to the account", async () => {
    const { usageEvents, charges, balance, differences } = await replayed();
    expect(differences).toEqual([]);
    expect(usageEvents).toBe(RECORDED_ENTRIES.filter(({ usage }) => usage).length);
    const charged = RECORDED_ENTRIES.reduce((sum, { monetization }) => sum + (monetization?.amount ?? 0), 0);
    expect(charges).toEqual({ replayed: charged, ledger: charged });
    const last = RECORDED_ENTRIES.at(-1)?.updates.at(-1)?.balanceAfter;
    expect(balance).toEqual({ replayed: last, ledger: last });
  });

  it("comes to the same from an export", async () => {
    const history = fullHistory();
    const path = join(directory, "full.ndjson");
    writeFileSync(path, await exportOf(history));
    const source = await sourceOfExport(path);
    expect(accountsOf(source)).toEqual([history.id]);
    expect(replayAccount(source, history.id)).toMatchObject({
      differences: [],
      balance: { replayed: history.state.row.balance, ledger: history.state.row.balance },
    });
  });

  const late = RECORDED_ENTRIES.find(({ usage }) => usage?.outcome === "late")?.seq ?? 0;
  const several = RECORDED_ENTRIES.find(({ updates }) => updates.length === 4)?.seq ?? 0;
  const corrected = RECORDED_ENTRIES.findLast(({ usage }) => usage?.outcome === "corrected")?.seq ?? 0;
  const estimated = RECORDED_ENTRIES.find(({ usage }) => usage?.outcome === "cut")?.seq ?? 0;

  it.each<[string, number, RegExp, string]>([
    [
      "a charge that was changed",
      several,
      /^charge mon_/,
      `UPDATE monetization_events SET amount = amount + 1 WHERE seq = ${several}`,
    ],
    ["a charge that is missing", late, /^charge mon_/, `DELETE FROM monetization_events WHERE seq = ${late}`],
    [
      "a charge that nobody caused",
      99,
      /^charge mon_none$/,
      "INSERT INTO monetization_events VALUES ('acct_fixture', 'mon_none', 'use_none', 1, 99, 1, 'default', 1, 'gpt-5.4', 5)",
    ],
    [
      "a charge at another rate",
      several,
      /^charge mon_/,
      `UPDATE monetization_events SET card_version = 2 WHERE seq = ${several}`,
    ],
    [
      "a correction that charges something else",
      corrected,
      /^charge mon_fixture2.1~c3$/,
      `UPDATE monetization_events SET amount = amount - 1 WHERE seq = ${corrected}`,
    ],
    [
      "usage that was changed",
      several,
      /^charge mon_/,
      `UPDATE usage_events SET usage = json_set(usage, '$.outputTokens', 1) WHERE seq = ${several}`,
    ],
    [
      "an estimate that costs more than was reserved",
      estimated,
      /^charge mon_/,
      `UPDATE usage_events SET decision = json_set(decision, '$.reserved', 10) WHERE seq = ${estimated}`,
    ],
    [
      "a debit that was changed",
      several,
      /^debits of entry/,
      `UPDATE balance_updates SET delta = delta - 5 WHERE seq = ${several} AND draw = 3`,
    ],
    [
      "a rate that no longer exists",
      RECORDED_ENTRIES.find(({ monetization }) => monetization)?.seq ?? 0,
      /no rate for gpt-5.4 on default@1 that prices its usage$/,
      "DELETE FROM rate_cards WHERE version = 1",
    ],
    ["a balance that was changed", 0, /^balance$/, "UPDATE balances SET balance = balance + 1"],
  ])("finds %s, and where", async (_, seq, subject, sql) => {
    const { differences } = await replayed(sql);
    expect(differences[0]).toMatchObject({ seq, subject: expect.stringMatching(subject) });
  });

  it("leaves the state as it is, and no copy behind", async () => {
    const copies = () => readdirSync(tmpdir()).filter((name) => /^spillway-replay-(?!test)/.test(name)).length;
    const [state, before] = [await stateWith(), copies()];
    const files = fingerprint(state);
    expect((await run("--state-dir", state)).code).toBe(0);
    expect(fingerprint(state)).toBe(files);
    expect(copies()).toBe(before);
  });

  it("copies what a running gateway has not written into its database file yet", async () => {
    const state = await stateWith();
    const path = join(state, "v3/d1/miniflare-D1DatabaseObject/0123456789abcdef.sqlite");
    const gateway = new DatabaseSync(path);
    gateway.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE balances SET balance = balance + 9");
    expect((await run("--state-dir", state)).code).toBe(1);
    gateway.exec("UPDATE balances SET balance = balance - 9");
    gateway.close();
    expect((await run("--state-dir", state)).code).toBe(0);
  });
});

describe("the command", () => {
  it("tells what was replayed, per account and in total", async () => {
    const state = await stateWith();
    const { code, out } = await run("--state-dir", state);
    expect(code).toBe(0);
    expect(out).toMatch(/^10 usage events of 2 accounts replayed\n {2}charges {3}\d/);
    expect(out).toContain("no differences");
    expect((await run("--state-dir", state, "--account", "acct_other")).out).toMatch(
      /^0 usage events of 1 account replayed/,
    );
  });

  it("names the first difference of each account and exits with 1", async () => {
    const state = await stateWith("UPDATE monetization_events SET amount = amount + 1 WHERE seq > 6");
    const { code, out, err } = await run("--state-dir", state);
    expect(code).toBe(1);
    expect(err).toMatch(
      /^acct_fixture differs at entry 7: charge mon_fixture4\.1\n {2}replayed {2}137500 at default@1/,
    );
    expect(err).not.toContain("acct_other");
    expect(out).toContain("1 account with differences");
  });

  it("reads an export", async () => {
    const path = join(directory, "small.ndjson");
    const text = await exportOf(new History().give(grantOf("grt_a", 5)).request("req_1", 2, 1));
    writeFileSync(path, text);
    expect((await run("--file", path)).code).toBe(0);
    writeFileSync(path, text.replace('"amount":1000000,"delta":-1000000', '"amount":1000001,"delta":-1000001'));
    expect(await run("--file", path)).toMatchObject({
      code: 1,
      err: "acct_1 differs at entry 2: debits of entry 2\n  replayed  1000000\n  ledger    1000001\n",
    });
  });

  it("exits with 2 when there is nothing to replay", async () => {
    const nothing = join(directory, "nothing");
    expect(await run("--state-dir", nothing)).toMatchObject({ code: 2, err: expect.stringContaining("no ledger") });
    expect(await run("--file", join(nothing, "none.ndjson"))).toMatchObject({ code: 2 });
    const state = await stateWith();
    expect(await run("--state-dir", state, "--account", "acct_none")).toMatchObject({ code: 2 });
    expect(await run("--unknown")).toMatchObject({ code: 2, err: expect.stringContaining("usage:") });
  });
});
