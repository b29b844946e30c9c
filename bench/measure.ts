import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type Timing, takeTurns } from "./load.ts";
import { cpuSeconds } from "./process-cpu.ts";
import { memoryPeak } from "./process-memory.ts";
import type { SocketClient } from "./sockets.ts";
import type { Work } from "./spillway.ts";
import { median, quantile } from "./statistics.ts";

/** One of the things that are compared. */
export interface Variant {
  readonly name: string;
  readonly client: Client;
  readonly sockets: SocketClient;
  /** WebSockets whose frames a script hands on and does nothing else with; `null` where there is no such way. */
  readonly handedOn: SocketClient | null;
  readonly pid: () => number | undefined;
  /** Accounts that must be touched before an unhurried measurement, so that none is loaded from storage in it. */
  readonly accounts: number;
  /** What its objects did so far; `null` where there are none, or none that tell. */
  readonly work: () => Promise<Work | null>;
  /** How long its work goes on after the last answer: outbox, queue and ledger are part of the path. */
  readonly drainMs: number;
}

/** What one round finds out about one variant. Times in ms, CPU in seconds; `null`: not known here. */
export interface Figures {
  readonly requestsPerSecond: number;
  readonly cpuPer1000Requests: number | null;
  readonly p50: number;
  readonly p99: number;
  readonly streamFirstByte: number;
  readonly streamTotal: number;
  readonly openFirstByte: number;
  readonly crowdFirstByte: number;
  readonly crowdTotal: number;
  readonly cpuPer1000Streams: number | null;
  /** Memory at the worst moment of the crowd, above what it was before (MB). */
  readonly crowdMemory: number | null;
  readonly socketFirstByte: number;
  readonly socketCrowdFirstByte: number;
  readonly socketCrowdTotal: number;
  readonly cpuPer1000Turns: number | null;
  readonly cpuPer1000HandedOn: number | null;
  readonly socketCrowdMemory: number | null;
  readonly callsPerRequest: number | null;
  readonly rowsPerRequest: number | null;
  readonly alarmsPerRequest: number | null;
}

/**
 * How long work may go on after the last answer: an entry of Spillway's waits up to 3 s for the outbox and 1 s for the
 * queue. Whatever is compared with it gets the same.
 */
export const DRAIN_MS = 5_000;

const WIDTH = 16;
const LOAD_MS = 3_000;
const TURNS = 60;
const PAUSE_MS = 4;
const LONE_STREAMS = 5;
const CROWD = 200;
const CROWD_STREAMS = 400;
/** A stream that takes 4 s comes every 20 ms: 200 of them are open. As many come before any is counted. */
const OPEN_EVERY_MS = 20;
const OPEN_STREAMS = 400;
const CROWD_TURNS = 2;

/** Measures every variant once, in their given order. */
export async function measureRound(
  variants: readonly Variant[],
  progress: (text: string) => void,
): Promise<Map<string, Figures>> {
  const figures = new Map<string, Figures>();
  progress("unhurried, in turns");
  for (const { client, accounts } of variants) await client.thisMany("json", WIDTH, accounts);
  const order = alternating(variants);
  const turns = await takeTurns(
    order.map(({ client }) => client),
    TURNS,
    PAUSE_MS,
  );
  // What the turns left in outboxes must not be counted as the work of the next measurement.
  await sleep(Math.max(...variants.map(({ drainMs }) => drainMs)));
  for (const variant of variants) {
    const own = turns.filter((_, index) => order[index] === variant).flat();
    const unhurried = own.map(({ totalMs }) => totalMs);
    progress(`${variant.name}: JSON`);
    const json = await measureJson(variant);
    progress(`${variant.name}: SSE`);
    const streams = await measureStreams(variant);
    figures.set(variant.name, {
      p50: quantile(unhurried, 0.5),
      p99: quantile(unhurried, 0.99),
      ...json,
      ...streams,
      ...(await measureSockets(variant, progress)),
    });
  }
  return figures;
}

