import { parseArgs } from "node:util";

export interface Arguments {
  /** How long the load lasts. */
  readonly minutes: number;
  /** Stories that begin in a second. */
  readonly rate: number;
  /** Keep Spillway's state on the disk instead of in memory. */
  readonly disk: boolean;
  /** Where samples and findings are also written, as JSON. */
  readonly json: string | undefined;
}

export const USAGE_TEXT = `npm run soak -- [--minutes N] [--rate N] [--disk] [--json FILE]
  --minutes N  how long the load lasts (default 30)
  --rate N     requests, jobs and acts that begin in a second (default 8)
  --disk       Spillway's state on the disk, not on a memory file system
  --json FILE  also writes every sample and finding to FILE`;

/** @throws TypeError with a text for the person who typed it */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "30" },
      rate: { type: "string", default: "8" },
      disk: { type: "boolean", default: false },
      json: { type: "string" },
    },
  });
  return {
    minutes: positive("--minutes", values.minutes),
    rate: positive("--rate", values.rate),
    disk: values.disk,
    json: values.json,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new TypeError(`${name}: "${text}" is not a whole number from 1 on`);
  return value;
}
