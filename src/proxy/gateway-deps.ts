import { rememberJob } from "../catalog/jobs.ts";
import type { HttpContext } from "../http/context.ts";
import type { Services } from "../http/services.ts";
import type { GatewayDeps, JobOfAccount } from "./journey.ts";
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
    indexJob: (job) => indexJob(services.env.DB, job),
    keepAliveMs: services.config.keepAliveMs,
    waitUntil,
  };
}

async function indexJob(database: D1Database, job: JobOfAccount): Promise<void> {
  try {
    const { id, kind, accountId, upstream, model, requestId, attempt } = job;
    await rememberJob(database, { id, kind, accountId, upstream, model, requestId, attempt, createdAt: Date.now() });
  } catch (error) {
    console.error(JSON.stringify({ event: "job_not_indexed", request: job.requestId, message: String(error) }));
  }
}
