import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram, runTool } from "../../scripts/cli/program.ts";
import { SecretFiles } from "../../scripts/secrets-file.ts";
import { AnsweringServer, type Told } from "../support/answering-server.ts";
import { KeptTerminal } from "../support/terminal.ts";

let stateDir: string;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "spillway-cli-"));
});
afterAll(() => rm(stateDir, { recursive: true, force: true }));

/** The commands that do something, with the words by which they are called. */
function leaves(command: Command, words: readonly string[] = []): [string, Command][] {
  if (command.commands.length === 0) return [[words.join(" "), command]];
  return command.commands.flatMap((inner) => leaves(inner, [...words, inner.name()]));
}

function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  return text;
}

/** The calls in the examples of a help text, as arguments. */
function examplesOf(help: string): string[][] {
  return [...help.matchAll(/(?:\$|\|) spillway ([^|<>\n]*)/g)].map(([, call = ""]) =>
    [...call.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""),
  );
}

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const terminal = new KeptTerminal({ SPILLWAY_STATE_DIR: stateDir, PORT: "9", ...env });
  const exitCode = await runTool(args, terminal);
  return { exitCode, out: terminal.out, notes: terminal.notes };
}

const COMMANDS = leaves(buildProgram(new KeptTerminal()).program);

describe("the help", () => {
  test.each(COMMANDS)("of %s has examples, and they can be called as they stand", async (words, command) => {
    const examples = examplesOf(helpOf(command));
    expect(examples.map((example) => example.join(" ").startsWith(words))).toContain(true);
    for (const example of examples) {
      const { program } = buildProgram(new KeptTerminal());
      const parsed = new Error("parsed");
      program.hook("preAction", () => {
        throw parsed;
      });
      await expect(program.parseAsync(example, { from: "user" })).rejects.toBe(parsed);
    }
  });

  test("is a result when it is asked for, and a note when a command is missing", async () => {
    const asked = await run(["--help"]);
    expect([asked.exitCode, asked.notes]).toEqual([0, ""]);
    expect(asked.out).toContain("SPILLWAY_ADMIN_TOKEN");
    const missing = await run(["accounts"]);
    expect([missing.exitCode, missing.out]).toEqual([2, ""]);
    expect(missing.notes).toContain("suspend");
  });
});

describe("a call that cannot be followed", () => {
  test.each([
    [["dance"], "unknown command 'dance'"],
    [["accounts", "create"], "required option '--plan <id>' not specified"],
    [["accounts", "list", "--limit", "many"], "It must be a whole number."],
    [["grants", "add", "acct_1", "5", "--kind", "gift", "--reason", "x"], "Allowed choices are promotional"],
    [["usage", "--from", "yesterday"], 'a span such as "30d"'],
    [["export", "--csv", "--account", "acct_1"], "option '--csv' cannot be used with option '--account <id>'"],
    [["export", "--all"], "--all needs a directory"],
    [["export", "--all", "--account", "acct_1"], "option '--all' cannot be used with option '--account <id>'"],
    [["ledger", "restore", "acct_1.ndjson"], "required option '--reason <text>' not specified"],
    [["ledger", "restore", "/nowhere.ndjson", "--reason", "x"], "/nowhere.ndjson cannot be read"],
    [["usage", "--by", "colour"], "It takes any of day, feature, model."],
    [["health", "--url", "gateway"], '"gateway" is no address'],
    [["health", "--url", "https://me:hunter2@gateway.example"], "Leave user and password out of the address"],
    [["plans", "put", "plus", "/nowhere.json"], "/nowhere.json cannot be read"],
  ])("%j ends with 2 and says what is wrong, once", async (args, told) => {
    const { exitCode, out, notes } = await run(args, { SPILLWAY_ADMIN_TOKEN: "t", SPILLWAY_KEY: "k" });
    expect([exitCode, out]).toEqual([2, ""]);
    expect(notes.split(told).length).toBe(2);
    expect(notes).not.toContain("hunter2");
  });

  test("because no token is known says how to give one", async () => {
    const { exitCode, notes } = await run(["accounts", "list"]);
    expect(exitCode).toBe(2);
    expect(notes).toContain("SPILLWAY_ADMIN_TOKEN");
    expect((await run(["usage"])).notes).toContain("SPILLWAY_KEY");
  });
});

