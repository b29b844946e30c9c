import { forgetJobs, forgetWebhookEvents } from "../catalog/jobs.ts";
import { dropReconciliations } from "../ledger/reconciliations.ts";

const DAY_MS = 24 * 3_600_000;
/** Providers repeat a webhook for some days, and no job takes weeks. */
const JOBS_KEPT_MS = 90 * DAY_MS;
/** An operator may want to show a year of audits. */
const RECONCILIATIONS_KEPT_MS = 400 * DAY_MS;
const ROWS_PER_RUN = 500;

/** Removes some rows that have helped once and never will again, so that their tables do not grow for ever. */
export async function pruneTables(db: D1Database, now: number): Promise<void> {
  await forgetJobs(db, now - JOBS_KEPT_MS, ROWS_PER_RUN);
  await forgetWebhookEvents(db, now - JOBS_KEPT_MS, ROWS_PER_RUN);
  await dropReconciliations(db, now - RECONCILIATIONS_KEPT_MS, ROWS_PER_RUN);
}
