import { spawnSync } from "node:child_process";

/** Migrations first: they only add, so the version that is running understands the new database. */
const STEPS: readonly (readonly string[])[] = [["d1", "migrations", "apply", "DB", "--remote"], ["deploy"]];

for (const step of STEPS) {
  console.log(`wrangler ${step.join(" ")}`);
  const { status } = spawnSync("npx", ["wrangler", ...step], { stdio: "inherit", env: { ...process.env, CI: "true" } });
  if (status !== 0) {
    console.error("Stopped. See “Deploying” in README.md for what has to be set up first.");
    process.exit(status ?? 1);
  }
}
