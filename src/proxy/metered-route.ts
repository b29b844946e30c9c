import { identify } from "../http/authentication.ts";
import type { HttpContext } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { deriveRequestId, isIdempotencyKey } from "../http/request-id.ts";
import type { Adapter } from "../protocol/adapter.ts";
import { serve } from "./gateway.ts";
import { depsOf } from "./gateway-deps.ts";
import type { Incoming } from "./journey.ts";

/** Serves a request of a metered route: what its adapter understands is reserved, forwarded and settled. */
export async function metered(c: HttpContext, route: string, adapter: Adapter): Promise<Response> {
  return serve(depsOf(c), incomingOf(c, route), c.req.raw, adapter);
}

/** Who asks, and under which id: an `Idempotency-Key` makes it the same for every repetition. */
export function incomingOf(c: HttpContext, route: string): Incoming {
  const { accountId, key } = identify(c);
  const idempotencyKey = c.req.header("idempotency-key");
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    throw new HttpFault(400, "invalid_idempotency_key", "An Idempotency-Key is 1 to 255 visible ASCII characters.");
  }
  const keyed = idempotencyKey !== undefined;
  if (keyed) c.set("requestId", deriveRequestId(accountId, route, idempotencyKey));
  const { requestId } = c.var;
  return { headers: c.req.raw.headers, route, search: passedQuery(c, ["beta"]), accountId, key, requestId, keyed };
}

/** Of the client's query, what upstream may see, with its question mark; empty without any of it. */
export function passedQuery(c: HttpContext, names: readonly string[]): string {
  if (!c.req.url.includes("?")) return "";
  const passed = new URLSearchParams();
  for (const [name, value] of new URL(c.req.url).searchParams) if (names.includes(name)) passed.append(name, value);
  return passed.size === 0 ? "" : `?${passed}`;
}
