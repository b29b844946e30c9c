import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { unstable_readConfig as readConfig } from "wrangler";
import { optionsOf } from "./options.ts";
import { ROOT } from "./repository.ts";

/** Migrations first: they only add, so the version that is running understands the new database. */
const STEPS: readonly (readonly string[])[] = [["d1", "migrations", "apply", "DB", "--remote"], ["deploy"]];
/** What wrangler.toml says before somebody has made a database. */
const NO_DATABASE = "00000000-0000-0000-0000-000000000000";

function stop(reason: string, exitCode: number): never {
  console.error(`${reason} See docs/deploying.md for what has to be set up first.`);
  process.exit(exitCode);
}

function databasesIn(config: string) {
  try {
    return readConfig({ config }).d1_databases;
  } catch (error) {
    return stop(`Nothing was deployed: ${error instanceof Error ? error.message : error}.`, 1);
  }
}

const values = optionsOf(
  process.argv.slice(3),
  { config: { type: "string", default: join(ROOT, "wrangler.toml") } },
  "usage: npm run deploy [-- --config wrangler.staging.toml]",
);
const [database] = databasesIn(values.config);
if (database === undefined || database.database_id === NO_DATABASE) {
  stop(`Nothing was deployed: ${values.config} has no database_id yet (npx wrangler d1 create spillway).`, 1);
}
for (const step of STEPS) {
  const args = ["wrangler", ...step, "--config", values.config];
  console.log(args.join(" "));
  const { status } = spawnSync("npx", args, { stdio: "inherit", env: { ...process.env, CI: "true" } });
  if (status !== 0) stop(`Stopped at wrangler ${step.join(" ")}.`, status ?? 1);
}
