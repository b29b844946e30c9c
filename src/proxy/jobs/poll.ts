import type { JobMessage, JobRef } from "../../../durable-objects/resource-commands.ts";
import { rootOf } from "../../ledger/failure.ts";
import type { GatewayDeps } from "../journey.ts";
import { reach } from "../reach.ts";
import { readWhole } from "../whole-body.ts";
import { endJob } from "./end-job.ts";
import type { JobEnd } from "./job-kind.ts";
import { JOB_KINDS } from "./job-kinds.ts";

export type PollDeps = Pick<GatewayDeps, "accounts" | "catalog" | "upstreams">;

/**
 * Asks upstream after jobs that are due. A message that fails, or is lost, costs nothing but time: the account's alarm
 * asks again, later and later, until the job has ended.
 */
export async function pollJobs(batch: MessageBatch<JobMessage>, deps: PollDeps, mintId: () => string): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      const { body } = message;
      try {
        if (isJobMessage(body)) await lookAt(deps, body.accountId, body.resource, mintId());
      } catch (error) {
        console.error(JSON.stringify({ event: "job_poll_failed", message: String(rootOf(error)).slice(0, 300) }));
      }
      message.ack();
    }),
  );
}

/** Asks upstream how a job stands and ends it where it has ended; returns what was seen. */
export async function lookAt(
  deps: PollDeps,
  accountId: string,
  job: JobRef,
  requestId: string,
): Promise<JobEnd["kind"]> {
  const kind = JOB_KINDS[job.kind];
  if (!kind) return "open";
  const reached = await reach(deps, {
    resource: job,
    method: "GET",
    path: kind.path(job.id),
    search: "",
    from: new Headers(),
    requestId,
    streamed: false,
  });
  if (reached.kind === "failed") return "open";
  const text = await readWhole(reached.call);
  // A job that upstream does not know is not known to have failed: it stays reserved until its time is over.
  if (text === null || !reached.call.response.ok) return "open";
  const end = kind.endOf(text, job);
  await endJob(deps.accounts, accountId, job, end);
  return end.kind;
}

/** Whatever else is on the queue is of another version, and asked for again by it. */
function isJobMessage(body: JobMessage): boolean {
  return body?.v === 1 && typeof body.accountId === "string" && typeof body.resource?.id === "string";
}
