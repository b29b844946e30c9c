import { AccountClient } from "../durable-objects/client.ts";
import type { JobMessage } from "../durable-objects/resource-commands.ts";
import { within } from "../durable-objects/within.ts";
import { consumeDeliveries } from "./alerts/deliver.ts";
import type { AlertMessage } from "./alerts/messages.ts";
import { keepAlerts, paymentHooks } from "./alerts/upkeep.ts";
import { createApp } from "./app.ts";
import { intentsBefore } from "./catalog/job-intents.ts";
import { accountOfJob } from "./catalog/jobs.ts";
import { accountObjects, type Env } from "./env.ts";
import { mintRequestId } from "./http/request-id.ts";
import { type Services, servicesOf } from "./http/services.ts";
import { consumeLedger } from "./ledger/consumer.ts";
import { consumeDeadLetters } from "./ledger/dead-letter.ts";
import { rootOf } from "./ledger/failure.ts";
import { askForTopUps, consumeTopUps, type TopUpMessage } from "./payments/auto-top-up/queue.ts";
import { keepPayments } from "./payments/upkeep.ts";
import { gatewayDeps } from "./proxy/gateway-deps.ts";
import { pollJobs } from "./proxy/jobs/poll.ts";
import { recoverVideos } from "./proxy/videos/recovery.ts";
import { pruneTables } from "./upkeep/pruning.ts";
import { reconcileMoved } from "./upkeep/reconciliation.ts";
import { sweepAccounts } from "./upkeep/sweeper.ts";

export { AccountObject } from "../durable-objects/account-object.ts";

const app = createApp();
/** An object that does not answer must not hold up the acknowledgement of what is in the ledger already. */
const CONFIRM_MS = 5_000;
const DEAD_LETTERS = /-dead$/;
const JOBS = /-jobs$/;
const TOP_UPS = /-top-ups$/;
const ALERTS = /-alerts$/;

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
    if (isOfTopUps(batch)) return topUp(batch, servicesOf(env));
    if (isOfAlerts(batch)) {
      return consumeDeliveries(batch, { db: env.DB, keySecret: servicesOf(env).config.keySecret, now });
    }
    const accounts = new AccountClient(accountObjects(env));
    const moved = new Set<string>();
    await consumeLedger(batch, {
      db: env.DB,
      now,
      confirm: (accountId, epoch, seqs) => {
        moved.add(accountId);
        return within(CONFIRM_MS, accounts.confirm(accountId, epoch, seqs));
      },
      freeze: (accountId, reason) => accounts.freeze(accountId, reason),
    });
    if (env.STRIPE_SECRET_KEY) await attempt("top_ups_unasked", () => askForTopUps(env, [...moved], now()));
  },

  async scheduled(controller, env, ctx) {
    const services = servicesOf(env);
    const videos = {
      gateway: gatewayDeps(services, (work) => ctx.waitUntil(work)),
      intentsBefore: (before: number, limit: number) => intentsBefore(env.DB, before, limit),
      isKnownJob: async (id: string) => (await accountOfJob(env.DB, id)) !== null,
      mintId: mintRequestId,
    };
    await attempt("accounts_unswept", () => sweepAccounts(env.DB, services.accounts, Date.now()));
    await attempt("accounts_unreconciled", () => reconcileMoved(services, controller.scheduledTime));
    await attempt("videos_unrecovered", () => recoverVideos(videos, controller.scheduledTime));
    const { stripe } = services.config;
    const payments = stripe && { services, stripe, hooks: paymentHooks, now: () => Date.now() };
    if (payments) await attempt("payments_unkept", () => keepPayments(payments, controller.scheduledTime));
    await attempt("alerts_unkept", () => keepAlerts(services, Date.now()));
    await attempt("tables_unpruned", () => pruneTables(env.DB, Date.now()));
  },
} satisfies ExportedHandler<Env, string | JobMessage | TopUpMessage | AlertMessage>;

async function topUp(batch: MessageBatch<TopUpMessage>, services: Services): Promise<void> {
  const { stripe } = services.config;
  if (stripe) await consumeTopUps(batch, { services, stripe, hooks: paymentHooks, now: () => Date.now() });
}

/** What fails here is made up for a minute later; it must not take along what comes after it. */
async function attempt(event: string, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(JSON.stringify({ event, message: String(rootOf(error)).slice(0, 500) }));
  }
}

function isOfJobs(batch: MessageBatch<unknown>): batch is MessageBatch<JobMessage> {
  return JOBS.test(batch.queue);
}

function isOfTopUps(batch: MessageBatch<unknown>): batch is MessageBatch<TopUpMessage> {
  return TOP_UPS.test(batch.queue);
}

function isOfAlerts(batch: MessageBatch<unknown>): batch is MessageBatch<AlertMessage> {
  return ALERTS.test(batch.queue);
}
