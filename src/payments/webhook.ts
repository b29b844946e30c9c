import { Hono } from "hono";
import type Stripe from "stripe";
import * as z from "zod";
import { readAtMost } from "../http/bounded-body.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { type PaymentDeps, type PaymentHooks, paymentDeps } from "./deps.ts";
import { follow } from "./follow.ts";
import { readPaymentEvent } from "./payment-event.ts";
import { requireStripe, stripeClient } from "./stripe.ts";

const BODY_BYTES = 256 * 1024;
const TOLERANCE_S = 300;

/** Stripe tells what became of payments. It is told 200 once everything that follows is done, and else tells it again. */
export function stripeWebhookRoutes(hooks: PaymentHooks): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/stripe", (c) => receive(c, hooks));
  return routes;
}

async function receive(c: HttpContext, hooks: PaymentHooks): Promise<Response> {
  const deps = paymentDeps(c, requireStripe(c), hooks);
  const event = await readEvent(c, deps);
  const told = readPaymentEvent(event);
  if (!told) return c.json({ received: true, acted: false });
  const followed = await follow(deps, event.id, told);
  return c.json({
    received: true,
    acted: followed.kind === "done",
    ...(followed.kind === "parked" ? { parked: followed.reason } : {}),
  });
}

/**
 * Verifies the signature over the raw bytes, with any of the secrets. Throws {@link HttpFault}: 401 for one that does not
 * stand, 400 for one that is more than five minutes old or ahead, 422 for an event of Stripe's test mode in a live
 * gateway or the other way round.
 */
async function readEvent(c: HttpContext, { stripe, now }: PaymentDeps): Promise<Stripe.Event> {
  const tooLarge = new HttpFault(413, "request_too_large", `A webhook has at most ${BODY_BYTES} bytes.`);
  const body = await readAtMost(c, BODY_BYTES, tooLarge);
  const header = c.req.header("stripe-signature") ?? "";
  const event = await verified(stripe, body, header);
  const signedAt = Number(/(?:^|,)t=(\d{1,15})(?:,|$)/.exec(header)?.[1]);
  // The SDK lets in what is signed for later.
  if (!(signedAt * 1_000 <= now() + TOLERANCE_S * 1_000)) throw stale();
  if (event.livemode !== /^[a-z]+_live_/.test(stripe.secretKey)) {
    throw new HttpFault(422, "wrong_mode", "The event is of Stripe's other mode, live or test.");
  }
  return event;
}

async function verified(config: PaymentDeps["stripe"], body: Uint8Array, header: string): Promise<Stripe.Event> {
  const { webhooks } = await stripeClient(config);
  let reason = "";
  for (const secret of config.webhookSecrets) {
    try {
      return wellFormed(await webhooks.constructEventAsync(body, header, secret, TOLERANCE_S));
    } catch (error) {
      if (error instanceof HttpFault) throw error;
      if (error instanceof SyntaxError) throw new HttpFault(400, "invalid_json", "The webhook's body is not JSON.");
      const told = String(error);
      if (!isStale(reason)) reason = told;
    }
  }
  throw isStale(reason)
    ? stale()
    : new HttpFault(401, "invalid_signature", "The webhook's signature is not valid for its bytes.");
}

const eventShape = z.looseObject({
  id: z.string().min(1).max(256),
  type: z.string(),
  livemode: z.boolean(),
  data: z.looseObject({ object: z.looseObject({ id: z.string().min(1).max(256) }) }),
});

function wellFormed(event: Stripe.Event): Stripe.Event {
  if (eventShape.safeParse(event).success) return event;
  throw new HttpFault(400, "invalid_event", "The webhook's body is no event of Stripe's.");
}

function isStale(reason: string): boolean {
  return reason.includes("outside the tolerance zone");
}

function stale(): HttpFault {
  return new HttpFault(400, "stale", "The webhook was signed too long ago, or too far ahead.");
}
