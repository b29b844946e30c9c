import { Hono } from "hono";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { discardBody } from "../http/unread-body.ts";
import { assetRoutes } from "./assets/routes.ts";
import { faultPage } from "./fault-page.tsx";
import { keyPages } from "./keys.tsx";
import { ledger } from "./ledger.tsx";
import { overview } from "./overview.tsx";
import { receipt } from "./receipt.tsx";
import { requests } from "./requests.tsx";
import { pageHeaders, sameOriginForms } from "./security.ts";
import { setup } from "./setup.tsx";
import { signInRoutes } from "./sign-in.tsx";
import { usage } from "./usage.tsx";

/** The dashboard: pages for the holder of an account. They work without JavaScript. */
export function dashboardRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.use(pageHeaders(), sameOriginForms());
  routes.route("/assets", assetRoutes());
  routes.route("/", signInRoutes());
  routes.get("/", overview);
  routes.get("/usage", usage);
  routes.get("/requests", requests);
  routes.get("/requests/:id", receipt);
  routes.get("/ledger", ledger);
  routes.route("/keys", keyPages());
  routes.get("/setup", setup);
  routes.all("*", (c) => {
    throw new HttpFault(404, "unknown_url", `There is no page ${c.req.path.slice(0, 200)}.`);
  });
  routes.onError((error, c) => {
    c.executionCtx.waitUntil(discardBody(c.req.raw));
    return faultPage(c, error);
  });
  return routes;
}
