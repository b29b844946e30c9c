import { addIntent, removeIntent } from "../catalog/job-intents.ts";
import { rememberJob } from "../catalog/jobs.ts";
import type { HttpContext } from "../http/context.ts";
import type { Services } from "../http/services.ts";
import { rootOf } from "../ledger/failure.ts";
import type { GatewayDeps } from "./journey.ts";
import { upstreamsOf } from "./upstreams.ts";

/** What the handlers of client-facing routes work with. */
export function depsOf(c: HttpContext): GatewayDeps {
  return gatewayDeps(c.var.services, (work) => c.executionCtx.waitUntil(work));
}

export function gatewayDeps(services: Services, waitUntil: GatewayDeps["waitUntil"]): GatewayDeps {
  return {
    accounts: services.accounts,
    catalog: () => services.catalog.get(waitUntil),
    upstreams: upstreamsOf(services),
    indexJob: (id, accountId) => indexJob(services.env.DB, id, accountId),
    intents: {
      add: (intent) => addIntent(services.env.DB, intent),
      remove: (requestId) => removeIntent(services.env.DB, requestId),
    },
    keepAliveMs: services.config.keepAliveMs,
    waitUntil,
  };
}

async function indexJob(database: D1Database, id: string, accountId: string): Promise<void> {
  try {
    await rememberJob(database, id, accountId, Date.now());
  } catch (error) {
    console.error(
      JSON.stringify({ event: "job_not_indexed", account: accountId, job: id, message: String(rootOf(error)) }),
    );
  }
}
