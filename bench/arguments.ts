import { parseArgs } from "node:util";

export interface Arguments {
  /** How often every variant is measured. */
  readonly rounds: number;
  /** Keep Spillway's state on the disk instead of in memory. */
  readonly disk: boolean;
  /** Where the figures are also written, as JSON. */
  readonly json: string | undefined;
}

export const USAGE_TEXT = `npm run bench -- [--rounds N] [--disk] [--json FILE]
  --rounds N   how often everything is measured; the medians are shown (default 3)
  --disk       Spillway's state on the disk, not on a memory file system
  --json FILE  also writes the figures of every round to FILE`;

/** @throws Error with a text for the person who typed it */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      disk: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds must be a whole number from 1 on`);
  return { rounds, disk: values.disk, json: values.json };
}