/** The bare proxy before each of the others, so that all find the machine as another process has left it. */
function alternating(variants: readonly Variant[]): Variant[] {
  const isBare = ({ handedOn }: Variant) => handedOn !== null;
  return variants.filter((one) => !isBare(one)).flatMap((one) => [...variants.filter(isBare), one]);
}

async function measureJson(variant: Variant) {
  const workBefore = await variant.work();
  const cpu = await withCpu(variant, () => variant.client.forDuration("json", WIDTH, LOAD_MS));
  const workAfter = await variant.work();
  const { count, tookMs } = cpu.result;
  const per = (name: keyof Work) => workBefore && workAfter && (workAfter[name] - workBefore[name]) / count;
  return {
    requestsPerSecond: count / (tookMs / 1_000),
    cpuPer1000Requests: cpu.seconds && (cpu.seconds / count) * 1_000,
    callsPerRequest: per("calls"),
    rowsPerRequest: per("rowsWritten"),
    alarmsPerRequest: per("alarmsSet"),
  };
}

async function measureStreams(variant: Variant) {
  const lone = await variant.client.thisMany("stream", 1, LONE_STREAMS);
  const open = await variant.client.arriving("slow stream", OPEN_EVERY_MS, OPEN_STREAMS);
  const crowd = await withCpu(variant, () => variant.client.thisMany("stream", CROWD, CROWD_STREAMS));
  return {
    openFirstByte: middle(open.slice(CROWD), "firstByteMs"),
    streamFirstByte: middle(lone, "firstByteMs"),
    streamTotal: middle(lone, "totalMs"),
    crowdFirstByte: middle(crowd.result, "firstByteMs"),
    crowdTotal: middle(crowd.result, "totalMs"),
    cpuPer1000Streams: crowd.seconds && (crowd.seconds / crowd.result.length) * 1_000,
    crowdMemory: crowd.moreMb,
  };
}

/** The same answers on WebSockets that are open already. */
async function measureSockets(variant: Variant, progress: (text: string) => void) {
  const { name, sockets } = variant;
  progress(`${name}: WebSocket`);
  await sockets.open(1);
  const lone = await sockets.turns(LONE_STREAMS);
  sockets.close();
  await sockets.open(CROWD);
  const crowd = await withCpu(variant, () => sockets.turns(CROWD_TURNS));
  sockets.close();
  return {
    cpuPer1000HandedOn: await measureHandedOn(variant),
    socketFirstByte: middle(lone, "firstByteMs"),
    socketCrowdFirstByte: middle(crowd.result, "firstByteMs"),
    socketCrowdTotal: middle(crowd.result, "totalMs"),
    cpuPer1000Turns: crowd.seconds && (crowd.seconds / crowd.result.length) * 1_000,
    socketCrowdMemory: crowd.moreMb,
  };
}

async function measureHandedOn(variant: Variant): Promise<number | null> {
  const { handedOn } = variant;
  if (!handedOn) return null;
  await handedOn.open(CROWD);
  const { seconds, result } = await withCpu(variant, () => handedOn.turns(CROWD_TURNS));
  handedOn.close();
  return seconds && (seconds / result.length) * 1_000;
}

function middle(timings: readonly Timing[], of: keyof Timing): number {
  return median(timings.map((timing) => timing[of]));
}

/** CPU time and memory of the variant's runtime from the beginning of `load` until all that followed from it is done. */
async function withCpu<Result>(
  { pid, drainMs }: Variant,
  load: () => Promise<Result>,
): Promise<{ result: Result; seconds: number | null; moreMb: number | null }> {
  const before = cpuSeconds(pid());
  const { result, moreMb } = await memoryPeak(pid(), load);
  await sleep(drainMs);
  const after = cpuSeconds(pid());
  return { result, seconds: before === null || after === null ? null : after - before, moreMb };
}
