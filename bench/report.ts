import type { Figures } from "./measure.ts";
import { medianOf } from "./statistics.ts";

interface Line {
  readonly text: string;
  readonly of: keyof Figures;
  readonly digits: number;
  /** Of what may be nothing at all, a ratio says nothing. */
  readonly ratio?: false;
}

const LINES: readonly Line[] = [
  { text: "JSON requests/s, 16 at a time", of: "requestsPerSecond", digits: 0 },
  { text: "CPU s per 1,000 JSON requests", of: "cpuPer1000Requests", digits: 3 },
  { text: "JSON p50 ms, one at a time", of: "p50", digits: 2 },
  { text: "JSON p99 ms, one at a time", of: "p99", digits: 2 },
  { text: "SSE first byte ms, 1 stream", of: "streamFirstByte", digits: 2 },
  { text: "SSE total ms, 1 stream", of: "streamTotal", digits: 1 },
  { text: "SSE first byte ms, 200 open", of: "openFirstByte", digits: 2 },
  { text: "SSE first byte ms, 200 at once", of: "crowdFirstByte", digits: 2 },
  { text: "SSE total ms, 200 at once", of: "crowdTotal", digits: 1 },
  { text: "CPU s per 1,000 streams", of: "cpuPer1000Streams", digits: 3 },
  { text: "MB more with 200 streams", of: "crowdMemory", digits: 1, ratio: false },
  { text: "WebSocket first frame ms, 1", of: "socketFirstByte", digits: 2 },
  { text: "WebSocket first frame ms, 200", of: "socketCrowdFirstByte", digits: 2 },
  { text: "WebSocket total ms, 200", of: "socketCrowdTotal", digits: 1 },
  { text: "CPU s per 1,000 WebSocket turns", of: "cpuPer1000Turns", digits: 3 },
  { text: "… handed on by a script, no more", of: "cpuPer1000HandedOn", digits: 3 },
  { text: "MB more with 200 WebSocket turns", of: "socketCrowdMemory", digits: 1, ratio: false },
  { text: "object turns per request", of: "callsPerRequest", digits: 2 },
  { text: "object rows written per request", of: "rowsPerRequest", digits: 2 },
  { text: "alarms set per request", of: "alarmsPerRequest", digits: 3 },
];

const FIRST_WIDTH = 34;
const WIDTH = 24;
const NONE = "–";

/** The medians over all rounds as a table; the first name is the yardstick of the ratios. */
export function table(names: readonly string[], rounds: readonly ReadonlyMap<string, Figures>[]): string {
  const [yardstick = ""] = names;
  const medians = (name: string, of: keyof Figures) => medianOf(rounds.map((round) => round.get(name)?.[of] ?? null));
  const rows = LINES.map(({ text, of, digits, ratio: hasRatio = true }) => {
    const base = hasRatio ? medians(yardstick, of) : null;
    const cells = names.map((name) => {
      const value = medians(name, of);
      if (value === null) return NONE;
      const ratio = name === yardstick || base === null ? "" : ` (×${(value / base).toFixed(2)})`;
      return value.toFixed(digits) + ratio;
    });
    return row(text, cells);
  });
  return [row("", names), ...rows].join("\n");
}

function row(first: string, cells: readonly string[]): string {
  return first.padEnd(FIRST_WIDTH) + cells.map((cell) => cell.padStart(WIDTH)).join("");
}
