import { Hono } from "hono";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { discardBody } from "../http/unread-body.ts";
import { AccountApi } from "./account-api.ts";
import { alertPages } from "./alerts.tsx";
import { assetRoutes } from "./assets/routes.ts";
import { creditsPages } from "./credits.tsx";
import { faultPage } from "./fault-page.tsx";
import type { Answerer } from "./gateway-api.ts";
import { keyPages } from "./keys.tsx";
import { ledger } from "./ledger.tsx";
import { overview } from "./overview.tsx";
import { receipt } from "./receipt.tsx";
import { requests } from "./requests.tsx";
import { pageHeaders, sameOriginForms } from "./security.ts";
import { setup } from "./setup.tsx";
import { signInRoutes } from "./sign-in.tsx";
import { usage } from "./usage.tsx";

/**
 * The dashboard: pages for the holder of an account. They work without JavaScript. `answer` is the gateway itself, whose
 * API the pages of other rooms ask.
 */
export function dashboardRoutes(answer: Answerer): Hono<HttpEnv> {
  const api = new AccountApi(answer);
  const routes = new Hono<HttpEnv>();
  routes.use(pageHeaders(), sameOriginForms());
  routes.route("/assets", assetRoutes());
  routes.route("/", signInRoutes());
  routes.get("/", (c) => overview(c, api));
  routes.get("/usage", usage);
  routes.get("/requests", requests);
  routes.get("/requests/:id", receipt);
  routes.get("/ledger", ledger);
  routes.route("/credits", creditsPages(api));
  routes.route("/alerts", alertPages(api));
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