describe("a call that fails", () => {
  test("because nobody answers ends with 3 and says what to do", async () => {
    const { exitCode, notes } = await run(["health"]);
    expect(exitCode).toBe(3);
    expect(notes).toContain("npm start");
  });

  test("because the gateway refuses ends with 1, with the request id and what to do next", async () => {
    const body = { error: { code: "account_not_found", message: "There is no such account.", request_id: "req_1" } };
    await using server = await AnsweringServer.start(() => ({ status: 404, body }));
    const env = { SPILLWAY_URL: server.url, SPILLWAY_ADMIN_TOKEN: "t" };
    const { exitCode, out, notes } = await run(["accounts", "show", "acct_1"], env);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(notes).toBe(
      "spillway: There is no such account. (request req_1)\n`spillway accounts list` shows the accounts.\n",
    );
    const told = JSON.parse((await run(["--json", "accounts", "show", "acct_1"], env)).notes);
    expect(told.error).toMatchObject({ code: "account_not_found", request_id: "req_1" });
  });

  test("because a ledger does not add up ends with 1, and tells of every difference", async () => {
    const difference = { account: "acct_1", rule: "sum", seq: 7, subject: "delta", expected: "1", found: "2" };
    const body = {
      id: "rec_1",
      account: "acct_1",
      checked: { accounts: 1, events: 9 },
      pending: { reservations: 0, stale_reservations: 0, outbox: 0 },
      differences: [difference],
      difference_count: 1,
      unchecked: [],
      unchecked_count: 0,
      finished_at: "2026-11-22T12:00:00.000Z",
    };
    await using server = await AnsweringServer.start(() => ({ body }));
    const env = { SPILLWAY_URL: server.url, SPILLWAY_ADMIN_TOKEN: "t" };
    const { exitCode, out } = await run(["reconcile", "--account", "acct_1"], env);
    expect(exitCode).toBe(1);
    expect(out).toContain("1 difference.");
    expect(out).toMatch(/acct_1\s+7\s+sum\s+delta\s+1\s+2/);
  });
});

describe("being stopped", () => {
  /** What comes of a call that is stopped (Ctrl-C) while it waits for its answer. */
  async function stopped(args: readonly string[], answer: Told | "break off" = { body: "{}" }) {
    const asking: { terminal?: KeptTerminal } = {};
    await using server = await AnsweringServer.start(() => {
      asking.terminal?.interrupt();
      return answer;
    });
    const secrets = { SPILLWAY_ADMIN_TOKEN: "t", SPILLWAY_KEY: "k" };
    const terminal = new KeptTerminal({
      SPILLWAY_STATE_DIR: stateDir,
      PORT: "9",
      SPILLWAY_URL: server.url,
      ...secrets,
    });
    asking.terminal = terminal;
    const exitCode = await runTool(args, terminal);
    return { exitCode, notes: terminal.notes };
  }

  test.each(["reconcile", "reconcile --account acct_1", "export", "export --csv"])(
    "before it is done never looks like success: %s",
    async (call) => {
      const { exitCode, notes } = await stopped(call.split(" "));
      expect([exitCode, notes]).toEqual([1, "spillway: stopped before it was done.\n"]);
    },
  );

  test("does not hide that the gateway refused", async () => {
    const error = { code: "account_not_found", message: "There is no such account.", request_id: "req_1" };
    const { exitCode, notes } = await stopped(["accounts", "show", "acct_1"], { status: 404, body: { error } });
    expect([exitCode, notes]).toEqual([1, expect.stringContaining("There is no such account.")]);
  });

  test("is how following requests ends", async () => {
    expect(await stopped(["tail"], "break off")).toEqual({ exitCode: 0, notes: "" });
  });
});

