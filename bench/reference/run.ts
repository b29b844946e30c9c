import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { stopOnSignals } from "../../scripts/stop-signals.ts";
import { DRAIN_MS } from "../measure.ts";
import { progress } from "../progress.ts";
import { startUpstream } from "../servers.ts";
import { stateRootOf } from "../state-root.ts";
import { type Arguments, readArguments, USAGE_TEXT } from "./arguments.ts";
import { type Candidate, Starter } from "./candidates.ts";
import { fail } from "./failure.ts";
import { type Figures, measureRound } from "./measure.ts";
import { findPrograms, type Programs } from "./programs.ts";
import { mediansOf, ratios, ratioTable, table } from "./report.ts";

const WARM_MS = 1_000;

/** Starts everything, measures, checks the books, prints, and ends everything whatever happens. */
async function main(options: Arguments): Promise<void> {
  const programs = findPrograms();
  await using cleanup = new AsyncDisposableStack();
  stopOnSignals(() => cleanup.disposeAsync());
  const upstream = await startUpstream();
  cleanup.defer(() => upstream.process.disconnect());
  const stateRoot = stateRootOf(options);
  const starter = new Starter(cleanup, { upstreamUrl: upstream.url, stateRoot });
  const candidates = await startAll(starter, programs, options.accounts);

  progress("warming up");
  for (const { client } of candidates) await client.forDuration("json", 16, WARM_MS);
  for (const { client } of candidates) await client.thisMany("stream", 16, 16);
  await sleep(DRAIN_MS);

  const rounds = await measure(candidates, options.rounds);
  await starter.checkBooks();

  const medians = mediansOf(candidates, rounds);
  const found = ratios(candidates, medians);
  console.log(
    `\nMedians of ${options.rounds} rounds; all state under ${stateRoot}; JSON 16 at a time, SSE 50 at a time\n`,
  );
  console.log(`${table(medians)}\n\n${ratioTable(found)}`);
  if (options.json !== undefined) {
    await writeFile(options.json, `${JSON.stringify({ stateRoot, rounds, medians, ratios: found }, null, 2)}\n`);
  }
}

async function startAll(starter: Starter, programs: Programs, counts: readonly number[]): Promise<Candidate[]> {
  progress("starting the bare proxies");
  const bare = [await starter.bareWorker(), await starter.bareNode()];
  progress(`starting Spillway and making ${counts.reduce((sum, count) => sum + count, 0)} accounts`);
  const spillway = await starter.spillway(counts);
  progress("starting the reference, twice");
  const checking = await starter.reference(programs, "check-then-debit", counts);
  const reserving = await starter.reference(programs, "reserve-and-settle", counts);
  return [...bare, ...spillway, ...checking, ...reserving];
}

/** All rounds; each begins with another candidate. */
async function measure(candidates: readonly Candidate[], count: number): Promise<Record<string, Figures>[]> {
  const rounds: Record<string, Figures>[] = [];
  for (let round = 0; round < count; round += 1) {
    const first = round % candidates.length;
    const order = [...candidates.slice(first), ...candidates.slice(0, first)];
    rounds.push(await measureRound(order, (text) => progress(`round ${round + 1} of ${count}: ${text}`)));
  }
  return rounds;
}

try {
  await main(readArguments(process.argv.slice(2)));
} catch (error) {
  fail(error, USAGE_TEXT);
}
