import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { optionsOf } from "../../scripts/options.ts";
import { ROOT } from "../../scripts/repository.ts";
import { documentWith, type Report, tableOf } from "./table.ts";

const USAGE = `usage: npm run conformance              installs the clients, runs every situation, prints the table
       npm run conformance -- --write   also puts it into docs/conformance.md
       npm run conformance -- -t "…"    only the situations or clients whose names match
       UPSTREAM_WEBSOCKET=pass …        an upstream that speaks WebSocket itself`;

const values = optionsOf(
  process.argv.slice(2),
  { write: { type: "boolean", default: false }, testNamePattern: { type: "string", short: "t" } },
  USAGE,
);

if (values.write && values.testNamePattern !== undefined) throw new Error("Only a whole run can be written down");

const CLIENTS = join(import.meta.dirname, "clients");
const DOCUMENT = join(ROOT, "docs", "conformance.md");

await install();
const report = await runSituations();
const table = tableOf(report);
console.log(`\n${table}\n`);
if (values.write) {
  await writeFile(DOCUMENT, documentWith(await readFile(DOCUMENT, "utf8"), table, await versions(), new Date()));
  console.log("Written into docs/conformance.md");
}

/** Installs the clients unless exactly those of the lockfile are there already. */
async function install(): Promise<void> {
  if (await isInstalled()) return;
  console.log("Installing the clients (Codex unpacks to 400 MB) …");
  const code = await run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], CLIENTS);
  if (code !== 0) throw new Error("npm ci failed in test/conformance/clients");
}

async function isInstalled(): Promise<boolean> {
  for (const [name, version] of Object.entries(await versions())) {
    const manifest = join(CLIENTS, "node_modules", name, "package.json");
    if (!existsSync(manifest) || JSON.parse(await readFile(manifest, "utf8")).version !== version) return false;
  }
  return true;
}

async function versions(): Promise<Record<string, string>> {
  return JSON.parse(await readFile(join(CLIENTS, "package.json"), "utf8")).dependencies;
}

async function runSituations(): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), "spillway-conformance-"));
  const file = join(folder, "report.json");
  const only = values.testNamePattern === undefined ? [] : ["-t", values.testNamePattern];
  const reporters = ["--reporter=verbose", "--reporter=json", `--outputFile.json=${file}`];
  try {
    // Clients wait much and work little, so that more of them than there are processors can go at once.
    const vitest = ["vitest", "run", "--project", "conformance", "--maxWorkers=3", ...reporters, ...only];
    const code = await run("npx", vitest, ROOT);
    process.exitCode = code;
    const report: Report = JSON.parse(await readFile(file, "utf8"));
    if (report.testResults.length === 0) throw new Error("No situation was run");
    return report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(command: string, args: readonly string[], cwd: string): Promise<number> {
  const child = spawn(command, [...args], { cwd, stdio: "inherit" });
  return new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
}
