import { Hono } from "hono";
import type { HttpEnv } from "../http/context.ts";
import { ledgerHealth } from "../ledger/pipeline.ts";
import { instant } from "../wire/time.ts";

/** Whether the gateway lives, and how the ledger follows. */
export function healthRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", (c) => c.json({ status: "ok" }));
  routes.get("/pipeline", async (c) => {
    const health = await ledgerHealth(c.env.DB);
    const last = health.lastReconciliation;
    const differences = last?.difference_count ?? 0;
    return c.json({
      status: health.quarantined === 0 && differences === 0 ? "ok" : "attention",
      ledger: { newest_entry_at: instant(health.newestUpdateAt), quarantined: health.quarantined },
      last_reconciliation: last && {
        id: last.id,
        finished_at: last.finished_at,
        differences,
        outbox: last.pending.outbox,
        stale_reservations: last.pending.stale_reservations,
      },
    });
  });
  return routes;
}
