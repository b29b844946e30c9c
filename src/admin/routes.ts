import { Hono } from "hono";
import { requireOperator } from "../http/authentication.ts";
import type { HttpEnv } from "../http/context.ts";
import { accountAdminRoutes } from "./accounts.ts";
import { backtestRoutes } from "./backtests.ts";
import { planAdminRoutes, rateCardAdminRoutes } from "./catalog.ts";
import { quarantineRoutes, reconciliationRoutes } from "./ledger.ts";
import { adminLogRoutes, loggedActs } from "./log.ts";
import { reratingRoutes } from "./rerating.ts";
import { reservationRoutes } from "./reservations.ts";
import { totalsRoutes } from "./totals.ts";
import { upstreamAdminRoutes } from "./upstreams.ts";

/** What an operator may do. Every route needs the operator's token, also the ones that do not exist. */
export function adminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.use(async (c, next) => {
    requireOperator(c);
    await next();
  });
  routes.use(loggedActs());
  routes.route("/accounts", accountAdminRoutes());
  routes.route("/plans", planAdminRoutes());
  routes.route("/rate-cards", rateCardAdminRoutes());
  routes.route("/upstreams", upstreamAdminRoutes());
  routes.route("/reconciliations", reconciliationRoutes());
  routes.route("/quarantine", quarantineRoutes());
  routes.route("/totals", totalsRoutes());
  routes.route("/reratings", reratingRoutes());
  routes.route("/reservations", reservationRoutes());
  routes.route("/backtests", backtestRoutes());
  routes.route("/log", adminLogRoutes());
  return routes;
}
