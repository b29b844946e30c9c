import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type {
  Grant,
  NewApiKey,
  OperatorAccount,
  Receipt,
  Reconciliation,
  Refund,
  UsageTotal,
} from "../../client/types.ts";
import { AdminClient } from "../../scripts/admin-client.ts";
import { seedCatalog } from "../../scripts/catalog-seed.ts";
import { type LocalGateway, startLocalGateway } from "../../scripts/local-gateway.ts";
import { ROOT } from "../../scripts/repository.ts";
import { until } from "./customer.ts";

/*
 * The command-line tool as an operator and a customer run it: processes of their own against a running gateway, with what
 * one command prints as the input of the next.
 */

const ADMIN_TOKEN = "operator-of-the-tool-test";
const MODEL = "gpt-5.4-mini";

let gateway: LocalGateway;
let directory: string;
let account: OperatorAccount;
let key: string;
let requestId: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spillway-tool-"));
  gateway = await startLocalGateway({
    port: 0,
    vars: { SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, SPILLWAY_KEY_SECRET: "key-secret-of-the-tool-test" },
    withSimulator: true,
  });
  await seedCatalog(new AdminClient(gateway.url, ADMIN_TOKEN));
});

afterAll(async () => {
  await gateway?.dispose();
  await rm(directory, { recursive: true, force: true });
});

interface Ended {
  readonly exitCode: number;
  readonly out: string;
  readonly notes: string;
}

function begin(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(process.execPath, [join(ROOT, "scripts", "spillway.mjs"), ...args], {
    // Not the folder of the repository: the tool is called from anywhere.
    cwd: directory,
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, SPILLWAY_KEY: "", SPILLWAY_URL: gateway.url, SPILLWAY_ADMIN_TOKEN: ADMIN_TOKEN, ...env },
  });
}

async function run(args: readonly string[], env?: Readonly<Record<string, string>>, input = ""): Promise<Ended> {
  const child = begin(args, env);
  child.stdin.end(input);
  const [[exitCode], out, notes] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  return { exitCode, out, notes };
}

