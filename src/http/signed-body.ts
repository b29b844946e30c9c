import { Webhook } from "standardwebhooks";
import { readAtMost } from "./bounded-body.ts";
import type { HttpContext } from "./context.ts";
import { HttpFault } from "./fault.ts";

const BODY_BYTES = 256 * 1024;

/** A webhook whose signature stands: its id, which is the same for every repetition, and what it says. */
export interface SignedEvent {
  readonly id: string;
  readonly payload: unknown;
}

/**
 * Reads a webhook signed as Standard Webhooks: an HMAC over its id, its instant (at most five minutes off) and its raw
 * bytes. Any of `secrets` may have signed it, so that they can be changed without a gap. Throws {@link HttpFault}: 404
 * without secrets, 401 for a signature that does not stand, 400 for one that is too old or too new.
 */
export async function readSignedBody(c: HttpContext, secrets: readonly string[]): Promise<SignedEvent> {
  if (secrets.length === 0) throw new HttpFault(404, "unknown_url", "No secret is set for webhooks.");
  const tooLarge = new HttpFault(413, "request_too_large", `A webhook has at most ${BODY_BYTES} bytes.`);
  const body = new TextDecoder().decode(await readAtMost(c, BODY_BYTES, tooLarge));
  const headers = {
    "webhook-id": c.req.header("webhook-id") ?? "",
    "webhook-timestamp": c.req.header("webhook-timestamp") ?? "",
    "webhook-signature": c.req.header("webhook-signature") ?? "",
  };
  let reason = "";
  for (const secret of secrets) {
    try {
      return { id: headers["webhook-id"], payload: new Webhook(secret).verify(body, headers) };
    } catch (error) {
      if (error instanceof SyntaxError) throw new HttpFault(400, "invalid_json", "The webhook's body is not JSON.");
      reason = String(error);
    }
  }
  if (/timestamp too/i.test(reason))
    throw new HttpFault(400, "stale", "The webhook was signed too long ago, or too far ahead.");
  throw new HttpFault(401, "invalid_signature", "The webhook's signature is not valid.");
}
