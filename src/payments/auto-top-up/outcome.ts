import { formatCredits } from "../../core/amount.ts";
import type { PaymentDeps } from "../deps.ts";
import type { Order } from "../order.ts";
import { endFailed, endSucceeded } from "./store.ts";

const FAILURES_MOST = 3;
const PAUSE_MS = 3_600_000;

/** The money of an automatic purchase has arrived, and its credits are granted. */
export async function topUpSucceeded(deps: PaymentDeps, topUpId: string, order: Order): Promise<void> {
  const { accountId, credits, amount, currency } = order;
  await endSucceeded(deps.services.env.DB, topUpId, deps.now());
  await deps.hooks.tell(deps.services, {
    rule: "top_up_succeeded",
    accountId,
    instance: topUpId,
    message: `${formatCredits(credits)} credits were bought automatically.`,
    data: { top_up: topUpId, credits: formatCredits(credits), amount, currency },
  });
}

/** An automatic purchase failed. After some in a row there are no more until somebody sets them again. */
export async function topUpFailed(deps: PaymentDeps, topUpId: string, reason: string): Promise<void> {
  const failure = { reason, at: deps.now(), most: FAILURES_MOST, pauseMs: PAUSE_MS };
  const topUp = await endFailed(deps.services.env.DB, topUpId, failure);
  if (topUp?.state !== "failed") return;
  await deps.hooks.tell(deps.services, {
    rule: "top_up_failed",
    accountId: topUp.accountId,
    instance: topUpId,
    message: `An automatic purchase of credits failed: ${reason.replaceAll("_", " ")}.`,
    data: { top_up: topUpId, reason, amount: topUp.amount, currency: topUp.currency },
  });
}
