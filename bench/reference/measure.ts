import { setTimeout as sleep } from "node:timers/promises";
import { takeTurns } from "../load.ts";
import { DRAIN_MS } from "../measure.ts";
import { quantile } from "../statistics.ts";
import { type Candidate, nameOf } from "./candidates.ts";
import { treeCpuSeconds } from "./tree-cpu.ts";

/** What one round finds out about one candidate. Times in ms, CPU in seconds; `null`: not known here. */
export interface Figures {
  readonly requestsPerSecond: number;
  readonly cpuPer1000Requests: number | null;
  readonly requestsPerCpuSecond: number | null;
  readonly p50: number;
  readonly p99: number;
  readonly streamFirstByte: number;
  readonly cpuPer1000Streams: number | null;
}

const WIDTH = 16;
const LOAD_MS = 2_000;
const TURNS = 60;
const PAUSE_MS = 4;
const CROWD = 50;
const CROWD_STREAMS = 150;

/** Measures every candidate once, in the given order; the figures are by name. */
export async function measureRound(
  candidates: readonly Candidate[],
  progress: (text: string) => void,
): Promise<Record<string, Figures>> {
  const unhurried = await measureTurns(candidates, progress);
  const figures: Record<string, Figures> = {};
  for (const [index, candidate] of candidates.entries()) {
    progress(nameOf(candidate));
    const totals = (unhurried[index] ?? []).map(({ totalMs }) => totalMs);
    figures[nameOf(candidate)] = {
      p50: quantile(totals, 0.5),
      p99: quantile(totals, 0.99),
      ...(await measureJson(candidate)),
      ...(await measureStreams(candidate)),
    };
  }
  return figures;
}

async function measureTurns(candidates: readonly Candidate[], progress: (text: string) => void) {
  progress("unhurried, in turns");
  const clients = candidates.map(({ unhurried }) => unhurried);
  for (const client of clients) await client.send("json");
  const timings = await takeTurns(clients, TURNS, PAUSE_MS);
  await sleep(DRAIN_MS);
  return timings;
}

async function measureJson(candidate: Candidate) {
  const { client, accounts } = candidate;
  // An account that was not used for ten seconds is loaded again by Spillway; here all are in use.
  await client.thisMany("json", WIDTH, accounts);
  await sleep(DRAIN_MS);
  const { result, seconds } = await withCpu(candidate, () => client.forDuration("json", WIDTH, LOAD_MS));
  return {
    requestsPerSecond: result.count / (result.tookMs / 1_000),
    cpuPer1000Requests: seconds && (seconds / result.count) * 1_000,
    requestsPerCpuSecond: seconds && result.count / seconds,
  };
}

async function measureStreams(candidate: Candidate) {
  const { result, seconds } = await withCpu(candidate, () => candidate.client.thisMany("stream", CROWD, CROWD_STREAMS));
  return {
    streamFirstByte: quantile(
      result.map(({ firstByteMs }) => firstByteMs),
      0.5,
    ),
    cpuPer1000Streams: seconds && (seconds / result.length) * 1_000,
  };
}

/** CPU time of all processes of the candidate from the beginning of `load` until all that followed from it is done. */
async function withCpu<Result>(
  { pids }: Candidate,
  load: () => Promise<Result>,
): Promise<{ result: Result; seconds: number | null }> {
  const before = treeCpuSeconds(pids());
  const result = await load();
  await sleep(DRAIN_MS);
  const after = treeCpuSeconds(pids());
  return { result, seconds: before === null || after === null ? null : after - before };
}
