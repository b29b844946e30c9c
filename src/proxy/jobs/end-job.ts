import type { AccountClient } from "../../../durable-objects/client.ts";
import type { JobRef } from "../../../durable-objects/resource-commands.ts";
import type { JobEnd } from "./job-kind.ts";

/**
 * Ends a job's reservation as its state says. Whoever sees the end first settles it (a reader, a poll, a webhook), and
 * everybody after that gets the same settlement: repeating this is harmless.
 */
export async function endJob(
  accounts: AccountClient,
  accountId: string,
  { requestId, attempt }: JobRef,
  end: JobEnd,
): Promise<void> {
  if (end.kind === "open") return;
  const { kind } =
    end.kind === "settle"
      ? await accounts.settle(accountId, {
          requestId,
          attempt,
          report: end.report,
          ...(end.made ? { made: end.made } : {}),
        })
      : await accounts.release(accountId, { requestId, attempt, outcome: end.outcome });
  if (kind === "unknown" || kind === "fenced") {
    console.error(JSON.stringify({ event: "job_not_ended", account: accountId, request: requestId, message: kind }));
  }
}
