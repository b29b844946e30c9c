import type { Book } from "./book.ts";
import type { Finding } from "./findings.ts";
import type { Kill } from "./service.ts";
import type { Sample } from "./watch.ts";

const MINUTE_MS = 60_000;

/** One line about a sample. */
export function sampleLine(
  sample: Sample,
  { begun, running, troubles }: { begun: number; running: number; troubles: number },
): string {
  const { atMs, heapMb, memoryMb, openReservations, outbox, lagMs, health } = sample;
  return [
    `${(atMs / 1_000).toFixed(0).padStart(6)} s`,
    `${begun} begun`,
    `${running} running`,
    `heap ${shown(heapMb)} MB`,
    `memory ${shown(memoryMb)} MB`,
    `${shown(openReservations)} open`,
    `outbox ${shown(outbox)}`,
    `lag ${shown(lagMs)} ms`,
    `pipeline ${health ?? "–"}`,
    `${troubles} troubles`,
  ].join("  ");
}

function shown(value: number | null): string {
  return value === null ? "–" : value.toFixed(0);
}

/** What happened in each minute. */
export function minuteTable(samples: readonly Sample[], book: Book, kills: readonly Kill[], startedAt: number): string {
  const minutes = Math.ceil((samples.at(-1)?.atMs ?? 0) / MINUTE_MS);
  const rows = Array.from({ length: minutes }, (_, minute) => {
    const isIn = (atMs: number) => Math.floor(atMs / MINUTE_MS) === minute;
    const inside = samples.filter(({ atMs }) => isIn(atMs));
    const most = (of: (sample: Sample) => number | null) => {
      const values = inside.flatMap((sample) => of(sample) ?? []);
      return values.length === 0 ? null : Math.max(...values);
    };
    return [
      String(minute + 1),
      String(book.entries.filter(({ startedAt: at }) => isIn(at - startedAt)).length),
      shown(inside.at(-1)?.heapMb ?? null),
      shown(inside.at(-1)?.memoryMb ?? null),
      shown(most(({ openReservations }) => openReservations)),
      shown(most(({ outbox }) => outbox)),
      shown(most(({ lagMs }) => lagMs)),
      kills.filter(({ at }) => isIn(at - startedAt)).length > 0 ? "killed" : "",
    ];
  });
  return table([
    ["minute", "requests", "heap MB", "memory MB", "open, most", "outbox, most", "lag ms, most", ""],
    ...rows,
  ]);
}

/** How many requests of each kind were told what. */
export function kindTable({ entries }: Book): string {
  const kinds = [...new Set(entries.map(({ kind }) => kind))].sort();
  const rows = kinds.map((kind) => {
    const count = (ending: string) =>
      String(entries.filter((entry) => entry.kind === kind && entry.ending === ending).length);
    return [kind, count("answered"), count("unsure"), count("refused")];
  });
  return table([["requests", "answered", "unsure", "refused"], ...rows]);
}

export function findingTable(findings: readonly Finding[]): string {
  return findings
    .flatMap(({ promise, found, isKept, cases }) => [
      `${isKept ? "kept  " : "BROKEN"}  ${promise}: ${found}`,
      ...cases.map((text) => `          ${text}`),
    ])
    .join("\n");
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    )
    .join("\n");
}
