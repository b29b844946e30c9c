import { type Call, credentialOf, keepAlive, UNROUTED } from "./call.ts";
import { wait } from "./clock.ts";
import { parseScenario } from "./controls.ts";
import { refuse } from "./refusal.ts";
import { type Answer, render } from "./reply.ts";
import { isObject, type JsonObject, readBody } from "./request-body.ts";
import type { ResponseStore } from "./response-store.ts";
import type { Scenario } from "./scenario.ts";
import type { Upstreams } from "./upstreams.ts";
import { tellEnd, webhookTarget } from "./webhook.ts";

/** What an answer is made from. */
export interface Exchange {
  method: string;
  path: string;
  /** The parts of the path that the route names. */
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  /** A JSON object, or the fields of a form; `null` where the body is neither. */
  body: JsonObject | null;
  bodyText: string;
  scenario: Scenario;
  /** The responses of the upstream that is asked. */
  store: ResponseStore;
}

/** Reads the request, does what its controls ask and renders the answer. */
export async function exchange(call: Call, upstreams: Upstreams, answer: Answer): Promise<Response> {
  const { c, route, host, entry, abort } = call;
  const request = c.req.raw;
  const { bytes, text: bodyText, body } = await readBody(request);
  entry.noteBody(bytes, body);

  const credential = route === UNROUTED ? "" : credentialOf(request);
  const scenario = parseScenario([c.env?.SIMULATE, controlsIn(body), request.headers.get("x-simulate")], host);
  const target = webhookTarget(scenario.webhook, c.env);

  await wait(scenario.firstMs, abort.signal);
  if (scenario.refusal !== null) {
    const refused = await refuse(scenario.refusal, scenario, credential, abort.signal);
    entry.end("complete");
    return refused;
  }
  const { method, headers } = request;
  const { searchParams: query } = new URL(request.url);
  const { responses: store, videos } = upstreams.of(host);
  const params = c.req.param();
  const reply = answer({ method, path: c.req.path, params, query, headers, body, bodyText, scenario, store, videos });
  if (reply.job !== undefined && target !== null) keepAlive(c, tellEnd(reply.job, target));
  return render(reply, scenario, call);
}

/** The control lists in the body, which survive a gateway that drops headers: forms have no metadata, but a prompt. */
export function controlsIn(body: JsonObject | null): string {
  const metadata = isObject(body?.metadata) ? body.metadata : {};
  const prompt = typeof body?.prompt === "string" ? body.prompt : "";
  const lists = Array.from(prompt.matchAll(/\[simulate:([^\]]*)\]/g), ([, list = ""]) => list);
  if (typeof metadata.simulate === "string") lists.unshift(metadata.simulate);
  return lists.join(";");
}
