import { spawnSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";
import { ROOT } from "../../scripts/repository.ts";
import type { Env } from "../../src/env.ts";

/** Variables and secrets are optional: a Worker without them says what is missing. */
type Required<Of> = { [Name in keyof Of]-?: undefined extends Of[Name] ? never : Name }[keyof Of];

const NO_DATABASE = "00000000-0000-0000-0000-000000000000";

let directory: string;
/** wrangler.toml of somebody who has made the database. */
let config: string;
let log: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spillway-deploy-"));
  config = join(directory, "wrangler.toml");
  log = join(directory, "calls.txt");
  const text = await readFile(join(ROOT, "wrangler.toml"), "utf8");
  await writeFile(config, text.replace(NO_DATABASE, "8e1b0d53-6c0f-4c39-9d52-0e7f3a3d1f10"));
  // In place of npx: writes down what it is asked, and fails where it is told to.
  const npx = join(directory, "npx");
  await writeFile(npx, `#!/bin/sh\necho "$@" >> "${log}"\ncase "$*" in *"$FAIL_AT"*) exit 7;; esac\n`);
  await chmod(npx, 0o755);
});

beforeEach(() => writeFile(log, ""));

afterAll(() => rm(directory, { recursive: true, force: true }));

/** Runs `npm run deploy`; the step whose arguments contain `failAt` fails. */
async function deploy(configFile: string, failAt = "nowhere", more: readonly string[] = []) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, "scripts", "run.mjs"), "deploy", "--config", configFile, ...more],
    {
      encoding: "utf8",
      env: { ...process.env, PATH: `${directory}${delimiter}${process.env.PATH ?? ""}`, FAIL_AT: failAt },
    },
  );
  const calls = (await readFile(log, "utf8")).trim().split("\n").filter(Boolean);
  return { status, stderr, calls: calls.map((call) => call.replace(` --config ${configFile}`, "")) };
}

it("binds in wrangler.toml what the Worker knows, and all that it needs", () => {
  // The compiler, in `npm run check`, says which one is missing where.
  expectTypeOf<keyof WorkerBindings>().toExtend<keyof Env>();
  expectTypeOf<Required<Env>>().toExtend<keyof WorkerBindings>();
});

describe("npm run deploy", () => {
  it("applies migrations before it deploys", async () => {
    const { status, calls } = await deploy(config);
    expect(calls).toEqual(["wrangler d1 migrations apply DB --remote", "wrangler deploy"]);
    expect(status).toBe(0);
  });

  it("deploys nothing when a migration fails", async () => {
    const { status, stderr, calls } = await deploy(config, "migrations apply");
    expect(calls).toEqual(["wrangler d1 migrations apply DB --remote"]);
    expect(status).toBe(7);
    expect(stderr).toContain("Stopped at wrangler d1 migrations apply DB --remote.");
  });

  it("fails when the deployment fails", async () => {
    expect((await deploy(config, "wrangler deploy")).status).toBe(7);
  });

  it("says how it is called, and does nothing, where it is called otherwise", async () => {
    const { status, stderr, calls } = await deploy(config, "nowhere", ["--dry-run"]);
    expect(calls).toEqual([]);
    expect(status).toBe(2);
    expect(stderr).toBe("Unknown option '--dry-run'\nusage: npm run deploy [-- --config wrangler.staging.toml]\n");
  });

  it("asks Cloudflare nothing while wrangler.toml names no database", async () => {
    const { status, stderr, calls } = await deploy(join(ROOT, "wrangler.toml"));
    expect(calls).toEqual([]);
    expect(status).toBe(1);
    expect(stderr).toContain("wrangler d1 create spillway");
  });
});
