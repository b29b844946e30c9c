import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { InvalidArgumentError } from "commander";
import { readInstant } from "../../src/core/instant.ts";

/** What is typed, checked before anything is asked. Throws commander's error, which names the option. */

export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

/** Gathers an option that is given several times, or once with commas. */
export function gathered(text: string, before: readonly string[] = []): string[] {
  return [...before, ...text.split(",").map((part) => part.trim())].filter((part) => part !== "");
}

const SPAN = /^(\d{1,6})([smhd])$/;
const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An instant as ISO 8601, or how far from now it is: `30d`, `12h`. */
export function instantAhead(text: string): string {
  return instantFrom(text, 1);
}

/** The same for instants that have passed: `7d` is a week ago. */
export function instantAgo(text: string): string {
  return instantFrom(text, -1);
}

function instantFrom(text: string, direction: 1 | -1): string {
  const [, count = "", unit = ""] = SPAN.exec(text) ?? [];
  const span = Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  const at = Number.isNaN(span) ? readInstant(text) : Date.now() + direction * span;
  if (at === null) throw new InvalidArgumentError('Write an ISO 8601 date or instant, or a span such as "30d".');
  return new Date(at).toISOString();
}

/** A file could not be used. */
export class FileError extends Error {
  override readonly name = "FileError";
}

/**
 * The JSON of a file, `-` being standard input. What it must hold is for the gateway to check, so it is taken to be the
 * document that is asked for.
 *
 * @throws FileError
 */
export async function readDocument<Document>(path: string): Promise<Document> {
  const text = await readText(path);
  try {
    return JSON.parse(text) as Document;
  } catch (error) {
    throw new FileError(`${path === "-" ? "Standard input" : path} is not JSON: ${messageOf(error)}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return path === "-" ? await readAll(process.stdin) : await readFile(path, "utf8");
  } catch (error) {
    throw new FileError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
