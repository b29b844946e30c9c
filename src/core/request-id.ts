/**
 * Request ids. Minted ones are `req_` and a UUIDv7 without dashes, so they sort by time. Those derived from a client's
 * `Idempotency-Key` begin with `req_k` and sort after every minted one (`k` is no hexadecimal digit).
 */
export const DERIVED_PREFIX = "req_k";

/** Minted ids of one millisecond are spread over so many places. */
const SPREAD = 1_024;
/** Later than the places of all minted ids until the year 2109. */
const LAST_PLACE = 2 ** 52;
const HASHES = 2 ** 47;

/**
 * A number under which a request is kept and found. Minted ids have theirs by time, all others after them by a hash. Several
 * ids may have the same one.
 */
export function placeOf(requestId: string): number {
  if (!requestId.startsWith(DERIVED_PREFIX) && REQUEST_ID.test(requestId)) {
    return Number.parseInt(requestId.slice(4, 16), 16) * SPREAD + (Number.parseInt(requestId.slice(-3), 16) % SPREAD);
  }
  let hash = 0;
  for (let index = 0; index < requestId.length; index += 1) hash = (hash * 31 + requestId.charCodeAt(index)) % HASHES;
  return LAST_PLACE + hash;
}

/** Every id that was minted before the instant `at` (epoch ms) has a smaller place. */
export function firstPlaceAt(at: number): number {
  return Math.max(0, at) * SPREAD;
}

const REQUEST_ID = /^req_(?:[0-9a-f]{32}|k[0-9a-f]{40})$/;

export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}
