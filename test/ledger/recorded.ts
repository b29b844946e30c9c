import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { RateLookup } from "../../src/core/audit.ts";
import type { ChainedEntry } from "../../src/core/event.ts";
import type { Rate } from "../../src/core/rate-card.ts";

const DIRECTORY = join(import.meta.dirname, "fixtures/v1");

/** A queue message as version 1 wrote it. */
export interface RecordedMessage {
  readonly name: string;
  readonly body: { readonly v: 1; readonly accountId: string; readonly entries: readonly ChainedEntry[] };
}

export function readRecorded<T>(name: string): T {
  return JSON.parse(readFileSync(join(DIRECTORY, name), "utf8")) as T;
}

/** One message for each kind of entry, in the order of their sequence numbers: the whole history of one account. */
export const RECORDED: readonly RecordedMessage[] = readdirSync(DIRECTORY)
  .filter((name) => /^\d\d-.*\.json$/.test(name))
  .sort()
  .map((name) => ({ name: name.slice(3, -5), body: readRecorded(name) }));

export const RECORDED_ENTRIES: readonly ChainedEntry[] = RECORDED.flatMap(({ body }) => body.entries);

const rates = readRecorded<Record<string, Record<string, Rate>>>("rates.json");

/** The rates at which the recorded charges were made. */
export const recordedRateOf: RateLookup = (cardId, cardVersion, model) =>
  rates[`${cardId}@${cardVersion}`]?.[model] ?? null;
