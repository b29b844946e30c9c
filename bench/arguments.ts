import { parseArgs } from "node:util";

export interface Arguments {
  /** How often every variant is measured. */
  readonly rounds: number;
  /** Accounts that take turns, beside the one that takes all. */
  readonly accounts: number;
  /** Keep Spillway's state on the disk instead of in memory. */
  readonly disk: boolean;
  /** Where the figures are also written, as JSON. */
  readonly json: string | undefined;
}

export const USAGE_TEXT = `npm run bench -- [--rounds N] [--accounts N] [--disk] [--json FILE]
  --rounds N   how often everything is measured; the medians are shown (default 3)
  --accounts N accounts that take turns, beside the one that takes all (default 50)
  --disk       Spillway's state on the disk, not on a memory file system
  --json FILE  also writes the figures of every round to FILE`;

/** @throws Error with a text for the person who typed it */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "3" },
      accounts: { type: "string", default: "50" },
      disk: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  const rounds = readCount("rounds", values.rounds);
  return { rounds, accounts: readCount("accounts", values.accounts), disk: values.disk, json: values.json };
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${name} must be a whole number from 1 on`);
  return count;
}
