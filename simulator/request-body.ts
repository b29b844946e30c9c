import { ApiError } from "./errors.ts";
import { boundaryOf, readForm } from "./form.ts";

export type JsonObject = Record<string, unknown>;

const MAX_BODY_BYTES = 16 * 1024 * 1024;
const MAX_MODEL_NAME = 256;
const MAX_METADATA_PAIRS = 16;
const MAX_METADATA_KEY = 64;
const MAX_METADATA_VALUE = 512;

/** A request's body: JSON as text and object, of a form its fields. */
export async function readBody(request: Request): Promise<{ bytes: number; text: string; body: JsonObject | null }> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  if (boundary !== null) {
    const { bytes, fields } = await readForm(request.body, boundary);
    return { bytes, text: "", body: fields };
  }
  const bytes = await readBytes(request);
  const text = new TextDecoder().decode(bytes);
  return { bytes: bytes.byteLength, text, body: parseObject(text) };
}

/** The body's bytes, counted while they arrive; more than the limit is a 413. */
async function readBytes(request: Request): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body ?? []) {
    size += part.byteLength;
    if (size > MAX_BODY_BYTES) throw new ApiError(413, { message: "The request body is too large." });
    parts.push(part);
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}

/** The JSON object in `text`, or `null` where there is none. */
export function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** The body of a route that cannot do without one. */
export function requiredBody(body: JsonObject | null): JsonObject {
  if (body !== null) return body;
  throw new ApiError(400, { message: "We could not parse the JSON body of your request." });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The model that the body names; required. Any name is served: tests bring rate cards with models of their own. */
export function requiredModel(body: JsonObject): string {
  if (typeof body.model === "string" && body.model !== "" && body.model.length <= MAX_MODEL_NAME) return body.model;
  throw new ApiError(400, { message: "Missing or invalid required parameter: 'model'.", param: "model" });
}

/** An integer field within bounds, or `null` where the body has none. */
export function optionalInteger(body: JsonObject, name: string, least: number, most: number): number | null {
  const value = body[name] ?? null;
  if (value === null) return null;
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new ApiError(400, {
    message: `Invalid '${name}': expected an integer from ${least} to ${most}.`,
    param: name,
  });
}

/** The caller's metadata within OpenAI's bounds: 16 pairs, keys of 64 and values of 512 characters. */
export function metadataOf(body: JsonObject): Record<string, string> {
  const metadata = body.metadata ?? {};
  const pairs = isObject(metadata) ? Object.entries(metadata) : [];
  const good = isObject(metadata) && pairs.length <= MAX_METADATA_PAIRS && pairs.every(([k, v]) => fits(k, v));
  if (!good) throw new ApiError(400, { message: "Invalid 'metadata'.", param: "metadata" });
  return Object.fromEntries(pairs.map(([key, value]) => [key, String(value)]));
}

function fits(key: string, value: unknown): boolean {
  return key.length <= MAX_METADATA_KEY && typeof value === "string" && value.length <= MAX_METADATA_VALUE;
}
