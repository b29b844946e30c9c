import type { Sample } from "./watch.ts";

/** How one measure of memory moved. */
export interface Trend {
  readonly fromMb: number;
  readonly toMb: number;
  readonly mostMb: number;
  /** Of the straight line through all samples. */
  readonly mbPerMinute: number;
}

/** How the memory of workerd moved while it ran undisturbed. `null`: it was not seen. */
export interface MemoryTrend {
  /** Minutes that were looked at: from the end of the warm-up to the end of the load. */
  readonly minutes: number;
  readonly heap: Trend | null;
  readonly resident: Trend | null;
}

/** From when on a trend is judged, and what is flat. */
export interface FlatMemory {
  readonly minutes: number;
  readonly mbPerMinute: number;
}

/**
 * What is reachable is known to some 0.3 MB at each look, and all that an isolate learns is learned within the warm-up,
 * so this is 500 bytes for each request at 8 a second: less than any of them leaves in a map or a closure that stays.
 */
export const FLAT_HEAP: FlatMemory = { minutes: 5, mbPerMinute: 0.25 };
/**
 * The process keeps what it once needed: SQLite's caches fill up to 2 MB for each database, at a few MB a minute until
 * the databases are that large; and the audit of a quarter of an hour is a peak that leaves some 10 MB, which in the
 * middle of 12 minutes is a slope of 1.25 MB a minute. What comes on top of that is a leak outside of V8's heap: 2 kB for
 * each request at 8 a second.
 */
export const FLAT_RESIDENT: FlatMemory = { minutes: 10, mbPerMinute: 2 };

/** The heap finds its size in this part of the time without restarts. */
const WARM_UP = 1 / 3;
const MINUTE_MS = 60_000;

/** The trend since the last restart, without the warm-up. */
export function memoryTrend(samples: readonly Sample[]): MemoryTrend {
  const last = samples.at(-1);
  const same = samples.filter(({ pid }) => pid !== null && pid === last?.pid);
  const endedAt = last?.atMs ?? 0;
  const begunAt = same[0]?.atMs ?? endedAt;
  const warmAt = begunAt + (endedAt - begunAt) * WARM_UP;
  const warm = same.filter(({ atMs }) => atMs >= warmAt);
  return {
    minutes: (endedAt - (warm[0]?.atMs ?? endedAt)) / MINUTE_MS,
    heap: trendOf(warm, ({ heapMb }) => heapMb),
    resident: trendOf(warm, ({ memoryMb }) => memoryMb),
  };
}

function trendOf(samples: readonly Sample[], of: (sample: Sample) => number | null): Trend | null {
  const points = samples.flatMap((sample) => {
    const y = of(sample);
    return y === null ? [] : [{ x: sample.atMs / MINUTE_MS, y }];
  });
  const [first] = points;
  const end = points.at(-1);
  if (first === undefined || end === undefined || points.length < 3) return null;
  return { fromMb: first.y, toMb: end.y, mostMb: Math.max(...points.map(({ y }) => y)), mbPerMinute: slope(points) };
}

/** Least squares. */
function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}
