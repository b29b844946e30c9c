import type { Env } from "../../env.ts";
import { retryDelay, rootOf } from "../../ledger/failure.ts";
import type { PaymentDeps } from "../deps.ts";
import { topUpIfDue } from "./purchase.ts";
import { accountsBelow } from "./store.ts";

/** Asks to look whether an account should buy credits. It may be lost or come twice. */
export interface TopUpMessage {
  readonly v: 1;
  readonly accountId: string;
}

const ACCOUNTS_MOST = 100;

/**
 * Asks for a look at accounts that have fallen below their thresholds: those whose balance has just moved or, with `null`,
 * all, so that a message that was lost is made up for.
 */
export async function askForTopUps(
  { DB, TOP_UP_QUEUE }: Pick<Env, "DB" | "TOP_UP_QUEUE">,
  accountIds: readonly string[] | null,
  now: number,
): Promise<void> {
  const below = await accountsBelow(DB, accountIds, now, ACCOUNTS_MOST);
  if (below.length === 0) return;
  const bodies = below.map((accountId): TopUpMessage => ({ v: 1, accountId }));
  await TOP_UP_QUEUE.sendBatch(bodies.map((body) => ({ body, contentType: "json" })));
}

export async function consumeTopUps(batch: MessageBatch<TopUpMessage>, deps: PaymentDeps): Promise<void> {
  for (const message of batch.messages) {
    try {
      await topUpIfDue(deps, message.body.accountId);
      message.ack();
    } catch (error) {
      const account = message.body.accountId;
      console.error(JSON.stringify({ event: "top_up_failed", account, message: String(rootOf(error)).slice(0, 500) }));
      message.retry({ delaySeconds: retryDelay(message.attempts, "transient", Math.random()) });
    }
  }
}
