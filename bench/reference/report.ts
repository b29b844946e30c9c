import { medianOf } from "../statistics.ts";
import { type Candidate, nameOf } from "./candidates.ts";
import type { Figures } from "./measure.ts";

interface Column {
  readonly title: string;
  readonly of: keyof Figures;
  readonly digits: number;
}

const COLUMNS: readonly Column[] = [
  { title: "requests/s", of: "requestsPerSecond", digits: 0 },
  { title: "CPU s/1,000", of: "cpuPer1000Requests", digits: 3 },
  { title: "requests/CPU s", of: "requestsPerCpuSecond", digits: 0 },
  { title: "p50 ms", of: "p50", digits: 2 },
  { title: "p99 ms", of: "p99", digits: 2 },
  { title: "SSE first ms", of: "streamFirstByte", digits: 1 },
  { title: "SSE CPU s/1,000", of: "cpuPer1000Streams", digits: 2 },
];

/** By candidate's name. */
export type Medians = Readonly<Record<string, Readonly<Record<keyof Figures, number | null>>>>;

export function mediansOf(candidates: readonly Candidate[], rounds: readonly Record<string, Figures>[]): Medians {
  return Object.fromEntries(
    candidates.map((candidate) => {
      const name = nameOf(candidate);
      const median = (of: keyof Figures) => medianOf(rounds.map((round) => round[name]?.[of] ?? null));
      const figures = {
        requestsPerSecond: median("requestsPerSecond"),
        cpuPer1000Requests: median("cpuPer1000Requests"),
        requestsPerCpuSecond: median("requestsPerCpuSecond"),
        p50: median("p50"),
        p99: median("p99"),
        streamFirstByte: median("streamFirstByte"),
        cpuPer1000Streams: median("cpuPer1000Streams"),
      };
      return [name, figures];
    }),
  );
}

const FIRST_WIDTH = 34;
const WIDTH = 17;

/** One line for each candidate. */
export function table(medians: Medians): string {
  const lines = Object.entries(medians).map(([name, figures]) =>
    row(
      name,
      COLUMNS.map(({ of, digits }) => figures[of]?.toFixed(digits) ?? "–"),
    ),
  );
  const titles = COLUMNS.map(({ title }) => title);
  return [row("", titles), ...lines].join("\n");
}

/** What Spillway does with the same number of accounts, as parts of what each reference does. */
export function ratios(candidates: readonly Candidate[], medians: Medians): Record<string, Record<string, number>> {
  const found: Record<string, Record<string, number>> = {};
  for (const other of candidates.filter(({ system }) => system !== "Spillway")) {
    for (const spillway of candidates.filter(({ system }) => system === "Spillway")) {
      const isBare = other.system.startsWith("bare");
      if (!isBare && other.accounts !== spillway.accounts) continue;
      const parts = COLUMNS.flatMap(({ title, of }): [string, number][] => {
        const [mine, theirs] = [medians[nameOf(spillway)]?.[of], medians[nameOf(other)]?.[of]];
        return mine && theirs ? [[title, mine / theirs]] : [];
      });
      found[`${nameOf(spillway)} ÷ ${isBare ? nameOf(other) : other.system}`] = Object.fromEntries(parts);
    }
  }
  return found;
}

const RATIO_WIDTH = 48;

export function ratioTable(found: Readonly<Record<string, Readonly<Record<string, number>>>>): string {
  const titles = COLUMNS.map(({ title }) => title);
  const lines = Object.entries(found).map(([name, parts]) =>
    row(
      name,
      titles.map((title) => (parts[title] === undefined ? "–" : `×${parts[title].toFixed(2)}`)),
      RATIO_WIDTH,
    ),
  );
  return [row("", titles, RATIO_WIDTH), ...lines].join("\n");
}

function row(first: string, cells: readonly string[], width = FIRST_WIDTH): string {
  return first.padEnd(width) + cells.map((cell) => cell.padStart(WIDTH)).join("");
}
