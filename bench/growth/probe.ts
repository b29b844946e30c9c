import { setTimeout as sleep } from "node:timers/promises";
import { type Asked, type Caller, smallRequest } from "../caller.ts";
import { DRAIN_MS } from "../measure.ts";
import { cpuSeconds } from "../process-cpu.ts";
import { median } from "../statistics.ts";
import { OPERATOR, type Workbench } from "../workbench.ts";

const TIMES = 15;
/** A question that takes long is asked less often. */
const PATIENCE_MS = 2_500;
const WIDTH = 8;

/** Half of the answers take at most this many ms, after one that warms up. */
export async function p50(caller: Caller, asked: Asked): Promise<number> {
  await caller.ask(asked);
  const begun = performance.now();
  const times: number[] = [];
  while (times.length < TIMES && (times.length < 3 || performance.now() - begun < PATIENCE_MS)) {
    times.push((await caller.ask(asked)).ms);
  }
  return median(times);
}

export function asOperator(path: string): Asked {
  return { path, key: OPERATOR };
}

export interface RequestCost {
  readonly cpuMs: number | null;
  readonly p50Ms: number;
}

/** CPU of the gateway for one request, all that follows from it included, and how long one takes. Keys take turns. */
export async function requestCost(
  { gateway }: Workbench,
  caller: Caller,
  keys: readonly string[],
  count: number,
): Promise<RequestCost> {
  const before = cpuSeconds(gateway.workerdPid);
  const told = await caller.askMany(count, WIDTH, (index) => smallRequest(keys[index % keys.length] ?? ""));
  await sleep(DRAIN_MS);
  const after = cpuSeconds(gateway.workerdPid);
  return {
    cpuMs: before === null || after === null ? null : ((after - before) / count) * 1_000,
    p50Ms: median(told.map(({ ms }) => ms)),
  };
}
