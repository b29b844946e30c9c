import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runTool } from "../../scripts/cli/program.ts";
import { fullHistory, History } from "../ledger/history.ts";
import { AnsweringServer, type Asked, type Told } from "../support/answering-server.ts";
import { grantOf } from "../support/core-fixtures.ts";
import { exportOf } from "../support/ledger-export.ts";
import { KeptTerminal } from "../support/terminal.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "spillway-files-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const EXPORT_ALL = ["--json", "export", "--all", "--out"];
const REFUSED = { error: { code: "account_incomplete", message: "It was never begun.", request_id: "req_1" } };

/** A gateway that has these ledgers; what is no text is refused. */
function ledgersAre(exports: ReadonlyMap<string, string | Told>): (asked: Asked) => Told {
  return ({ path }) => {
    if (path.startsWith("/admin/accounts?")) return { body: pageOf([...exports.keys()]) };
    const told = exports.get(path.split("/")[3] ?? "") ?? { status: 404, body: REFUSED };
    return typeof told === "string" ? { body: told } : told;
  };
}

function pageOf(ids: readonly string[]): object {
  return { data: ids.map((id) => ({ id })), has_more: false, next_cursor: null };
}

/** What a call of the tool prints and how it ends. */
async function run(url: string, args: readonly string[], terminal = terminalOf(url)) {
  const exitCode = await runTool(args, terminal);
  return { exitCode, out: terminal.out, notes: terminal.notes };
}

function terminalOf(url: string): KeptTerminal {
  return new KeptTerminal({ SPILLWAY_URL: url, SPILLWAY_ADMIN_TOKEN: "t" });
}

async function backUp(exports: readonly (readonly [string, string | Told])[]) {
  await using server = await AnsweringServer.start(ledgersAre(new Map(exports)));
  const { exitCode, out } = await run(server.url, [...EXPORT_ALL, directory]);
  return { exitCode, told: JSON.parse(out) as { accounts: number; failed: { account: string; reason: string }[] } };
}

const fileOf = (account: string) => join(directory, `${account}.ndjson`);
const kept = (account: string) => readFile(fileOf(account), "utf8");

/** A history of so many entries. */
function granted(id: string, entries: number, reason = "why"): History {
  const history = new History(id);
  for (let index = 0; index < entries; index += 1) history.give(grantOf(`grt_${index}`, 1, { reason }));
  return history;
}

describe("a back-up of all accounts", () => {
  test("has a verified file for each, and nothing else", async () => {
    const [one, other] = [await exportOf(fullHistory("acct_1")), await exportOf(granted("acct_2", 0))];
    const { exitCode, told } = await backUp([
      ["acct_1", one],
      ["acct_2", other],
    ]);
    expect([exitCode, told.accounts, told.failed]).toEqual([0, 2, []]);
    expect((await readdir(directory)).sort()).toEqual(["acct_1.ndjson", "acct_2.ndjson"]);
    expect([await kept("acct_1"), await kept("acct_2")]).toEqual([one, other]);
  });

  test("names an account that cannot be exported, has the others, and ends with 1", async () => {
    const whole = await exportOf(granted("acct_3", 1));
    const { exitCode, told } = await backUp([
      ["acct_1", { status: 409, body: REFUSED }],
      ["acct_2", whole.slice(0, -40)],
      ["acct_3", whole],
    ]);
    expect([exitCode, told.accounts]).toEqual([1, 1]);
    expect(told.failed.map(({ account }) => account)).toEqual(["acct_1", "acct_2"]);
    expect(told.failed[0]?.reason).toBe("It was never begun.");
    expect((await readdir(directory)).sort()).toEqual(["acct_2.ndjson.unverified", "acct_3.ndjson"]);
  });

  test("replaces the file of before by one that goes on from it", async () => {
    const longer = await exportOf(granted("acct_1", 5));
    for (const text of [await exportOf(granted("acct_1", 0)), await exportOf(granted("acct_1", 3)), longer, longer]) {
      expect((await backUp([["acct_1", text]])).exitCode).toBe(0);
    }
    expect(await kept("acct_1")).toBe(longer);
  });

  test.each([
    ["has lost entries", granted("acct_1", 3)],
    ["has another history", granted("acct_1", 7, "another reason")],
  ])("never replaces it by that of a ledger that %s", async (_, now) => {
    const before = await exportOf(granted("acct_1", 5));
    await backUp([["acct_1", before]]);
    const { exitCode, told } = await backUp([["acct_1", await exportOf(now)]]);
    expect(exitCode).toBe(1);
    expect(told.failed[0]?.reason).toContain("the ledger no longer has entry 5");
    expect(await kept("acct_1")).toBe(before);
  });

  test("tells of a file of before that was changed since", async () => {
    const before = await exportOf(granted("acct_1", 5));
    await writeFile(fileOf("acct_1"), before.replace("grt_2", "grt_9"));
    const { exitCode, told } = await backUp([["acct_1", before]]);
    expect(exitCode).toBe(1);
    expect(told.failed[0]?.reason).toContain("was changed: line 4:");
  });

  test("that is stopped in the middle does not end well", async () => {
    const stopped: { terminal?: KeptTerminal } = {};
    const answer = ledgersAre(new Map([["acct_1", await exportOf(granted("acct_1", 1))]]));
    await using server = await AnsweringServer.start((asked) => {
      if (asked.path.endsWith("/export")) stopped.terminal?.interrupt();
      return answer(asked);
    });
    stopped.terminal = terminalOf(server.url);
    const { exitCode, notes } = await run(server.url, [...EXPORT_ALL, directory], stopped.terminal);
    expect([exitCode, notes]).toEqual([1, "spillway: stopped before it was done.\n"]);
    await expect(access(fileOf("acct_1"))).rejects.toThrow();
  });
});

