import type { z } from "zod";
import { describeFaults, readDocument } from "../catalog/document.ts";
import { isJson } from "../protocol/json-body.ts";
import { readAtMost } from "./bounded-body.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

const BODY_BYTES = 256 * 1024;

/** The JSON body of a request outside `/v1`, unchecked. Throws {@link HttpFault}. */
export async function readBody(c: HttpContext): Promise<unknown> {
  if (!isJson(c.req.header("content-type") ?? "application/json")) {
    throw new HttpFault(415, "unsupported_media_type", "Send the body as application/json.");
  }
  const tooLarge = new HttpFault(413, "body_too_large", `The body may have at most ${BODY_BYTES} bytes.`);
  const bytes = await readAtMost(c, BODY_BYTES, tooLarge);
  if (bytes.byteLength === 0) return {};
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw new HttpFault(400, "invalid_json", "The body is not valid JSON.");
  }
}

/** The JSON body of a request outside `/v1` in the shape of `schema`. Throws {@link HttpFault}. */
export async function readAs<T>(c: HttpContext, schema: z.ZodType<T>): Promise<T> {
  const parsed = readDocument(schema, await readBody(c));
  if (!parsed.ok) throw new HttpFault(400, "invalid_request", describeFaults(parsed.faults));
  return parsed.document;
}
