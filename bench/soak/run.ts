import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { stopOnSignals } from "../../scripts/stop-signals.ts";
import { stateRootOf } from "../state-root.ts";
import { type Arguments, readArguments, USAGE_TEXT } from "./arguments.ts";
import { Book } from "./book.ts";
import { becomeQuiet, judge } from "./ending.ts";
import { memoryTrend } from "./memory.ts";
import { findingTable, kindTable, minuteTable, sampleLine } from "./report.ts";
import type { Place } from "./requests.ts";
import { Service } from "./service.ts";
import { Traffic } from "./traffic.ts";
import { type Sample, takeSample } from "./watch.ts";

const MINUTE_MS = 60_000;
const SAMPLE_MS = 10_000;
/** When workerd is killed, in parts of the whole time: more than half of it is without restarts. */
const KILLS = [0.1, 0.2, 0.3, 0.4];
/** In a short run there is only time for these. */
const FEW_KILLS = [0.2, 0.4];
const SHORT_MINUTES = 5;

/** Load, kills and watching for as long as asked; then the books. Exit code 1 when a promise was broken. */
async function main(options: Arguments): Promise<boolean> {
  await using cleanup = new AsyncDisposableStack();
  stopOnSignals(() => cleanup.disposeAsync());
  const stateRoot = stateRootOf(options);
  console.log(`starting; state under ${stateRoot}`);
  const service = await Service.start(stateRoot);
  cleanup.defer(() => service.dispose());
  const place: Place = { service, book: new Book() };
  const traffic = new Traffic(place);

  const startedAt = Date.now();
  const lengthMs = options.minutes * MINUTE_MS;
  const over = AbortSignal.timeout(lengthMs);
  const killing = killInTime(service, startedAt, lengthMs, options.minutes < SHORT_MINUTES ? FEW_KILLS : KILLS);
  const watching = watch(place, traffic, startedAt, over);
  await traffic.run(options.rate, over);
  const samples = await watching;
  await killing;

  console.log("waiting until all is quiet");
  await traffic.ended();
  await becomeQuiet(place);
  const trend = memoryTrend(samples);
  const findings = await judge(place, trend);

  console.log(`\n${minuteTable(samples, place.book, service.kills, startedAt)}\n`);
  console.log(`${kindTable(place.book)}\n`);
  const { acts, rolledKeys } = place.book;
  console.log(`${acts.length} grants and refunds, ${rolledKeys} keys rolled, ${traffic.withheld} stories withheld\n`);
  console.log(findingTable(findings));
  if (options.json !== undefined) {
    await writeFile(
      options.json,
      `${JSON.stringify({ options, samples, trend, kills: service.kills, findings }, null, 2)}\n`,
    );
  }
  return findings.every(({ isKept }) => isKept);
}

async function killInTime(
  service: Service,
  startedAt: number,
  lengthMs: number,
  kills: readonly number[],
): Promise<void> {
  for (const part of kills) {
    await sleep(startedAt + part * lengthMs - Date.now());
    console.log(
      `${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(6)} s  killing workerd ${service.gateway.workerdPid}`,
    );
    await service.kill();
  }
}

async function watch(place: Place, traffic: Traffic, startedAt: number, over: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let due = SAMPLE_MS; !over.aborted; due += SAMPLE_MS) {
    await sleep(Math.max(0, startedAt + due - Date.now()));
    const sample = await takeSample(place, startedAt);
    samples.push(sample);
    const { begun, running } = traffic;
    console.log(sampleLine(sample, { begun, running, troubles: place.book.troubles.length }));
  }
  return samples;
}

try {
  process.exitCode = (await main(readArguments(process.argv.slice(2)))) ? 0 : 1;
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE_TEXT}` : error);
  process.exitCode = 1;
}
