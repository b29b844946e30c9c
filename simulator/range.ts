import { ApiError } from "./errors.ts";

/** Bytes from `from` to before `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The part of a file of `length` bytes that a `range` header asks for; `null` means the whole, also for a header that
 * asks for several parts or cannot be read.
 *
 * @throws ApiError 416 where the file has no such part
 */
export function readRange(header: string | null, length: number): ByteRange | null {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return null;
  if (first !== "" && last !== "" && Number(last) < Number(first)) return null;
  const from = first === "" ? Math.max(0, length - Number(last)) : Number(first);
  const to = first === "" || last === "" ? length : Math.min(length, Number(last) + 1);
  if (from < to) return { from, to };
  throw new ApiError(416, {
    message: "The requested range is not in the file.",
    headers: { "content-range": `bytes */${length}` },
  });
}
