import { v7 } from "uuid";
import { DERIVED_PREFIX } from "../core/request-id.ts";
import { sha256Hex } from "../sha256.ts";

/** A new request id; ids sort by the time at which they were minted. */
export function mintRequestId(): string {
  return `req_${v7().replaceAll("-", "")}`;
}

/** The id of every request with this `Idempotency-Key` on this route of this account. */
export function deriveRequestId(accountId: string, route: string, idempotencyKey: string): string {
  return DERIVED_PREFIX + sha256Hex(`v1|${accountId}|${route}|${idempotencyKey}`).slice(0, 40);
}

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** An `Idempotency-Key` is 1 to 255 visible ASCII characters. */
export function isIdempotencyKey(text: string): boolean {
  return IDEMPOTENCY_KEY.test(text);
}
