import { Hono } from "hono";
import { describeFaults } from "../catalog/document.ts";
import { listPlans, listRateCards, PLAN_CURSOR, RATE_CARD_CURSOR } from "../catalog/list.ts";
import { readPlanDocument } from "../catalog/plan-document.ts";
import { previewPlan, previewRateCard } from "../catalog/preview.ts";
import { readRateCardDocument } from "../catalog/rate-card-document.ts";
import { putPlan, putRateCard } from "../catalog/write.ts";
import { readBody } from "../http/body.ts";
import type { HttpEnv } from "../http/context.ts";
import { HttpFault } from "../http/fault.ts";
import { pageOf } from "../http/query.ts";
import { instant } from "../wire/time.ts";
import { nameOf } from "./name.ts";
import { isDryRun, previewWire, tellPut } from "./preview.ts";

export function planAdminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => c.json(await listPlans(c.env.DB, pageOf(c, PLAN_CURSOR))));
  routes.put("/:id", async (c) => {
    const id = nameOf(c);
    const parsed = readPlanDocument(await readBody(c));
    if (!parsed.ok) throw new HttpFault(400, "invalid_plan", describeFaults(parsed.faults));
    const preview = await previewPlan(c.env.DB, id, parsed.document);
    if (isDryRun(c)) return c.json({ id, ...previewWire(c, preview), document: parsed.document });
    const { version, createdAt } = await putPlan(c.env.DB, id, parsed.document, Date.now());
    c.var.services.catalog.drop();
    tellPut(c, "plan.put", id, preview, version);
    return c.json({ id, version, created_at: instant(createdAt), ...parsed.document });
  });
  return routes;
}

export function rateCardAdminRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", async (c) => c.json(await listRateCards(c.env.DB, Date.now(), pageOf(c, RATE_CARD_CURSOR))));
  routes.put("/:id", async (c) => {
    const id = nameOf(c);
    const parsed = readRateCardDocument(await readBody(c));
    if (!parsed.ok) throw new HttpFault(400, "invalid_rate_card", describeFaults(parsed.faults));
    const preview = await previewRateCard(c.env.DB, id, parsed.document, Date.now());
    if (isDryRun(c)) return c.json({ id, ...previewWire(c, preview), document: parsed.document });
    const now = Date.now();
    const { version, effectiveAt, createdAt } = await putRateCard(c.env.DB, id, parsed.document, now);
    c.var.services.catalog.drop();
    tellPut(c, "rate_card.put", id, preview, version);
    const { models } = parsed.document;
    return c.json({
      id,
      version,
      created_at: instant(createdAt),
      effective_at: instant(effectiveAt),
      // What was put is the newest version.
      in_force: effectiveAt <= now,
      models,
    });
  });
  return routes;
}
