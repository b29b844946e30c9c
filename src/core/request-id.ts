/**
 * Request ids. Minted ones are `req_` and a UUIDv7 without dashes, so they sort by time. Those derived from a client's
 * `Idempotency-Key` begin with `req_k` and sort after every minted one (`k` is no hexadecimal digit).
 */
export const DERIVED_PREFIX = "req_k";

/** The smallest minted id of the instant `at` (epoch ms): every id minted earlier sorts before it. */
export function firstIdAt(at: number): string {
  return `req_${Math.max(0, at).toString(16).padStart(12, "0")}`;
}

const REQUEST_ID = /^req_(?:[0-9a-f]{32}|k[0-9a-f]{40})$/;

export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}
