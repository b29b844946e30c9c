import { basename } from "node:path";

/** Vitest's JSON report, as far as it is read here. */
export interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

/** The rows come in the order of these files. */
const FILES = ["turns.test.ts", "refusals.test.ts", "upstream.test.ts"];
const COLUMNS = [
  "Codex HTTP",
  "Codex WebSocket",
  "Codex built-in",
  "openai JSON",
  "openai stream",
  "openai WebSocket",
  "openai chat",
  "AI SDK responses",
  "AI SDK chat",
];
const SHOWN: Readonly<Record<string, string>> = { passed: "ok", failed: "**failed**" };
const NOT_APPLICABLE = "–";

/** Situation by client, in Markdown. */
export function tableOf({ testResults }: Report): string {
  const rows = new Map<string, Map<string, string>>();
  const inOrder = testResults.toSorted((a, b) => FILES.indexOf(basename(a.name)) - FILES.indexOf(basename(b.name)));
  for (const { ancestorTitles, title, status } of inOrder.flatMap((file) => file.assertionResults)) {
    const [situation = ""] = ancestorTitles;
    if (!COLUMNS.includes(title)) throw new Error(`The table has no column for ${title}`);
    const row = rows.get(situation) ?? new Map<string, string>();
    rows.set(situation, row.set(title, SHOWN[status] ?? NOT_APPLICABLE));
  }
  const lines = [...rows]
    .map(([situation, row]) => [situation, ...COLUMNS.map((column) => row.get(column) ?? NOT_APPLICABLE)])
    .filter(([, ...cells]) => cells.some((cell) => cell !== NOT_APPLICABLE));
  return [["Situation", ...COLUMNS], ["---", ...COLUMNS.map(() => ":-:")], ...lines]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
}

const BEGIN = "<!-- written by npm run conformance -- --write -->";
const END = "<!-- end -->";

/** The document with this table, the versions and the day in place of those before. */
export function documentWith(
  document: string,
  table: string,
  versions: Readonly<Record<string, string>>,
  day: Date,
): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END);
  if (begin < 0 || end < begin) throw new Error("The document has no place for the table");
  const clients = Object.entries(versions)
    .filter(([name]) => /openai|^ai$/.test(name))
    .map(([name, version]) => `\`${name}\` ${version}`);
  const run = `Run on ${day.toISOString().slice(0, 10)} with ${clients.join(", ")}.`;
  return `${document.slice(0, begin)}${BEGIN}\n\n${run}\n\n${table}\n\n${document.slice(end)}`;
}
