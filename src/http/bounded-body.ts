import { isFault } from "../protocol/fault.ts";
import { readBytes } from "../protocol/json-body.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

/** How long a body outside `/v1` may take to arrive (ms). */
const READ_MS = 30_000;

/**
 * The bytes of a request's body; nothing more is read of one that is too large, whatever its announced length. Throws
 * `tooLarge`, or {@link HttpFault}: 408 for one that is sent too slowly, 400 for one that breaks off.
 */
export async function readAtMost(c: HttpContext, bytes: number, tooLarge: HttpFault): Promise<Uint8Array> {
  const { body, headers } = c.req.raw;
  if (body === null) return new Uint8Array();
  if (Number(headers.get("content-length") ?? 0) > bytes) throw tooLarge;
  const read = await readBytes(body, { bytes, readMs: READ_MS });
  if (!isFault(read)) return read;
  throw read.status === 413 ? tooLarge : new HttpFault(read.status, read.code, read.message);
}
