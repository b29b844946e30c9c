import { Hono } from "hono";
import { etag } from "hono/etag";
import { openForClient } from "../http/account-access.ts";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { chatAdapter } from "../protocol/chat.ts";
import { compactAdapter, responsesAdapter } from "../protocol/responses.ts";
import { sparesCodexTheWait } from "./codex.ts";
import { countInputTokens } from "./input-tokens.ts";
import { metered } from "./metered-route.ts";
import { codexModelList, modelList, modelObject } from "./models.ts";
import { storedResponseRoutes } from "./stored/response-routes.ts";
import { videoRoutes } from "./videos/routes.ts";
import { openWebSocket } from "./websocket/handshake.ts";

/** The client-facing routes, in OpenAI's wire. */
export function clientRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.use(sparesCodexTheWait);
  routes.post("/responses", (c) => metered(c, "/v1/responses", responsesAdapter));
  routes.post("/responses/compact", (c) => metered(c, "/v1/responses/compact", compactAdapter));
  routes.post("/responses/input_tokens", countInputTokens);
  routes.route("/responses", storedResponseRoutes());
  routes.route("/videos", videoRoutes());
  routes.post("/chat/completions", (c) => metered(c, "/v1/chat/completions", chatAdapter));
  routes.get("/responses", (c) => {
    // Clients ask so, without a key, whether there is somebody here.
    if (c.req.method === "HEAD") return c.body(null, 204, { allow: "GET, HEAD, POST" });
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw notWithoutUpgrade();
    return openWebSocket(c);
  });
  routes.get("/models", etag(), async (c) => {
    const { account, catalog } = await openForClient(c);
    const list = c.req.query("client_version") === undefined ? modelList : codexModelList;
    const headers = { "cache-control": "private, no-cache", vary: "authorization" };
    return c.json(list(account.plan, catalog, Date.now()), 200, headers);
  });
  routes.get("/models/:id{.+}", async (c) => {
    const { account, catalog } = await openForClient(c);
    const model = modelObject(account.plan, catalog, c.req.param("id"), Date.now());
    if (!model) throw new HttpFault(404, "model_not_found", "There is no such model in your plan.");
    return c.json(model);
  });
  return routes;
}

function notWithoutUpgrade(): HttpFault {
  const message = "GET is only for WebSocket here; send the request with POST /v1/responses.";
  return new HttpFault(405, "method_not_allowed", message, { allow: "HEAD, POST" });
}
