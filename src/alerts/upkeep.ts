import type { Services } from "../http/services.ts";
import type { Alert } from "./alert.ts";
import { overdueDeliveries } from "./deliveries.ts";
import { askToDeliver } from "./messages.ts";
import { pruneAlerts } from "./pruning.ts";
import { raise } from "./raise.ts";
import { readSettings } from "./settings.ts";
import { watchMoved, watchSoon } from "./watch.ts";

/** A message of the queue that has not been acted on by then is taken for lost. */
const LOST_MS = 60_000;
const DELIVERIES_PER_RUN = 500;

/** Every minute: a look at what has moved, at deliveries whose message was lost, and at what is of no use any more. */
export async function keepAlerts(services: Services, now: number): Promise<void> {
  await watchMoved(services, now);
  const { DB, ALERT_QUEUE } = services.env;
  await askToDeliver(ALERT_QUEUE, await overdueDeliveries(DB, now - LOST_MS, DELIVERIES_PER_RUN));
  await pruneAlerts(DB, now);
}

/** Tells of something that another part of the gateway has seen, unless the account does not want to hear it. */
async function tell({ env }: Services, alert: Alert): Promise<void> {
  const { accountId, rule } = alert;
  if (accountId !== null && rule.startsWith("top_up")) {
    const { settings } = await readSettings(env.DB, accountId);
    if (!settings.top_ups) return;
  }
  await raise(env, alert, Date.now());
}

/** What is to be heard of payments. */
export const paymentHooks = {
  tell,
  look: ({ env }: Services, accountId: string): Promise<void> => watchSoon(env.DB, accountId, Date.now()),
};
