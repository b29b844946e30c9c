import { AccountClient } from "../durable-objects/client.ts";
import type { JobMessage } from "../durable-objects/commands.ts";
import { within } from "../durable-objects/within.ts";
import { createApp } from "./app.ts";
import { intentsBefore } from "./catalog/job-intents.ts";
import { accountOfJob } from "./catalog/jobs.ts";
import type { LedgerMessage } from "./core/ledger-message.ts";
import type { Env } from "./env.ts";
import { mintRequestId } from "./http/request-id.ts";
import { servicesOf } from "./http/services.ts";
import { consumeLedger } from "./ledger/consumer.ts";
import { consumeDeadLetters } from "./ledger/dead-letter.ts";
import { gatewayDeps } from "./proxy/gateway-deps.ts";
import { pollJobs } from "./proxy/jobs/poll.ts";
import { recoverVideos } from "./proxy/videos/recovery.ts";
import { reconcileMoved } from "./upkeep/reconciliation.ts";
import { sweepAccounts } from "./upkeep/sweeper.ts";

export { AccountObject } from "../durable-objects/account-object.ts";

const app = createApp();
/** An object that does not answer must not hold up the acknowledgement of what is in the ledger already. */
const CONFIRM_MS = 5_000;
const DEAD_LETTERS = /-dead$/;
const JOBS = /-jobs$/;

export default {
  fetch: app.fetch,

  async queue(batch, env, ctx) {
    const now = () => Date.now();
    if (DEAD_LETTERS.test(batch.queue)) return consumeDeadLetters(batch, { db: env.DB, now });
    if (isOfJobs(batch))
      return pollJobs(
        batch,
        gatewayDeps(servicesOf(env), (work) => ctx.waitUntil(work)),
        mintRequestId,
      );
    const accounts = new AccountClient(env.ACCOUNTS);
    await consumeLedger(batch, {
      db: env.DB,
      now,
      confirm: (accountId, epoch, seqs) => within(CONFIRM_MS, accounts.confirm(accountId, epoch, seqs)),
      freeze: (accountId, reason) => accounts.freeze(accountId, reason),
    });
  },

  async scheduled(controller, env, ctx) {
    const services = servicesOf(env);
    await sweepAccounts(env.DB, services.accounts);
    await reconcileMoved(services, controller.scheduledTime);
    await recoverVideos(
      {
        gateway: gatewayDeps(services, (work) => ctx.waitUntil(work)),
        intentsBefore: (before, limit) => intentsBefore(env.DB, before, limit),
        isKnownJob: async (id) => (await accountOfJob(env.DB, id)) !== null,
        mintId: mintRequestId,
      },
      controller.scheduledTime,
    );
  },
} satisfies ExportedHandler<Env, LedgerMessage | JobMessage>;

function isOfJobs(batch: MessageBatch<unknown>): batch is MessageBatch<JobMessage> {
  return JOBS.test(batch.queue);
}