describe("secrets of the gateway on this machine", () => {
  const list = { data: [], has_more: false, next_cursor: null };
  beforeAll(async () => {
    const files = new SecretFiles(stateDir);
    await files.write("admin-token", "token-of-this-machine\n");
    await files.write("demo.json", JSON.stringify({ createdAt: 0, key: "key-of-this-machine" }));
  });

  test("are used for it, under each of its names", async () => {
    await using server = await AnsweringServer.start(() => ({ body: list }));
    const { port } = new URL(server.url);
    for (const url of [{}, { SPILLWAY_URL: `http://127.0.0.1:${port}` }]) {
      await run(["accounts", "list"], { PORT: port, ...url });
      await run(["requests", "list"], { PORT: port, ...url });
    }
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer token-of-this-machine",
      "Bearer key-of-this-machine",
      "Bearer token-of-this-machine",
      "Bearer key-of-this-machine",
    ]);
  });

  test("are never sent to another gateway", async () => {
    await using server = await AnsweringServer.start(() => ({ body: list }));
    for (const args of [
      ["accounts", "list"],
      ["requests", "list"],
    ]) {
      expect((await run(args, { SPILLWAY_URL: server.url })).exitCode).toBe(2);
    }
    expect(server.asked).toEqual([]);
  });

  test("count less than the environment, and that less than what is typed", async () => {
    await using server = await AnsweringServer.start(() => ({ body: list }));
    const env = { PORT: new URL(server.url).port, SPILLWAY_ADMIN_TOKEN: "of-the-environment" };
    await run(["accounts", "list"], env);
    await run(["accounts", "list", "--token", "typed", "--actor", "Ada"], env);
    expect(server.asked.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer of-the-environment",
      "Bearer typed",
    ]);
  });
});

test("a request that the ledger learns of late is followed as well, once", async () => {
  const event = (id: string) => ({ id, request_id: `req_${id}`, at: "2026-11-22T12:00:00.000Z", model: "m" });
  // The newest first: the third comes after the fourth, the first was there before.
  const looks = [
    ["2", "1"],
    ["4", "2", "1"],
    ["4", "3", "2", "1"],
    ["5", "4", "3", "2", "1"],
  ];
  let looked = 0;
  const asking: { terminal?: KeptTerminal } = {};
  await using server = await AnsweringServer.start(({ path }) => {
    if (path.startsWith("/api/requests/")) return { body: { sentence: "Allowed." } };
    const data = (looks[looked] ?? []).map(event);
    looked += 1;
    if (looked === looks.length) asking.terminal?.interrupt();
    return { body: { data, has_more: false, next_cursor: null } };
  });
  const terminal = new KeptTerminal({ SPILLWAY_STATE_DIR: stateDir, SPILLWAY_URL: server.url, SPILLWAY_KEY: "k" });
  asking.terminal = terminal;
  expect(await runTool(["tail", "--lines", "1", "--interval", "1"], terminal)).toBe(0);
  expect(terminal.out.match(/req_\d/g)).toEqual(["req_2", "req_4", "req_3", "req_5"]);
});

test.each(["45", "10-11-2026"])(
  "an expiry that is neither a span nor ISO 8601 is not guessed at: %s",
  async (expires) => {
    const { exitCode, notes } = await run(["keys", "create", "acct_1", "--expires", expires]);
    expect([exitCode, notes]).toEqual([2, expect.stringContaining('a span such as "30d"')]);
  },
);

test("a document that is no JSON is told from one that the gateway refuses", async () => {
  const file = join(stateDir, "plan.json");
  await writeFile(file, "{ name: Plus }");
  const { exitCode, notes } = await run(["plans", "put", "plus", file], { SPILLWAY_ADMIN_TOKEN: "t" });
  expect(exitCode).toBe(2);
  expect(notes).toContain(`${file} is not JSON`);
});
