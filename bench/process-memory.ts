import { readFileSync } from "node:fs";
import { setInterval as ticks } from "node:timers/promises";

const LOOK_MS = 50;

/** Memory of a process that is in use, in MB; `null` where the system does not tell (no /proc), or the process is gone. */
export function memoryOf(pid: number | null | undefined): number | null {
  if (pid === null || pid === undefined) return null;
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1_024;
  } catch {
    return null;
  }
}

/** By how many MB the memory of a process is above its present one at the worst moment of `work`. */
export async function memoryPeak<Result>(
  pid: number | undefined,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly moreMb: number | null }> {
  const before = memoryOf(pid);
  let peak = before ?? 0;
  const done = new AbortController();
  const looking = (async () => {
    for await (const _ of ticks(LOOK_MS, null, { signal: done.signal })) peak = Math.max(peak, memoryOf(pid) ?? 0);
  })().catch((error: unknown) => {
    if (!done.signal.aborted) throw error;
  });
  try {
    const result = await work();
    return { result, moreMb: before === null ? null : peak - before };
  } finally {
    done.abort();
    await looking;
  }
}
