import { createHash, randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Dispatcher } from "undici";
import type { Accounting, Admitted, TokenUsage } from "./accounting.ts";
import { contentType, isStream, type Upstream } from "./forward.ts";
import type { Gates } from "./gates.ts";
import { boundOf, priceOf } from "./price.ts";
import { relay } from "./relay.ts";

export interface Services {
  readonly gates: Gates;
  readonly accounting: Accounting;
  readonly upstream: Upstream;
}

/** A request on its way: where its tokens are booked. */
interface Flight extends Admitted {
  readonly minute: string;
  readonly tokens: number;
}

const DEFAULT_OUTPUT_TOKENS = 128_000;

/** What a competent team would build: authenticate, pass gates, hold credits, forward, settle. */
export function referenceApp(services: Services): Hono {
  const app = new Hono();
  app.post("/v1/responses", (c) => respond(c, services));
  return app;
}

async function respond(c: Context, { gates, accounting, upstream }: Services): Promise<Response> {
  const key = c.req.header("authorization")?.replace(/^Bearer /, "") ?? "";
  const body = await c.req.text();
  const asked: { model: string; max_output_tokens?: number } = JSON.parse(body);
  const bound = boundOf(body, asked.max_output_tokens ?? DEFAULT_OUTPUT_TOKENS);
  const ceiling = priceOf(bound);
  const tokens = bound.input_tokens + bound.output_tokens;
  const requestId = requestIdOf(key, c.req.header("idempotency-key"));
  c.header("x-request-id", requestId);

  const admission = await gates.admit(key, requestId, tokens, accounting.checksCachedBalance ? ceiling : 0);
  if (admission.kind !== "admitted") return refuse(c, admission.kind);
  const { account, minute } = admission;
  const flight: Flight = { requestId, account, minute, model: asked.model, ceiling, tokens };
  const held = await accounting.hold(flight);
  if (held !== "held") {
    await gates.finish(account, minute, requestId, -tokens, 0);
    return refuse(c, held);
  }

  const answer = await upstream.responses(body).catch(() => null);
  if (answer === null || answer.statusCode !== 200) {
    await end({ gates, accounting }, flight, null);
    return c.body((await answer?.body.text()) ?? "", answer ? statusOf(answer) : 502);
  }
  c.header("content-type", contentType(answer));
  if (isStream(answer)) return c.body(relay(answer.body, (usage) => end({ gates, accounting }, flight, usage)));
  const text = await answer.body.text();
  // Booked before the client has the answer, so that what was answered is never lost.
  await end({ gates, accounting }, flight, JSON.parse(text).usage);
  return c.body(text);
}

/** Settles what is known, or gives back what was held. */
async function end(
  { gates, accounting }: Pick<Services, "gates" | "accounting">,
  flight: Flight,
  usage: TokenUsage | null,
): Promise<void> {
  const { account, minute, requestId, tokens } = flight;
  if (usage === null) {
    await accounting.release(flight);
    return gates.finish(account, minute, requestId, -tokens, 0);
  }
  const charged = await accounting.settle(flight, usage, priceOf(usage));
  const used = usage.input_tokens + usage.output_tokens;
  await gates.finish(account, minute, requestId, used - tokens, accounting.checksCachedBalance ? charged : 0);
}

/** A request that is sent again under the same `Idempotency-Key` has the same id. */
function requestIdOf(key: string, idempotencyKey: string | undefined): string {
  if (idempotencyKey === undefined) return `req_${randomUUID()}`;
  return `req_${createHash("sha256").update(`${key} ${idempotencyKey}`).digest("hex").slice(0, 32)}`;
}

const STATUS = { unknown_key: 401, gate: 429, no_credits: 429, repeated: 409 } as const;

function refuse(c: Context, code: keyof typeof STATUS): Response {
  return c.json({ error: { code, message: code } }, STATUS[code]);
}

function statusOf({ statusCode }: Dispatcher.ResponseData): 400 | 429 | 502 {
  return statusCode === 400 || statusCode === 429 ? statusCode : 502;
}
