import { availableParallelism } from "node:os";
import { optionsOf } from "../../scripts/options.ts";
import { type Caught, huntMutant } from "./mutant-hunt.ts";
import { MUTANTS } from "./mutant-list.ts";

/* Takes one safeguard away at a time and shows that the simulation notices. */
const values = optionsOf(
  process.argv.slice(2),
  { seeds: { type: "string", default: "700" }, only: { type: "string", default: "" } },
  `usage: npm run mutants [-- --seeds 300] [--only "part of a safeguard's name"]`,
);
const seeds = Number(values.seeds);
const chosen = MUTANTS.filter(({ safeguard }) => safeguard.includes(values.only));
const rows = new Map<string, Caught | null>();
const waiting = [...chosen];

await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, () => hunt()));
showTable();

async function hunt(): Promise<void> {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) {
    const caught = await huntMutant(mutant, seeds);
    rows.set(mutant.safeguard, caught);
    console.log(
      `${rows.size} of ${chosen.length}: ${mutant.safeguard}: ${caught ? `caught by seed ${caught.seed}` : "SURVIVES"}`,
    );
  }
}

function showTable(): void {
  console.log("\n| Safeguard taken away | Caught by seed | Broken promise |\n|---|---|---|");
  let survivors = 0;
  for (const { safeguard, knownEquivalent } of chosen) {
    const caught = rows.get(safeguard);
    if (!caught && knownEquivalent === undefined) survivors += 1;
    const what = caught
      ? `${caught.rule}: ${caught.message}`
      : `known equivalent: ${knownEquivalent ?? "no, it survived"}`;
    console.log(
      `| ${safeguard} | ${caught?.seed ?? "–"} | ${what.replaceAll("|", "\\|").replaceAll("\n", " ").slice(0, 160)} |`,
    );
  }
  console.log(`\n${chosen.length} safeguards, ${survivors} survived ${seeds} seeds.`);
  if (survivors > 0) process.exitCode = 1;
}
