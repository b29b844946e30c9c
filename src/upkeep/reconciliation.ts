import { v7 } from "uuid";
import { readRateLookup } from "../catalog/rate-lookup.ts";
import { readAccountIds } from "../catalog/read.ts";
import type { Services } from "../http/services.ts";
import type { ReconcileDeps } from "../ledger/reconcile.ts";

/** What a reconciliation needs: every old rate, and the objects' own word. */
export async function reconcileDeps({ env, accounts }: Services): Promise<ReconcileDeps> {
  return {
    db: env.DB,
    rateOf: await readRateLookup(env.DB),
    headOf: async (accountId) => {
      // What is due is sent first, so that less of it is on its way.
      await accounts.wake(accountId);
      const head = await accounts.head(accountId);
      if (!head) throw new Error("the account has no object");
      return head;
    },
    freeze: async (accountId, first) => {
      console.error(JSON.stringify({ event: "ledger_difference", ...first }));
      await accounts.freeze(accountId);
    },
    accountsAfter: (after, limit) => readAccountIds(env.DB, after, limit),
    newId: () => `rec_${v7().replaceAll("-", "")}`,
    now: () => Date.now(),
  };
}
