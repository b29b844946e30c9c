import type { Context } from "hono";
import { wait } from "./clock.ts";
import { ApiError } from "./errors.ts";
import { addUpstreamHeaders } from "./headers.ts";
import type { Entry, Journal } from "./journal.ts";
import { refuse } from "./refusal.ts";
import { isObject, type JsonObject, parseObject, readBytes } from "./request-body.ts";
import { parseScenario, type Scenario } from "./scenario.ts";
import { bodyOf, type Frames, playFrames, playHalf } from "./stream.ts";

/** `SIMULATE`: controls for every request; a request's own controls come on top (see README.md). */
export interface SimulatorEnv {
  SIMULATE?: string;
}

/** What an answer is made from. */
export interface Exchange {
  method: string;
  path: string;
  /** `null` where there is no JSON object in the body. */
  body: JsonObject | null;
  bodyText: string;
  scenario: Scenario;
}

export type Reply = { json: object } | { frames: Frames };

/** The route name of what no route takes; a key is not asked for there. */
export const UNROUTED = "other";

/** Answers one route: pure but for ids and the clock; throws `ApiError` to refuse. */
export type Answer = (exchange: Exchange) => Reply;

type SimulatorContext = Context<{ Bindings: SimulatorEnv }>;

interface Call {
  c: SimulatorContext;
  route: string;
  entry: Entry;
  /** Pulled when the caller goes away. */
  abort: AbortController;
  answer: Answer;
}

/** One request from its entry in the journal to its response. `route` is the name it is counted under. */
export async function exchange(
  c: SimulatorContext,
  journal: Journal,
  route: string,
  answer: Answer,
): Promise<Response> {
  const startedAt = Date.now();
  const entry = await journal.open(route, c.req.raw);
  const call: Call = { c, route, entry, abort: abortOfCaller(c.req.raw, entry), answer };
  keepAlive(c, entry.ended);
  const response = await serve(call).catch((error: unknown) => failureResponse(call, error));
  addUpstreamHeaders(response.headers, entry.id, Date.now() - startedAt);
  entry.noteStatus(response.status);
  return response;
}

async function serve(call: Call): Promise<Response> {
  const { c, route, entry, abort } = call;
  const request = c.req.raw;
  const bytes = await readBytes(request);
  const bodyText = new TextDecoder().decode(bytes);
  const body = parseObject(bodyText);
  entry.noteBody(bytes.byteLength, body);

  const credential = route === UNROUTED ? "" : credentialOf(request);
  const metadata = isObject(body?.metadata) ? body.metadata : {};
  const ofBody = typeof metadata.simulate === "string" ? metadata.simulate : null;
  const scenario = parseScenario([c.env?.SIMULATE, ofBody, request.headers.get("x-simulate")]);

  await wait(scenario.firstMs, abort.signal);
  if (scenario.refusal !== null) {
    const refused = await refuse(scenario.refusal, scenario, credential, abort.signal);
    entry.end("complete");
    return refused;
  }
  const reply = call.answer({ method: request.method, path: c.req.path, body, bodyText, scenario });
  return render(reply, scenario, call);
}

function render(reply: Reply, scenario: Scenario, { entry, abort }: Call): Response {
  if ("frames" in reply) {
    const body = bodyOf(playFrames(reply.frames, scenario, abort.signal), abort, entry.end);
    const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
    return new Response(body, { headers });
  }
  const text = JSON.stringify(reply.json);
  const headers = { "content-type": "application/json" };
  if (scenario.interruption !== null) {
    return new Response(bodyOf(playHalf(text, scenario.interruption, abort.signal), abort, entry.end), { headers });
  }
  entry.end("complete");
  return new Response(scenario.malformed ? text.slice(0, text.length / 2) : text, { headers });
}

/** The key after `Bearer`; without one the answer is OpenAI's 401. */
function credentialOf(request: Request): string {
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

/** A Worker whose caller leaves is stopped at once unless something is still waited for, and could not note it. */
function keepAlive(c: SimulatorContext, ended: Promise<void>): void {
  try {
    c.executionCtx.waitUntil(ended);
  } catch {
    // Node has no execution context, and stops nothing.
  }
}
