import { Hono } from "hono";
import { z } from "zod";
import { findJob, type IndexedJob, isKnownEvent, rememberEvent } from "../../catalog/jobs.ts";
import type { HttpContext, HttpEnv } from "../../http/context.ts";
import { HttpFault } from "../../http/fault.ts";
import { readSignedBody } from "../../http/signed-body.ts";
import { depsOf } from "../gateway-deps.ts";
import type { JobRef } from "./job-kind.ts";
import { JOB_KINDS } from "./job-kinds.ts";
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
  const job = await findJob(c.env.DB, event.data.data.id);
  const ref = job && refOf(job);
  // Other users of the operator's project make jobs too.
  if (!job || !ref) return c.json({ received: true, acted: false });
  const end = await lookAt(depsOf(c), job.accountId, ref, c.var.requestId);
  // Upstream repeats a webhook that was not taken. If it never does, the next poll sees the end.
  if (end === "open") throw new HttpFault(503, "not_ended", "The job could not be seen to have ended yet.");
  await rememberEvent(c.env.DB, id, Date.now());
  return c.json({ received: true, acted: true });
}

function refOf({ kind, ...job }: IndexedJob): JobRef | null {
  const known = kind === "response" || kind === "video" ? kind : null;
  return known && JOB_KINDS[known] ? { ...job, kind: known } : null;
}
