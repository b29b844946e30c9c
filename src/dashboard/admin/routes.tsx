import { Hono } from "hono";
import type { HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { discardBody } from "../../http/unread-body.ts";
import type { Answerer } from "../gateway-api.ts";
import { pageHeaders, sameOriginForms } from "../security.ts";
import { accountActs } from "./account-acts.tsx";
import { seenAccount } from "./account-frame.tsx";
import { accountHistoryPages } from "./account-history.tsx";
import { accountKeysPages } from "./account-keys.tsx";
import { accountMoneyPages } from "./account-money.tsx";
import { accountOverview } from "./account-overview.tsx";
import { accountsPages } from "./accounts.tsx";
import { AdminApi } from "./api.ts";
import { catalogListPages } from "./catalog-lists.tsx";
import { PLAN_KIND, RATE_CARD_KIND, UPSTREAM_KIND } from "./document-kinds.ts";
import { documentPages } from "./documents.tsx";
import { operatorFaultPage } from "./fault-page.tsx";
import { ledgerPages } from "./ledger.tsx";
import { logPage } from "./log.tsx";
import { paymentsPages } from "./payments.tsx";
import { quarantinePages } from "./quarantine.tsx";
import { reservationsPage } from "./reservations.tsx";
import { operatorSignInRoutes } from "./sign-in.tsx";
import { totalsPage } from "./totals.tsx";

/**
 * The operators' console, with a sign-in of its own. It works without JavaScript. `answer` is the gateway itself: what is
 * changed here is changed by the admin API.
 */
export function operatorRoutes(answer: Answerer): Hono<HttpEnv> {
  const api = new AdminApi(answer);
  const routes = new Hono<HttpEnv>();
  routes.use(pageHeaders(), sameOriginForms());
  routes.route("/", operatorSignInRoutes());
  routes.route("/", accountsPages(api));
  routes.get("/accounts/:id", async (c) => accountOverview(c, await seenAccount(c)));
  routes.route("/", accountActs(api));
  routes.route("/", accountKeysPages(api));
  routes.route("/", accountHistoryPages());
  routes.route("/", accountMoneyPages(api));
  routes.route("/", catalogListPages(api));
  routes.route("/plans", documentPages(api, PLAN_KIND));
  routes.route("/rate-cards", documentPages(api, RATE_CARD_KIND));
  routes.route("/upstreams", documentPages(api, UPSTREAM_KIND));
  routes.get("/reservations", (c) => reservationsPage(c, api));
  routes.route("/", paymentsPages(api));
  routes.route("/", ledgerPages(api));
  routes.route("/", quarantinePages(api));
  routes.get("/totals", totalsPage);
  routes.get("/log", logPage);
  routes.all("*", (c) => {
    throw new HttpFault(404, "unknown_url", `There is no page ${c.req.path.slice(0, 200)}.`);
  });
  routes.onError((error, c) => {
    c.executionCtx.waitUntil(discardBody(c.req.raw));
    return operatorFaultPage(c, error);
  });
  return routes;
}
