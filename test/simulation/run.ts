import { optionsOf } from "../../scripts/options.ts";
import { ALL_FAULTS } from "./faults.ts";
import { RARE_STATES } from "./rare-states.ts";
import { shrink } from "./shrink.ts";
import { type Run, simulate } from "./simulation.ts";
import { Totals } from "./totals.ts";

const USAGE = `usage: npm run simulate -- --seeds 1000               seeds 1 to 1000
       npm run simulate -- --seeds 1000 --from 5001
       npm run simulate -- --seed 17                  one seed, with its story
       --json prints one line about the first failure and shrinks nothing`;

const values = optionsOf(
  process.argv.slice(2),
  {
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    seed: { type: "string" },
    json: { type: "boolean", default: false },
  },
  USAGE,
);

if (values.seed === undefined) await runMany(wholeNumber(values.from), wholeNumber(values.seeds));
else await runOne(wholeNumber(values.seed));

async function runMany(from: number, seeds: number): Promise<void> {
  const totals = new Totals();
  const begun = performance.now();
  for (let seed = from; seed < from + seeds; seed += 1) {
    const run = await simulate(seed);
    totals.add(run);
    if (run.violation) return fail(run);
    if (totals.seeds % 10 === 0) showProgress(totals, seeds);
  }
  if (values.json) return;
  showSummary(totals, (performance.now() - begun) / 1_000);
  const missing = totals.missing();
  if (missing.length === 0) return;
  console.error(`\nNever reached, so this run proves less than it should: ${missing.join("; ")}`);
  process.exitCode = 1;
}

async function runOne(seed: number): Promise<void> {
  const run = await simulate(seed);
  if (run.violation) return fail(run);
  console.log(run.story.join("\n"));
  console.log(
    `\nSeed ${seed}: ${run.requests} requests, ${run.entries} entries, every promise kept. Trace ${run.trace}`,
  );
}

async function fail(run: Run): Promise<void> {
  process.exitCode = 1;
  const { seed, violation } = run;
  if (values.json) return console.log(JSON.stringify({ seed, ...violation }));
  console.log(
    `\nSeed ${seed} breaks a promise: ${violation?.rule}\n${violation?.message}\n\nLooking for a shorter story …`,
  );
  const short = await shrink(run);
  console.log(`\n${short.run.story.join("\n")}`);
  const left = short.run.actions.length - short.without.actions.size;
  console.log(
    `\n${left} of ${run.actions.length} actions are left. Faults that matter: ${short.run.enabled.join("; ") || "none"}.`,
  );
  console.log(`Again: npm run simulate -- --seed ${seed}`);
}

function showProgress(totals: Totals, seeds: number): void {
  const { isTTY } = process.stderr;
  if (values.json || (!isTTY && totals.seeds % 250 !== 0)) return;
  const line = `${totals.seeds} of ${seeds} seeds, ${totals.requests} requests, ${totals.entries} entries`;
  process.stderr.write(isTTY ? `\r${line} ` : `${line}\n`);
}

function showSummary(totals: Totals, seconds: number): void {
  if (process.stderr.isTTY) process.stderr.write("\n");
  const lines = (names: readonly string[], counts: ReadonlyMap<string, number>): string =>
    names.map((name) => `${String(counts.get(name) ?? 0).padStart(9)}  ${name}`).join("\n");
  console.log(
    `Faults\n${lines(ALL_FAULTS, totals.struck)}\n\nRare states reached\n${lines(RARE_STATES, totals.reached)}\n`,
  );
  const { seeds, requests, entries } = totals;
  console.log(`${seeds} seeds, ${requests} requests, ${entries} entries, every promise kept.`);
  console.log(`${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(1)} seeds/s`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`not a whole number: ${text}`);
  return Number(text);
}
