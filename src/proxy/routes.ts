import { Hono } from "hono";
import { openAccount } from "../http/account-access.ts";
import { identify } from "../http/authentication.ts";
import type { HttpContext, HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { deriveRequestId, isIdempotencyKey } from "../http/request-id.ts";
import type { Adapter } from "../protocol/adapter.ts";
import { chatAdapter } from "../protocol/chat.ts";
import { responsesAdapter } from "../protocol/responses.ts";
import { serve } from "./gateway.ts";
import { modelList, modelObject } from "./models.ts";

/** The client-facing routes, in OpenAI's wire. */
export function clientRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/responses", (c) => metered(c, "/v1/responses", responsesAdapter));
  routes.post("/chat/completions", (c) => metered(c, "/v1/chat/completions", chatAdapter));
  routes.get("/responses", (c) => {
    if (c.req.header("upgrade")?.toLowerCase() !== "websocket") throw notHere(c);
    // Codex falls back to plain requests at once on 426, and only on 426.
    throw new HttpFault(426, "upgrade_required", "WebSocket is not served here; use POST /v1/responses.");
  });
  routes.get("/models", async (c) => {
    const { account, catalog } = await openAccount(c);
    return c.json(modelList(account.plan, catalog, Date.now()));
  });
  routes.get("/models/:id{.+}", async (c) => {
    const { account, catalog } = await openAccount(c);
    const model = modelObject(account.plan, catalog, c.req.param("id"), Date.now());
    if (!model) throw new HttpFault(404, "model_not_found", "There is no such model in your plan.");
    return c.json(model);
  });
  return routes;
}

function notHere(c: HttpContext): HttpFault {
  return new HttpFault(404, "unknown_url", `There is no ${c.req.method} ${c.req.path} here.`);
}

async function metered(c: HttpContext, route: string, adapter: Adapter): Promise<Response> {
  const { accountId, key } = identify(c);
  const idempotencyKey = c.req.header("idempotency-key");
  if (idempotencyKey !== undefined && !isIdempotencyKey(idempotencyKey)) {
    throw new HttpFault(400, "invalid_idempotency_key", "An Idempotency-Key is 1 to 255 visible ASCII characters.");
  }
  const keyed = idempotencyKey !== undefined;
  if (keyed) c.set("requestId", deriveRequestId(accountId, route, idempotencyKey));

  const { services, requestId } = c.var;
  const waitUntil = (work: Promise<unknown>) => c.executionCtx.waitUntil(work);
  return serve(
    {
      accounts: services.accounts,
      catalog: () => services.catalog.get(waitUntil),
      upstream: services.config.upstream,
      waitUntil,
    },
    { request: c.req.raw, route, adapter, accountId, key, requestId, keyed },
  );
}
