import { v7 } from "uuid";
import { followRates } from "../catalog/rate-lookup.ts";
import { readAccountIds } from "../catalog/read.ts";
import type { Services } from "../http/services.ts";
import { unaudited } from "../ledger/audited.ts";
import { type ReconcileDeps, reconcileRecent } from "../ledger/reconcile.ts";

const EVERY_MINUTES = 15;
const ACCOUNTS_MOST = 200;

/** Every quarter of an hour, checks what no audit has seen yet. */
export async function reconcileMoved(services: Services, scheduledAt: number): Promise<void> {
  if (new Date(scheduledAt).getUTCMinutes() % EVERY_MINUTES !== 0) return;
  const accounts = await unaudited(services.env.DB, ACCOUNTS_MOST);
  if (accounts.length > 0) await reconcileRecent(reconcileDeps(services), accounts);
}

/** What a reconciliation needs: every old rate, and the objects' own word. */
export function reconcileDeps({ env, accounts }: Services): ReconcileDeps {
  const rates = followRates(env.DB);
  return {
    db: env.DB,
    rateOf: rates.rateOf,
    headOf: async (accountId) => {
      // What is due is sent first, so that less of it is on its way.
      await accounts.wake(accountId);
      const head = await accounts.head(accountId);
      if (!head) throw new Error("the account has no object");
      // Prices may change while it runs: what the object has charged by now was priced by a version that is there by now.
      await rates.follow();
      return head;
    },
    freeze: async (accountId, first) => {
      console.error(JSON.stringify({ event: "ledger_difference", ...first }));
      const { rule, seq, subject, expected, found } = first;
      await accounts.freeze(
        accountId,
        `${rule} at ${seq}: ${subject}: expected ${expected}, found ${found}`.slice(0, 500),
      );
    },
    accountsAfter: (after, limit) => readAccountIds(env.DB, after, limit),
    newId: () => `rec_${v7().replaceAll("-", "")}`,
    now: () => Date.now(),
  };
}
