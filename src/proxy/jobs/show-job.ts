import type { GatewayDeps, Incoming } from "../journey.ts";
import { reach } from "../reach.ts";
import { passWhole } from "../stored/answer.ts";
import { endJob } from "./end-job.ts";
import type { JobKind } from "./job-kind.ts";

/** A job as upstream shows it now, settled where this is the first sight of its end; `null` when it is gone. */
export async function showJob(
  deps: GatewayDeps,
  { accountId, headers, requestId }: Incoming,
  jobId: string,
  kind: JobKind,
): Promise<Response | null> {
  const resource = await deps.accounts.findResource(accountId, jobId);
  if (!resource) return null;
  const reached = await reach(deps, {
    resource,
    method: "GET",
    path: kind.path(jobId),
    search: "",
    from: headers,
    requestId,
    streamed: false,
  });
  return passWhole(reached, requestId, async (answer) => {
    if (resource.job !== null) await endJob(deps.accounts, accountId, resource, kind.endOf(answer, resource));
  });
}