/** What a command prints with `--json`; it must succeed. */
async function told<Answer>(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Answer> {
  const { exitCode, out, notes } = await run([...args, "--json"], env);
  if (exitCode !== 0) throw new Error(`spillway ${args.join(" ")} ended with ${exitCode}: ${notes}`);
  return JSON.parse(out) as Answer;
}

/** A request with the customer's key; its id. */
async function ask(): Promise<string> {
  const response = await fetch(`${gateway.url}/v1/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: MODEL, input: "Hello", max_output_tokens: 200 }),
  });
  await response.text();
  expect(response.status).toBe(200);
  return response.headers.get("x-request-id") ?? "";
}

describe("an operator", () => {
  it("makes an account, a key and a grant, each told as JSON for the next command", async () => {
    account = await told<OperatorAccount>(["accounts", "create", "--plan", "enterprise", "--name", "Acme Ltd"]);
    ({ key } = await told<NewApiKey>(["keys", "create", account.id, "--name", "laptop", "--expires", "90d"]));
    expect(key).toMatch(/^sk-spill-/);
    const order = ["grants", "add", account.id, "25", "--kind", "paid", "--reason", "Order 1"];
    const grant = await told<Grant>([...order, "--idempotency-key", "order-1"]);
    expect(grant.amount).toBe("25.000000");
    // The same order again is the same grant.
    expect((await told<Grant>([...order, "--idempotency-key", "order-1"])).id).toBe(grant.id);
    const shown = await run(["accounts", "show", account.id]);
    expect(shown.out).toContain("Acme Ltd");
    expect(shown.out).toContain("25.00 available");
    const listed = await run(["accounts", "list", "--search", "acme"]);
    expect(listed.out.split("\n")[1]).toMatch(new RegExp(`^${account.id}\\s+Acme Ltd`));
  });

  it("is told what to do when a plan is not there", async () => {
    const { exitCode, out, notes } = await run(["accounts", "create", "--plan", "nowhere"]);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(notes).toContain("There is no plan nowhere");
    expect(notes).toContain("spillway plans list");
  });

  it("suspends an account and opens it again, with a reason that the log keeps", async () => {
    const why = ["--reason", "unpaid", "--actor", "Ada"];
    expect((await told<OperatorAccount>(["accounts", "suspend", account.id, ...why])).status).toBe("suspended");
    expect((await told<OperatorAccount>(["accounts", "activate", account.id, ...why])).status).toBe("active");
    const log = await new AdminClient(gateway.url, ADMIN_TOKEN).ledger.log({ account: account.id }).all();
    expect(log.filter(({ actor, reason }) => actor === "Ada" && reason === "unpaid").length).toBe(2);
  });
});

describe("a customer", () => {
  beforeAll(async () => {
    requestId = await ask();
    await until("the request in the ledger", 30_000, async () => {
      const receipt = await told<Receipt>(["requests", "show", requestId], { SPILLWAY_KEY: key });
      return receipt.ledger?.confirmed ? receipt : null;
    });
  });

  it("sees what was used, and what each request cost and why", async () => {
    const own = { SPILLWAY_KEY: key, SPILLWAY_ADMIN_TOKEN: "" };
    const [total] = await told<UsageTotal[]>(["usage", "--by", "model"], own);
    expect(total).toMatchObject({ model: MODEL, requests: 1, denied: 0 });
    const receipt = await run(["requests", "show", requestId], own);
    const [, charged = "no charge"] = /^Allowed: (\S+) credits from the grant grt_/.exec(receipt.out) ?? [];
    expect(receipt.out).toMatch(/Prices\s+default, version 1 \(credits per million tokens: .* output\)/);
    const listed = (await run(["requests", "list"], own)).out.split("\n").find((line) => line.includes(requestId));
    expect(listed).toContain(charged);
    expect((await run(["ledger"], own)).out).toMatch(/debit\s+grt_/);
    // The operator sees the same.
    expect(await told<UsageTotal[]>(["usage", "--by", "model", "--account", account.id])).toEqual([total]);
  });

  it("exports the ledger and verifies it, through a pipe or a file", async () => {
    const exported = await run(["export"], { SPILLWAY_KEY: key });
    expect(exported.exitCode).toBe(0);
    const verified = await run(["verify", "-"], {}, exported.out);
    expect(verified.out).toContain("Everything adds up");
    expect(verified.out).toMatch(/in 1 charge: \S+ from grants, 0\.00 included, 0\.00 refunded as overshoot/);
    expect(verified.exitCode).toBe(0);

    // The operator gets the same file.
    const entriesOf = (text: string) => text.split("\n").filter((line) => line.includes('"hash"'));
    const byOperator = await run(["export", "--account", account.id], { SPILLWAY_KEY: "" });
    expect(entriesOf(byOperator.out)).toEqual(entriesOf(exported.out));
    expect((await run(["verify", "-"], {}, byOperator.out)).exitCode).toBe(0);

    const file = join(directory, "ledger.ndjson");
    expect((await run(["export", "--out", file], { SPILLWAY_KEY: key })).notes).toContain("lines written");
    const intact = await readFile(file, "utf8");
    expect((await run(["verify", file])).exitCode).toBe(0);
    await writeFile(file, intact.replace('"amount":25000000', '"amount":26000000'));
    const forged = await run(["verify", file]);
    expect(forged.exitCode).toBe(1);
    expect(forged.out).toContain("does not add up");
  });

  it("follows requests as they end, until it is stopped", async () => {
    const tail = begin(["tail", "--lines", "1", "--interval", "1"], { SPILLWAY_KEY: key });
    const printed = collected(tail);
    try {
      await until("the latest request", 30_000, async () => (printed.text.includes(requestId) ? true : null));
      const next = await ask();
      await until("the next request", 30_000, async () => (printed.text.includes(next) ? true : null));
      expect(printed.text.split("\n").filter((line) => line.includes("Allowed")).length).toBe(2);
    } finally {
      const ended = once(tail, "close");
      tail.kill("SIGINT");
      expect((await ended)[0]).toBe(0);
    }
  });
});

describe("the books", () => {
  it("are checked, and a refund shows in them", async () => {
    const { charge } = await told<Receipt>(["requests", "show", requestId, "--account", account.id]);
    const refund = await told<Refund>(["refunds", "add", account.id, requestId, "--reason", "too slow"]);
    expect(refund.amount).toBe(charge?.amount);
    await until("the refund in the ledger", 30_000, async () => {
      const { out } = await run(["ledger", "--account", account.id]);
      return /refund\s+grt_.*too slow/.test(out) ? out : null;
    });
    const again = await run(["refunds", "add", account.id, requestId, "--reason", "much too slow"]);
    expect([again.exitCode, again.notes]).toEqual([
      1,
      expect.stringContaining("No credits of this request are left to refund"),
    ]);
    const checked = await told<Reconciliation>(["reconcile"]);
    expect(checked.difference_count).toBe(0);
    expect(checked.checked.accounts).toBe(1);
    const one = await run(["reconcile", "--account", account.id]);
    expect([one.exitCode, one.out]).toEqual([0, expect.stringContaining("everything adds up")]);
    expect((await run(["health"])).out).toMatch(/Status\s+ok/);
    expect((await run(["quarantine", "list"])).out).toContain("empty");
  });

  it("are backed up for every account, and a restore that finds nothing lost writes nothing", async () => {
    const backUp = join(directory, "ledgers");
    const done = await run(["export", "--all", "--out", backUp]);
    expect([done.exitCode, done.out]).toEqual([0, expect.stringMatching(/^1 account with \d+ entries exported/)]);
    const file = join(backUp, `${account.id}.ndjson`);
    const restored = await run(["ledger", "restore", file, "--reason", "D1 was restored"]);
    expect(restored.out).toMatch(/: \d+ entries were there, 0 put back, 0 refused /);
    expect([restored.exitCode, restored.out]).toEqual([0, expect.stringContaining("It adds up, and is active.")]);
    await writeFile(file, (await readFile(file, "utf8")).replace('"amount":25000000', '"amount":26000000'));
    const forged = await run(["ledger", "restore", file, "--reason", "D1 was restored"]);
    expect([forged.exitCode, forged.out]).toEqual([1, expect.stringContaining("Nothing of it was sent.")]);
  });
});

describe("the catalog", () => {
  it("has a plan that an account can be put on", async () => {
    expect((await told<OperatorAccount>(["accounts", "plan", account.id, "plus"])).plan.id).toBe("plus");
  });

  it("is shown, edited and published, with a look at the change before", async () => {
    const shown = await run(["plans", "show", "plus"]);
    const file = join(directory, "plus.json");
    await writeFile(file, shown.out.replace('"name": "Plus"', '"name": "Plus and more"'));
    const preview = await run(["plans", "put", "plus", file, "--dry-run"]);
    expect(preview.out).toMatch(/name\s+changed\s+"Plus"\s+"Plus and more"/);
    const put = await told<{ version: number }>(["plans", "put", "plus", file, "--reason", "a better name"]);
    expect(put.version).toBe(2);
    const cards = await run(["rate-cards", "show", "default"]);
    expect(JSON.parse(cards.out).models).toHaveProperty(MODEL);
    const upstream = { base_url: "https://api.other.example/v1", key_secret: "UPSTREAM_OTHER_KEY", enabled: false };
    const set = await run(["upstreams", "set", "other", "-"], {}, JSON.stringify(upstream));
    expect(set.notes).toContain("wrangler secret put UPSTREAM_OTHER_KEY");
    expect((await run(["upstreams", "list"])).out).toMatch(/other\s+https:\/\/api\.other\.example\/v1/);
    expect((await run(["upstreams", "remove", "other"])).exitCode).toBe(0);
  });
});

function collected(child: ChildProcess): { readonly text: string } {
  const kept = { text: "" };
  child.stdout?.on("data", (chunk: Buffer) => {
    kept.text += chunk.toString();
  });
  return kept;
}
