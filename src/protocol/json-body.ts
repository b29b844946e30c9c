import { createHash } from "node:crypto";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { JsonObject, RequestFault } from "./adapter.ts";
import { fault, isFault } from "./fault.ts";
import { JSON_BOUNDS, type JsonBounds, parseJsonObject } from "./json-object.ts";

export interface ReadLimits {
  readonly bytes: number;
  /** How long the caller may take to send the body. */
  readonly readMs: number;
}

/** `bytes` holds for the body as it is sent, and again after decoding. */
export interface BodyLimits extends JsonBounds, ReadLimits {}

/**
 * A coding client sends the whole conversation with every request and images as `data:` URLs inside it: 55 KB at the
 * first turn, megabytes after some screenshots. 4 MiB lets those through. The body is held a few times over while it
 * is decoded, parsed and serialised, and many requests share the 128 MB of one isolate, so it is not larger.
 */
export const BODY_LIMITS: BodyLimits = { ...JSON_BOUNDS, bytes: 4 * 1024 * 1024, readMs: 120_000 };

export interface JsonBody {
  readonly value: JsonObject;
  /**
   * SHA-256 of the decoded bytes as lower-case hex: the same body is the same request, compressed or not. Computed when
   * asked for, since few requests need it and bodies are large.
   */
  digest(): string;
}

/**
 * Reads a request's JSON object: 415 for another media type or coding, 413 beyond the limit (nothing more is read),
 * 408 when it is sent too slowly, 400 for anything that is not one JSON object. A caller that goes away is a fault as
 * well, never an exception.
 */
export async function readJsonBody(
  request: Request,
  limits: BodyLimits = BODY_LIMITS,
): Promise<JsonBody | RequestFault> {
  const decoder = checkHeaders(request.headers, limits);
  if (typeof decoder !== "function") return decoder;
  const sent = await readSent(request, limits);
  if (!(sent instanceof Uint8Array)) return sent;
  if (sent.length === 0) return fault("invalid_json", "The request body is empty.");
  const bytes = decoder(sent);
  if (!(bytes instanceof Uint8Array)) return bytes;
  const text = decodeText(bytes);
  if (typeof text !== "string") return text;
  const parsed = parseJsonObject(text, limits);
  if (isFault(parsed)) return parsed;
  return { value: parsed.value, digest: () => createHash("sha256").update(bytes).digest("hex") };
}

type Decoder = (bytes: Uint8Array) => Uint8Array | RequestFault;

/** What can be refused before a byte of the body is read. */
function checkHeaders(headers: Headers, limits: BodyLimits): Decoder | RequestFault {
  if (!isJson(headers.get("content-type"))) {
    return fault("unsupported_media_type", "Send the body as 'content-type: application/json'.", null, 415);
  }
  if (Number(headers.get("content-length") ?? 0) > limits.bytes) return tooLarge(limits);
  switch ((headers.get("content-encoding") ?? "identity").trim().toLowerCase()) {
    case "":
    case "identity":
      return (bytes) => bytes;
    case "gzip":
      return (bytes) => decompress(gunzipSync, bytes, limits);
    case "zstd":
      return (bytes) => decompress(zstdDecompressSync, bytes, limits);
    default:
      return fault("unsupported_encoding", "The body may be sent plain, or as gzip or zstd.", null, 415);
  }
}

/** Whether a `content-type` is JSON in UTF-8. */
export function isJson(contentType: string | null): boolean {
  const [essence = "", ...parameters] = (contentType ?? "").toLowerCase().split(";");
  if (essence.trim() !== "application/json") return false;
  return parameters.every((parameter) => {
    const [name = "", value = ""] = parameter.split("=");
    return name.trim() !== "charset" || /^"?utf-?8"?$/.test(value.trim());
  });
}

/**
 * A body of known and permitted length is read by the runtime in one go, which costs half. Nobody looks at `body` then:
 * that alone makes a stream of it.
 */
function readSent(request: Request, limits: BodyLimits): Promise<Uint8Array | RequestFault> {
  if (request.headers.has("content-length")) return readAtOnce(request, limits);
  return request.body ? readBytes(request.body, limits) : Promise.resolve(new Uint8Array());
}

async function readAtOnce(request: Request, { readMs }: BodyLimits): Promise<Uint8Array | RequestFault> {
  const late = Promise.withResolvers<RequestFault>();
  const timer = setTimeout(() => late.resolve(tooSlow()), readMs);
  const bytes = request.bytes().catch(() => fault("body_incomplete", BODY_INCOMPLETE));
  try {
    return await Promise.race([bytes, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a body to its end; 413, 408 or 400 when it is too large, too slow or breaks off. What is still coming of one
 * that is too large is left to whoever answers: cut off here, its sender would see a reset and not the refusal.
 */
export async function readBytes(
  body: ReadableStream<Uint8Array>,
  limits: ReadLimits,
): Promise<Uint8Array | RequestFault> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void stop(reader);
  }, limits.readMs);
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const chunk = next.value;
      length += chunk.length;
      if (length > limits.bytes) {
        reader.releaseLock();
        return tooLarge(limits);
      }
      chunks.push(chunk);
    }
  } catch {
    // Of the runtime's own streams a read that is stopped fails, as that of a body which breaks off does.
    return late ? tooSlow() : fault("body_incomplete", BODY_INCOMPLETE);
  } finally {
    clearTimeout(timer);
  }
  if (late) return tooSlow();
  return join(chunks, length);
}

/** Stops reading. The sender may be gone already, which is no news. */
function stop(reader: ReadableStreamDefaultReader): Promise<void> {
  return reader.cancel().catch(() => undefined);
}

function join(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks;
  if (only && chunks.length === 1) return only;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

/** Decodes up to the limit and no further, so that a few bytes cannot unfold into memory that is not there. */
function decompress(codec: Decompress, bytes: Uint8Array, limits: BodyLimits): Uint8Array | RequestFault {
  try {
    return codec(bytes, { maxOutputLength: limits.bytes });
  } catch (error) {
    // The one thing that Node and workerd have in common where the limit is reached.
    if (error instanceof RangeError) return tooLarge(limits);
    return fault("invalid_encoding", "The request body does not decode as its 'content-encoding' says.");
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** UTF-8, with or without a byte order mark. */
function decodeText(bytes: Uint8Array): string | RequestFault {
  try {
    return UTF8.decode(bytes);
  } catch {
    return fault("invalid_utf8", "The request body is not valid UTF-8.");
  }
}

const BODY_INCOMPLETE = "The request body ended before it was complete.";

function tooSlow(): RequestFault {
  return fault("request_timeout", "The request body was not sent in time.", null, 408);
}

function tooLarge(limits: ReadLimits): RequestFault {
  return fault("request_too_large", `The request body is larger than ${limits.bytes} bytes.`, null, 413);
}
