import { Buffer } from "node:buffer";
import { ByteReader } from "./byte-reader.ts";
import { ApiError } from "./errors.ts";
import { badForm } from "./form-error.ts";
import type { JsonObject } from "./request-body.ts";

/** What is kept of a file. */
export interface FormFile {
  readonly filename: string;
  readonly type: string;
  /** In bytes. */
  readonly size: number;
}

const MAX_HEAD_BYTES = 16 * 1024;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;
const MAX_PARTS = 64;
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Reads `multipart/form-data` while it arrives. Texts are kept as they are; of a file only its name, type and size, so
 * that an upload of any length needs no memory.
 */
export async function readForm(
  body: ReadableStream<Uint8Array> | null,
  boundary: string,
): Promise<{ bytes: number; fields: JsonObject }> {
  // The first delimiter has no line end before it; with one added it is like the others.
  const reader = new ByteReader(body, Buffer.from("\r\n"));
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  const fields = new Map<string, string | FormFile>();
  await reader.skip(delimiter);
  while ((await afterDelimiter(reader)) === "next") {
    const head = parseHead(await reader.text(HEAD_END, MAX_HEAD_BYTES));
    if (fields.has(head.name)) throw new ApiError(400, { message: `Duplicate field '${head.name}'.` });
    if (fields.size === MAX_PARTS) throw badForm("it has too many parts");
    fields.set(head.name, await readPart(reader, delimiter, head));
  }
  await reader.drain();
  return { bytes: reader.bytes, fields: Object.fromEntries(fields) };
}

/** The boundary that a content type names; `null` where it is no form's. */
export function boundaryOf(contentType: string | null): string | null {
  if (!/^multipart\/form-data *;/i.test(contentType ?? "")) return null;
  const [, quoted, plain] = /; *boundary=(?:"([^"]{1,70})"|([^;\s]{1,70}))/i.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw badForm("it names no boundary");
  return boundary;
}

export function isFormFile(value: unknown): value is FormFile {
  return typeof value === "object" && value !== null && "filename" in value && "size" in value;
}

interface PartHead {
  readonly name: string;
  /** `null`: a text. */
  readonly filename: string | null;
  readonly type: string;
}

async function afterDelimiter(reader: ByteReader): Promise<"next" | "end"> {
  const mark = await reader.take(2);
  if (mark === "\r\n") return "next";
  if (mark === "--") return "end";
  throw badForm("a boundary is followed by something else");
}

async function readPart(reader: ByteReader, delimiter: Buffer, head: PartHead): Promise<string | FormFile> {
  if (head.filename === null) return reader.text(delimiter, MAX_TEXT_BYTES);
  return { filename: head.filename, type: head.type, size: await reader.skip(delimiter) };
}

function parseHead(text: string): PartHead {
  const disposition = headerOf(text, "content-disposition") ?? "";
  const name = parameterOf(disposition, "name");
  if (!/^form-data *;/i.test(disposition) || name === null) throw badForm("a part has no name");
  return {
    name,
    filename: parameterOf(disposition, "filename"),
    type: headerOf(text, "content-type") ?? "application/octet-stream",
  };
}

function headerOf(head: string, name: string): string | null {
  const line = head.split("\r\n").find((candidate) => candidate.toLowerCase().startsWith(`${name}:`));
  return line === undefined ? null : line.slice(name.length + 1).trim();
}

function parameterOf(disposition: string, name: string): string | null {
  const [, quoted, plain] = new RegExp(`; *${name}=(?:"([^"]*)"|([^;\\s"]+))`, "i").exec(disposition) ?? [];
  return quoted ?? plain ?? null;
}