describe("a restore", () => {
  const RESTORE = ["--json", "ledger", "restore"];
  const WHY = ["--reason", "D1 was restored"];
  const CLEAN = {
    id: "rec_1",
    account: "acct_1",
    checked: { accounts: 1, events: 9 },
    pending: { reservations: 0, stale_reservations: 0, outbox: 0 },
    differences: [],
    difference_count: 0,
    unchecked: [],
    unchecked_count: 0,
    finished_at: "2026-11-22T12:00:00.000Z",
  };

  interface Portion {
    readonly entries: readonly { readonly seq: number }[];
    readonly reason: string;
  }

  const portionsOf = ({ asked }: AnsweringServer): Portion[] =>
    asked.filter(({ path }) => path.endsWith("/ledger/entries")).map(({ body }) => body as Portion);

  /** A gateway that answers to portions as it is told, and finds nothing wrong. */
  function answering(portion: (portion: Portion) => Told | "break off"): Promise<AnsweringServer> {
    return AnsweringServer.start(({ path, body }) => {
      if (path.endsWith("/ledger/entries")) return portion(body as Portion);
      return { body: path.endsWith("/reconciliations") ? CLEAN : { id: "acct_1", status: "frozen" } };
    });
  }

  const takes = ({ entries }: Portion): Told => ({
    body: { account: "acct_1", present: 1, restored: entries.length - 1 },
  });

  test("sends all entries of a file, in their order, in portions that the gateway takes", async () => {
    const history = granted("acct_1", 450, "x".repeat(1_000));
    await writeFile(fileOf("acct_1"), await exportOf(history));
    await using server = await answering(takes);
    const { exitCode, out } = await run(server.url, [...RESTORE, fileOf("acct_1"), ...WHY]);
    const portions = portionsOf(server);
    expect(portions.flatMap(({ entries }) => entries)).toEqual(JSON.parse(JSON.stringify(history.entries)));
    for (const portion of portions) expect(JSON.stringify(portion).length).toBeLessThan(256 * 1024);
    expect(Math.max(...portions.map(({ entries }) => entries.length))).toBeGreaterThan(50);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      account: "acct_1",
      present: portions.length,
      restored: 450 - portions.length,
      refused: 0,
      why: null,
      status: "frozen",
    });
  });

  test("of a forged file sends nothing, says where, and goes on with the next", async () => {
    const text = await exportOf(granted("acct_1", 3));
    await writeFile(fileOf("forged"), text.replace('"amount":1000000', '"amount":2000000'));
    await writeFile(fileOf("acct_1"), text);
    await using server = await answering(takes);
    const { exitCode, out } = await run(server.url, [...RESTORE, fileOf("forged"), fileOf("acct_1"), ...WHY]);
    const [forged, good] = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(forged).toMatchObject({ account: null, restored: 0, why: expect.stringContaining("Line 2: ") });
    expect(good).toMatchObject({ account: "acct_1", restored: 2, why: null });
    expect([exitCode, portionsOf(server).length]).toEqual([1, 1]);
  });

  test("ends with the portion that the gateway refuses, and says how many entries that leaves out", async () => {
    await writeFile(fileOf("acct_1"), await exportOf(granted("acct_1", 450)));
    const message = "fork: the ledger has another entry at 1.201. Nothing was written.";
    await using server = await answering((portion) =>
      portion.entries[0]?.seq === 1
        ? takes(portion)
        : { status: 409, body: { error: { code: "ledger_conflict", message, request_id: "req_1" } } },
    );
    const { exitCode, out } = await run(server.url, [...RESTORE, fileOf("acct_1"), ...WHY]);
    expect(exitCode).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ present: 1, restored: 199, refused: 250, why: message });
    expect(portionsOf(server).length).toBe(2);
  });

  test("that breaks off ends badly, and may be called again", async () => {
    await writeFile(fileOf("acct_1"), await exportOf(granted("acct_1", 450)));
    const stops = new Set([201]);
    await using server = await answering((portion) => {
      const first = portion.entries[0]?.seq ?? 0;
      return stops.has(first) ? "break off" : takes(portion);
    });
    expect((await run(server.url, [...RESTORE, fileOf("acct_1"), ...WHY])).exitCode).toBe(3);
    stops.clear();
    expect((await run(server.url, [...RESTORE, fileOf("acct_1"), ...WHY])).exitCode).toBe(0);
  });

  test("needs a file that it can read twice", async () => {
    const { exitCode, notes } = await run("http://127.0.0.1:9", [...RESTORE, "-", ...WHY]);
    expect(exitCode).toBe(2);
    expect(notes).toContain("Standard input can be read only once");
  });
});
