import { createReadStream, createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { linesOf } from "../../client/lines.ts";
import { type Verified, verifyLedger } from "../verify.mjs";
import { FileError, messageOf } from "./inputs.ts";
import type { Tool } from "./tool.ts";
import { counted } from "./words.ts";

/** Verifies an export, `-` being standard input. @throws FileError */
export async function verifiedFile(path: string): Promise<Verified> {
  try {
    return await verifyLedger(path === "-" ? process.stdin : createReadStream(path));
  } catch (error) {
    throw new FileError(`${path} cannot be read: ${messageOf(error)}`);
  }
}

/** The gateway takes bodies of 256 KiB; some room is left for the reason. */
const PORTION_BYTES = 200_000;
const PORTION_ENTRIES = 200;

/** The entries of an export that was verified, in portions that the gateway takes at once. */
export async function* portionsOf(path: string): AsyncGenerator<object[]> {
  let portion: object[] = [];
  let bytes = 0;
  for await (const { line, entry } of entriesOf(path)) {
    const size = Buffer.byteLength(line) + 1;
    if (portion.length === PORTION_ENTRIES || (portion.length > 0 && bytes + size > PORTION_BYTES)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(entry);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}

/** Whether an export that was verified has the entry with this hash. */
export async function hasEntry(path: string, hash: string): Promise<boolean> {
  for await (const { entry } of entriesOf(path)) if ("hash" in entry && entry.hash === hash) return true;
  return false;
}

/** The entries of an export that was verified: not the header, the end, and what is blank. */
async function* entriesOf(path: string): AsyncGenerator<{ readonly line: string; readonly entry: object }> {
  for await (const line of linesOf(new Response(createReadStream(path)))) {
    if (line.trim() === "") continue;
    const entry: unknown = JSON.parse(line);
    if (typeof entry === "object" && entry !== null && !("type" in entry)) yield { line, entry };
  }
}

export interface Write {
  (bytes: Uint8Array): Promise<void>;
  /** Ends what is written to. */
  readonly end?: () => Promise<void>;
}

/** How often progress is told (bytes). */
const TOLD_EVERY = 64 * 1024;
const NEWLINE = 10;

/** Writes an export as it arrives, and says how far it is behind `saying`. @returns the number of its lines */
export async function copy(tool: Tool, response: Response, write: Write, saying = ""): Promise<number> {
  let bytes = 0;
  let lines = 0;
  let told = 0;
  for await (const chunk of response.body ?? []) {
    await write(chunk);
    bytes += chunk.byteLength;
    for (const byte of chunk) if (byte === NEWLINE) lines += 1;
    if (bytes - told < TOLD_EVERY) continue;
    told = bytes;
    tool.terminal.progress(`${saying}${counted(lines, "line")} exported`);
  }
  await write.end?.();
  return lines;
}

/** Writes to a file; a failure is told at the end. @throws FileError */
export async function fileWriter(path: string): Promise<Write> {
  const file = createWriteStream(path);
  const failed = finished(file).catch((error: unknown) => {
    throw new FileError(`${path} cannot be written: ${messageOf(error)}`);
  });
  // Waited for below; until then a failure must not end the process.
  failed.catch(() => undefined);
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => file.write(bytes, () => resolve()));
  const end = async () => {
    file.end();
    await failed;
  };
  return Object.assign(write, { end });
}
