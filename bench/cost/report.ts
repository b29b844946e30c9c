import { ASSUMED, billOf, PRICES_AS_OF, totalOf } from "./bill.ts";
import type { Outcome } from "./measure.ts";

const NONE = "–";

/** The bill of every scenario, as a table in Markdown. */
export function billTable(outcomes: readonly Outcome[]): string {
  const bills = outcomes.map(({ counted }) => billOf(counted));
  const texts = bills[0]?.map(({ text }) => text) ?? [];
  const rows = outcomes.map(({ name }, index) => {
    const lines = bills[index] ?? [];
    const largest = lines.reduce((most, line) => (line.usd > most.usd ? line : most));
    const cells = lines.map((line) => (line === largest ? `**${usd(line.usd)}**` : usd(line.usd)));
    return [name, ...cells, `**${usd(totalOf(lines))}**`];
  });
  return markdown(["USD per million requests", ...texts, "total"], rows);
}

/** What was counted for one request of every scenario, as a table in Markdown. */
export function countTable(outcomes: readonly Outcome[]): string {
  const rows = outcomes.map(({ name, requests, counted, entriesPerMessage, lag }) => [
    name,
    String(requests),
    counted.objectRequests.toFixed(2),
    counted.objectRowsWritten.toFixed(2),
    counted.objectRowsRead.toFixed(1),
    counted.messages.toFixed(3),
    entriesPerMessage?.toFixed(1) ?? NONE,
    counted.d1RowsWritten.toFixed(2),
    counted.d1RowsRead.toFixed(1),
    counted.cpuMs.toFixed(2),
    lag === null ? NONE : `${seconds(lag.p50)} / ${seconds(lag.most)}`,
  ]);
  const titles = [
    "for one request",
    "requests",
    "object calls, alarms",
    "object rows written",
    "rows read",
    "messages",
    "entries a message",
    "D1 rows written",
    "D1 rows read",
    "CPU ms",
    "s until in D1: p50 / most",
  ];
  return markdown(titles, rows);
}

export function assumptions(): string {
  return [
    `Prices of ${PRICES_AS_OF}, beyond what the plan includes. Assumed: ${ASSUMED.objectMsPerRequest} ms of an object`,
    "of 128 MB for each call and alarm, nothing while it sleeps or could; every queue message in a run of its own.",
  ].join("\n");
}

function usd(amount: number): string {
  return amount.toFixed(2);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

function markdown(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = `|---|${"--:|".repeat(titles.length - 1)}`;
  return [line(titles), rule, ...rows.map(line)].join("\n");
}
