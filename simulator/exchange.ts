import { type Call, credentialOf, UNROUTED } from "./call.ts";
import { wait } from "./clock.ts";
import { parseScenario } from "./controls.ts";
import type { Beat } from "./frames.ts";
import type { Ending } from "./journal.ts";
import { refuse } from "./refusal.ts";
import { isObject, type JsonObject, parseObject, readBytes } from "./request-body.ts";
import type { ResponseStore, ResponseStores } from "./response-store.ts";
import type { Scenario } from "./scenario.ts";
import { sseText } from "./sse.ts";
import { bodyOf, playHalf } from "./stream.ts";

/** What an answer is made from. */
export interface Exchange {
  method: string;
  path: string;
  /** The parts of the path that the route names. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** `null` where there is no JSON object in the body. */
  body: JsonObject | null;
  bodyText: string;
  scenario: Scenario;
  /** The responses of the upstream that is asked. */
  store: ResponseStore;
}

export type Reply =
  | { json: object }
  | {
      /** Makes the events while they are read. */
      beats: (signal: AbortSignal) => AsyncGenerator<Beat>;
      /** Told how the reading ended. */
      ended?: (ending: Exclude<Ending, "open">) => void;
    };

/** Answers one route: pure but for ids, the clock and the store; throws `ApiError` to refuse. */
export type Answer = (exchange: Exchange) => Reply;

/** Reads the request, does what its controls ask and renders the answer. */
export async function exchange(call: Call, stores: ResponseStores, answer: Answer): Promise<Response> {
  const { c, route, host, entry, abort } = call;
  const request = c.req.raw;
  const bytes = await readBytes(request);
  const bodyText = new TextDecoder().decode(bytes);
  const body = parseObject(bodyText);
  entry.noteBody(bytes.byteLength, body);

  const credential = route === UNROUTED ? "" : credentialOf(request);
  const scenario = parseScenario([c.env?.SIMULATE, controlsIn(body), request.headers.get("x-simulate")], host);

  await wait(scenario.firstMs, abort.signal);
  if (scenario.refusal !== null) {
    const refused = await refuse(scenario.refusal, scenario, credential, abort.signal);
    entry.end("complete");
    return refused;
  }
  const query = new URL(request.url).searchParams;
  const { method } = request;
  const params = c.req.param();
  const store = stores.of(host);
  return render(answer({ method, path: c.req.path, params, query, body, bodyText, scenario, store }), scenario, call);
}

/** The control list in the body's metadata, which survives a gateway that drops headers. */
export function controlsIn(body: JsonObject | null): string | null {
  const metadata = isObject(body?.metadata) ? body.metadata : {};
  return typeof metadata.simulate === "string" ? metadata.simulate : null;
}

function render(reply: Reply, scenario: Scenario, { entry, abort }: Call): Response {
  if ("beats" in reply) {
    const end = (ending: Exclude<Ending, "open">) => {
      reply.ended?.(ending);
      entry.end(ending);
    };
    const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
    return new Response(bodyOf(sseText(reply.beats(abort.signal)), abort, end), { headers });
  }
  const text = JSON.stringify(reply.json);
  const headers = { "content-type": "application/json" };
  if (scenario.interruption !== null) {
    return new Response(bodyOf(playHalf(text, scenario.interruption, abort.signal), abort, entry.end), { headers });
  }
  entry.end("complete");
  return new Response(scenario.malformed ? text.slice(0, text.length / 2) : text, { headers });
}
