import { openForClient } from "../../http/account-access.ts";
import { identify } from "../../http/authentication.ts";
import type { HttpContext } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { depsOf } from "../gateway-deps.ts";
import type { GatewayDeps } from "../journey.ts";
import type { Target } from "../target.ts";
import { Session } from "./session.ts";
import { connectUpstream, type Handshake } from "./upstream-socket.ts";

/** Opens a client's WebSocket. What refuses it is told as plain HTTP; afterwards every frame is decided by itself. */
export async function openWebSocket(c: HttpContext): Promise<Response> {
  const { accountId, key } = identify(c);
  const { account, catalog } = await openForClient(c);
  const deps = depsOf(c);
  const features = Object.keys(account.plan.features);
  const [target] = deps.upstreams.forWebSocket(catalog.upstreams(), features, accountId);
  // Codex falls back to plain requests at once on 426, and only on 426.
  if (!target) {
    throw new HttpFault(426, "upgrade_required", "WebSocket is not served here; use POST /v1/responses.");
  }
  const { headers } = c.req.raw;
  const upstream = await connect(deps, target, headers, c.var.requestId);
  const { 0: client, 1: server } = new WebSocketPair();
  server.binaryType = "arraybuffer";
  server.accept();
  new Session({ deps, caller: { headers, accountId, key }, socket: upstream?.socket ?? null }, server);
  return new Response(null, { status: 101, webSocket: client, headers: answerHeaders(c, upstream) });
}

/** Upstream's side of the connection; `null` where its frames have to be bridged. */
async function connect(
  deps: GatewayDeps,
  target: Target,
  headers: Headers,
  requestId: string,
): Promise<Handshake | null> {
  if (target.websocket !== "pass") return null;
  try {
    return await connectUpstream(target, headers, requestId);
  } catch (error) {
    console.error(
      JSON.stringify({ event: "websocket_unreachable", upstream: target.upstream, message: String(error) }),
    );
    deps.upstreams.failed(target);
    return null;
  }
}

/** Set here altogether, since nobody may touch this answer later: it would lose its socket. */
function answerHeaders(c: HttpContext, upstream: Handshake | null): Headers {
  const headers = new Headers();
  for (const name of ["x-codex-turn-state", "x-reasoning-included"]) {
    const value = upstream?.headers[name];
    if (value !== undefined) headers.set(name, value);
  }
  headers.set("x-request-id", c.var.requestId);
  headers.set("server-timing", `decision;dur=${Date.now() - c.var.begunAt}`);
  return headers;
}
