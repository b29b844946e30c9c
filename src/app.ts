import { Hono } from "hono";
import { accountRoutes } from "./account/routes.ts";
import { adminRoutes } from "./admin/routes.ts";
import { alertAdminRoutes, alertRoutes } from "./alerts/routes.ts";
import { paymentHooks } from "./alerts/upkeep.ts";
import { operatorRoutes } from "./dashboard/admin/routes.tsx";
import { dashboardRoutes } from "./dashboard/routes.tsx";
import { checkUrl } from "./http/asked-url.ts";
import type { HttpContext, HttpEnv } from "./http/context.ts";
import { renderFault } from "./http/error-response.ts";
import { HttpFault } from "./http/fault.ts";
import { mintRequestId } from "./http/request-id.ts";
import { servicesOf } from "./http/services.ts";
import { discardBody } from "./http/unread-body.ts";
import { documentRoutes } from "./openapi/routes.tsx";
import { paymentAdminRoutes } from "./payments/admin-routes.ts";
import { paymentRoutes } from "./payments/routes.ts";
import { stripeWebhookRoutes } from "./payments/webhook.ts";
import { webhookRoutes } from "./proxy/jobs/webhook-routes.ts";
import { clientRoutes } from "./proxy/routes.ts";
import { healthRoutes } from "./upkeep/health-routes.ts";

/** The whole HTTP surface. Whatever is not routed is refused: an unmetered route would be a hole. */
export function createApp(): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  app.use(async (c, next) => {
    c.set("requestId", mintRequestId());
    c.set("begunAt", Date.now());
    await next();
    if (c.res.status >= 400) await discardBody(c.req.raw);
    finish(c);
  });
  app.use(async (c, next) => {
    checkUrl(c.req.url);
    c.set("services", servicesOf(c.env));
    await next();
  });
  app.route("/health", healthRoutes());
  app.route("/v1", clientRoutes());
  app.route("/webhooks", webhookRoutes());
  app.route("/webhooks", stripeWebhookRoutes(paymentHooks));
  app.route("/api", accountRoutes());
  app.route("/api", paymentRoutes(paymentHooks));
  app.route("/api", alertRoutes());
  app.route("/admin", adminRoutes());
  app.route("/admin", paymentAdminRoutes(paymentHooks));
  app.route("/admin", alertAdminRoutes());
  app.route(
    "/dashboard/admin",
    operatorRoutes((request, c) => app.fetch(request, c.env, c.executionCtx)),
  );
  app.route(
    "/dashboard",
    dashboardRoutes((request, c) => app.fetch(request, c.env, c.executionCtx)),
  );
  app.route("/", documentRoutes());
  app.notFound((c) => {
    const message = `There is no ${c.req.method} ${c.req.path.slice(0, 200)} here. /docs shows what there is.`;
    return renderFault(c, new HttpFault(404, "unknown_url", message));
  });
  app.onError((error, c) => renderFault(c, error));
  return app;
}

/** Headers that every answer carries. */
function finish(c: HttpContext): void {
  const headers = c.res.headers;
  if (!headers.has("x-request-id")) c.header("x-request-id", c.var.requestId);
  if (!headers.has("server-timing")) c.header("server-timing", `decision;dur=${Date.now() - c.var.begunAt}`);
}
