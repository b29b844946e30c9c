import type { Context } from "hono";
import { ApiError } from "./errors.ts";
import { addUpstreamHeaders } from "./headers.ts";
import type { Entry, Journal } from "./journal.ts";
import type { WebhookEnv } from "./webhook.ts";

/** `SIMULATE`: controls for every request; a request's own controls come on top (see README.md). */
export interface SimulatorEnv extends WebhookEnv {
  SIMULATE?: string;
}

export type SimulatorContext = Context<{ Bindings: SimulatorEnv }>;

/** The route name of what no route takes; a key is not asked for there. */
export const UNROUTED = "other";

/** One request that is being answered. */
export interface Call {
  readonly c: SimulatorContext;
  /** The name that it is counted under. */
  readonly route: string;
  /** The upstream that the caller meant, with its port. */
  readonly host: string;
  readonly entry: Entry;
  /** Pulled when the caller goes away. */
  readonly abort: AbortController;
}

/** One request from its entry in the journal to its response. */
export async function conduct(
  c: SimulatorContext,
  journal: Journal,
  route: string,
  work: (call: Call) => Promise<Response>,
): Promise<Response> {
  const startedAt = Date.now();
  const entry = await journal.open(route, c.req.raw);
  const { host } = new URL(c.req.url);
  const call: Call = { c, route, host, entry, abort: abortOfCaller(c.req.raw, entry) };
  keepAlive(c, entry.ended);
  const response = await work(call).catch((error: unknown) => failureResponse(call, error));
  addUpstreamHeaders(response.headers, entry.id, Date.now() - startedAt);
  entry.noteStatus(response.status);
  return response;
}

/** The key after `Bearer`; without one the answer is OpenAI's 401. */
export function credentialOf(request: Request): string {
  const credential = /^Bearer +(\S+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  if (credential !== undefined) return credential;
  throw new ApiError(401, { message: "You didn't provide an API key.", code: null });
}

function failureResponse({ entry, abort }: Call, error: unknown): Response {
  if (error instanceof ApiError) {
    entry.end("complete");
    return error.response();
  }
  // Nobody reads this one: the caller has gone, and the number only marks it in the journal.
  if (abort.signal.aborted) return new Response(null, { status: 499 });
  entry.end("broken");
  throw error;
}

/** Watches for a caller that leaves before the response's headers; after them the body's `cancel` tells. */
function abortOfCaller(request: Request, entry: Entry): AbortController {
  const abort = new AbortController();
  const leave = () => {
    entry.end("cancelled");
    abort.abort();
  };
  request.signal.addEventListener("abort", leave, { once: true });
  return abort;
}

/** A Worker whose caller leaves is stopped at once unless something is still waited for. */
export function keepAlive(c: SimulatorContext, work: Promise<void>): void {
  try {
    c.executionCtx.waitUntil(work);
  } catch {
    // Node has no execution context, and stops nothing.
  }
}
