import { Hono } from "hono";
import type { HttpEnv } from "../http/context.ts";
import type { Services } from "../http/services.ts";
import { type LedgerHealth, ledgerHealth } from "../ledger/pipeline.ts";
import { instant } from "../wire/time.ts";

/** Whether the gateway lives, and how the ledger follows. */
export function healthRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.get("/", (c) => c.json({ status: "ok" }));
  routes.get("/pipeline", async (c) => {
    const health = await healthOf(c.var.services);
    const last = health.lastReconciliation;
    const differences = last?.difference_count ?? 0;
    const isWhole = differences === 0 && (last?.unchecked_count ?? 0) === 0;
    return c.json({
      status: health.quarantined === 0 && health.lateSince === null && isWhole ? "ok" : "attention",
      ledger: {
        newest_entry_at: instant(health.newestUpdateAt),
        late_since: instant(health.lateSince),
        quarantined: health.quarantined,
      },
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

const KEPT_MS = 5_000;
const kept = new WeakMap<Services, { readonly at: number; readonly health: LedgerHealth }>();

/** Anybody may ask, and reading it takes longer the more accounts there are: an isolate does so once in five seconds. */
async function healthOf(services: Services): Promise<LedgerHealth> {
  const known = kept.get(services);
  if (known && Math.abs(Date.now() - known.at) < KEPT_MS) return known.health;
  const health = await ledgerHealth(services.env.DB);
  kept.set(services, { at: Date.now(), health });
  return health;
}
