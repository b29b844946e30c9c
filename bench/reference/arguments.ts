import { parseArgs } from "node:util";
import { CannotRunError } from "./failure.ts";

export interface Arguments {
  /** How often every candidate is measured. */
  readonly rounds: number;
  /** Keep all state on the disk instead of in memory. */
  readonly disk: boolean;
  /** Numbers of accounts that take the load in turn. */
  readonly accounts: readonly number[];
  /** Where the figures are also written, as JSON. */
  readonly json: string | undefined;
}

export const USAGE_TEXT = `npm run bench:reference -- [--rounds N] [--accounts N,N] [--disk] [--json FILE]
  --rounds N      how often everything is measured; the medians are shown (default 5)
  --accounts N,N  how many accounts take the load in turn (default 1,50,1000)
  --disk          all state on the disk, not on a memory file system
  --json FILE     also writes the figures of every round to FILE`;

/** @throws CannotRunError */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      accounts: { type: "string", default: "1,50,1000" },
      disk: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  return {
    rounds: positive("--rounds", values.rounds),
    disk: values.disk,
    accounts: values.accounts.split(",").map((text) => positive("--accounts", text)),
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new CannotRunError(`${name}: "${text}" is not a whole number from 1 on`);
  return value;
}
