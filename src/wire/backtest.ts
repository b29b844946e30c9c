import { formatCredits, sum } from "../core/amount.ts";
import type { AccountBacktest } from "../core/backtest.ts";
import type { Paid } from "../core/past-usage.ts";

function paidWire({ charged, allowances, grants, overshoot }: Paid) {
  return {
    charged: formatCredits(charged),
    allowances: formatCredits(allowances),
    grants: formatCredits(grants),
    overshoot: formatCredits(overshoot),
  };
}

/** What one account paid and would have paid. `difference` is what the grants would have paid more. */
export function accountBacktestWire({ accountId, requests, before, after, ...denied }: AccountBacktest) {
  return {
    account: accountId,
    requests,
    before: paidWire(before),
    after: paidWire(after),
    difference: formatCredits(after.grants - before.grants),
    denied_before: denied.deniedBefore,
    denied_after: sum(Object.values(denied.deniedAfter)),
    denied_after_by_reason: denied.deniedAfter,
  };
}

export type AccountBacktestWire = ReturnType<typeof accountBacktestWire>;

/** The same for all of them together, with how many would be better or worse off. */
export function backtestTotalsWire(results: readonly AccountBacktest[]) {
  const all = (of: (result: AccountBacktest) => number): number => sum(results.map(of));
  const more = ({ before, after }: AccountBacktest): number => after.grants - before.grants;
  const paid = (of: (result: AccountBacktest) => Paid) =>
    paidWire({
      charged: all((result) => of(result).charged),
      allowances: all((result) => of(result).allowances),
      grants: all((result) => of(result).grants),
      overshoot: all((result) => of(result).overshoot),
    });
  return {
    requests: all(({ requests }) => requests),
    before: paid(({ before }) => before),
    after: paid(({ after }) => after),
    difference: formatCredits(all(more)),
    denied_before: all(({ deniedBefore }) => deniedBefore),
    denied_after: all(({ deniedAfter }) => sum(Object.values(deniedAfter))),
    accounts_paying_more: results.filter((result) => more(result) > 0).length,
    accounts_paying_less: results.filter((result) => more(result) < 0).length,
    accounts_denied: results.filter(({ deniedAfter }) => Object.keys(deniedAfter).length > 0).length,
  };
}

export type BacktestTotalsWire = ReturnType<typeof backtestTotalsWire>;
