import { parseArgs } from "node:util";

const PARTS = ["accounts", "catalog", "grants", "reservations", "ledger", "ingestion"] as const;
export type Part = (typeof PARTS)[number];

export interface Arguments {
  readonly parts: readonly Part[];
  /** Leaves out each part's largest size. */
  readonly small: boolean;
  /** Ten times the ledger rows. */
  readonly large: boolean;
  /** Where the figures are also written, as JSON. */
  readonly json: string | undefined;
}

export const USAGE_TEXT = `npm run bench:growth -- [--only PART,PART] [--small] [--large] [--json FILE]
  --only PART,PART  some of ${PARTS.join(", ")} (default: all)
  --small           leaves out the largest size of each
  --large           the ledger up to 10,000,000 rows, too
  --json FILE       also writes the figures to FILE`;

/** @throws Error with a text for the person who typed it */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string" },
      small: { type: "boolean", default: false },
      large: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const { only, small, large, json } = values;
  return { parts: only === undefined ? PARTS : only.split(",").map(partOf), small, large, json };
}

function partOf(text: string): Part {
  const part = PARTS.find((known) => known === text);
  if (!part) throw new Error(`--only: there is no part ${text}; there are ${PARTS.join(", ")}`);
  return part;
}
