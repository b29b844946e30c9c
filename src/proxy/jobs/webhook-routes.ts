import { Hono } from "hono";
import * as z from "zod";
import { accountOfJob, isKnownEvent, rememberEvent } from "../../catalog/jobs.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { readSignedBody } from "../../http/signed-body.ts";
import { depsOf } from "../gateway-deps.ts";
import { lookAt } from "./poll.ts";

const jobEvent = z.object({ type: z.string(), data: z.object({ id: z.string().min(1).max(256) }) });
const ENDS = /^(response|video)\.(completed|failed|cancelled|canceled|incomplete|expired)$/;

/**
 * Upstream tells that a job has ended. A webhook says which one and is believed in nothing else: the job itself is asked
 * after, as a poll would, and settled by what it says.
 */
export function webhookRoutes(): Hono<HttpEnv> {
  const routes = new Hono<HttpEnv>();
  routes.post("/upstream", receive);
  return routes;
}

async function receive(c: HttpContext): Promise<Response> {
  const { id, payload } = await readSignedBody(c, c.var.services.config.webhookSecrets);
  const event = jobEvent.safeParse(payload);
  if (!event.success || !ENDS.test(event.data.type)) return c.json({ received: true, acted: false });
  if (await isKnownEvent(c.env.DB, id)) return c.json({ received: true, acted: false });
  const jobId = event.data.data.id;
  const accountId = await accountOfJob(c.env.DB, jobId);
  const job = accountId && (await c.var.services.accounts.findResource(accountId, jobId));
  // Other users of the operator's project make jobs too.
  if (!accountId || !job) return c.json({ received: true, acted: false });
  const end = await lookAt(depsOf(c), accountId, job, c.var.requestId);
  // Upstream repeats a webhook that was not taken. If it never does, the next poll sees the end.
  if (end === "open") throw new HttpFault(503, "not_ended", "The job could not be seen to have ended yet.");
  await rememberEvent(c.env.DB, id, Date.now());
  return c.json({ received: true, acted: true });
}
