import type { Sample } from "./watch.ts";

/** How the memory of workerd moved while it ran undisturbed. */
export interface MemoryTrend {
  /** Minutes that were looked at: from the end of the warm-up to the end of the load. */
  readonly minutes: number;
  readonly fromMb: number;
  readonly toMb: number;
  readonly mostMb: number;
  /** Of the straight line through all samples. */
  readonly mbPerMinute: number;
}

/** The heap finds its size in this part of the time without restarts. */
const WARM_UP = 1 / 3;
/** Below that, the garbage collector's own ups and downs are steeper than any leak. */
export const JUDGED_MINUTES = 5;
/** A leak of 200 bytes a request would show as 1 MB in ten minutes at 8 requests a second. */
export const MOST_MB_PER_MINUTE = 1;

const MINUTE_MS = 60_000;

/** The trend since the last restart, without the warm-up; `null` where too little was seen. */
export function memoryTrend(samples: readonly Sample[]): MemoryTrend | null {
  const last = samples.at(-1);
  const same = samples.filter(({ pid }) => pid !== null && pid === last?.pid);
  const begunAt = same[0]?.atMs ?? 0;
  const warmAt = begunAt + ((last?.atMs ?? 0) - begunAt) * WARM_UP;
  const points = same.flatMap(({ atMs, memoryMb }) =>
    atMs < warmAt || memoryMb === null ? [] : [{ x: atMs / MINUTE_MS, y: memoryMb }],
  );
  const [first] = points;
  const end = points.at(-1);
  if (first === undefined || end === undefined || points.length < 3) return null;
  return {
    minutes: end.x - first.x,
    fromMb: first.y,
    toMb: end.y,
    mostMb: Math.max(...points.map(({ y }) => y)),
    mbPerMinute: slope(points),
  };
}

/** Least squares. */
function slope(points: readonly { readonly x: number; readonly y: number }[]): number {
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
}
