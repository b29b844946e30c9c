import type { PlanPreview, RateCardPreview, UpstreamPreview } from "../../client/types.ts";
import { table } from "./table.ts";
import { counted } from "./words.ts";

/** What putting a document would change. */
export function changesText({
  id,
  version,
  running_version: running,
  changes,
}: PlanPreview | RateCardPreview | UpstreamPreview): string {
  if (changes.length === 0) return `${id}: nothing would change.`;
  const of = running === null ? "" : ` of version ${running}`;
  const as = version === null ? "" : ` It would become version ${version}.`;
  return [
    `${id}: ${counted(changes.length, "change")}${of}.${as} Nothing was stored.`,
    "",
    table(
      [
        { title: "WHERE", value: (change) => change.path },
        { title: "", value: (change) => change.kind },
        { title: "BEFORE", value: (change) => shown(change.before) },
        { title: "AFTER", value: (change) => shown(change.after) },
      ],
      changes,
      "",
    ),
  ].join("\n");
}

const LONGEST = 60;

function shown(value: unknown): string | null {
  if (value === undefined) return null;
  const text = JSON.stringify(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}
