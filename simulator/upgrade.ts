import { type Call, credentialOf } from "./call.ts";
import { wait } from "./clock.ts";
import { serveConnection } from "./connection.ts";
import { parseScenario } from "./controls.ts";
import { ApiError } from "./errors.ts";
import { newId } from "./ids.ts";
import type { Journal } from "./journal.ts";
import { refuse } from "./refusal.ts";
import type { ResponseStore } from "./response-store.ts";

/**
 * `GET /v1/responses` with `Upgrade: websocket`. The controls of the variable and of the header can refuse the upgrade;
 * otherwise they hold for every request of the connection. Runs in workerd alone: Node has no WebSocketPair.
 */
export async function upgrade(call: Call, journal: Journal, store: ResponseStore): Promise<Response> {
  const { c, host, entry, abort } = call;
  const request = c.req.raw;
  const credential = credentialOf(request);
  const controls = [c.env?.SIMULATE, request.headers.get("x-simulate")];
  const scenario = parseScenario(controls, host);
  await wait(scenario.firstMs, abort.signal);
  if (scenario.webSocket.refuse) throw new ApiError(426, { message: "There is no WebSocket here." });
  if (scenario.refusal !== null) {
    const refused = await refuse(scenario.refusal, scenario, credential, abort.signal);
    entry.end("complete");
    return refused;
  }
  const [client, server] = Object.values(new WebSocketPair());
  if (client === undefined || server === undefined) throw new Error("the runtime made no pair of WebSockets");
  server.accept();
  const arrival = { method: "WS", url: request.url, headers: new Headers(request.headers) };
  serveConnection({
    socket: server,
    arrival,
    path: c.req.path,
    host,
    controls,
    credential,
    journal,
    store,
    entry,
    abort,
  });
  const headers = { "x-codex-turn-state": newId("turn-state-") };
  return new Response(null, { status: 101, webSocket: client, headers });
}
