import type { RequestFault } from "../adapter.ts";
import { fault, isFault } from "../fault.ts";
import { type HeaderValue, parseHeaderValue } from "./header-value.ts";

/** What a part of a form says about itself. */
export interface PartHead {
  readonly name: string;
  /** Set for files, and only for them. */
  readonly filename: string | null;
  /** Media type of a file. */
  readonly contentType: string;
}

/** The names of headers that are read; any other says nothing that a form needs. */
const DISPOSITION = "content-disposition";
const TYPE = "content-type";
const ENCODING = "content-transfer-encoding";
const READ: ReadonlySet<string> = new Set([DISPOSITION, TYPE, ENCODING]);

const ANY_FILE = "application/octet-stream";

export function malformed(why: string): RequestFault {
  return fault("invalid_multipart", `The form cannot be read: ${why}.`);
}

/** Parses the headers of a part, without the empty line that ends them. */
export function parsePartHead(bytes: Uint8Array): PartHead | RequestFault {
  const headers = readHeaders(bytes);
  if (isFault(headers)) return headers;
  const disposition = parseHeaderValue(headers.get(DISPOSITION) ?? "");
  const name = disposition?.parameters.get("name");
  if (disposition?.essence !== "form-data" || name === undefined) return malformed("a part has no name");
  // Forms must not use it, and whoever reads it may take a file for a text or the other way about.
  if (disposition.parameters.has("filename*")) return malformed("'filename*' is not allowed in forms");
  if (!/^(binary|8bit|7bit)$/i.test(headers.get(ENCODING) ?? "binary")) return malformed("a part is encoded");
  const filename = disposition.parameters.get("filename") ?? null;
  const type = parseHeaderValue(headers.get(TYPE) ?? (filename === null ? "text/plain" : ANY_FILE));
  if (type === null) return malformed("a part's content type cannot be read");
  if (filename === null && !isUtf8(type)) return malformed("a text is not in UTF-8");
  return { name, filename, contentType: /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type.essence) ? type.essence : ANY_FILE };
}

function readHeaders(bytes: Uint8Array): Map<string, string> | RequestFault {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed("a part's headers are not in UTF-8");
  }
  const headers = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!/^[\w-]+$/.test(name) || hasControls(line)) return malformed("a part has a broken header");
    if (!READ.has(name)) continue;
    if (headers.has(name)) return malformed("a part has a header twice");
    headers.set(name, line.slice(colon + 1).trim());
  }
  return headers;
}

/** Line feeds and NUL above all: what is read here as one line must not become two elsewhere. */
function hasControls(line: string): boolean {
  for (let index = 0; index < line.length; index += 1) {
    const code = line.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

function isUtf8({ parameters }: HeaderValue): boolean {
  return /^utf-?8$/i.test(parameters.get("charset") ?? "utf-8");
}
