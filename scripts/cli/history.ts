import type { Listing, PageQuery } from "../../client/listing.ts";
import type { BalanceUpdate, Receipt, UsageEvent, UsageTotal } from "../../client/types.ts";
import type { UsageQuery } from "../../client/usage-query.ts";
import type { Tool } from "./tool.ts";

/** What an account did and what came of it, whoever asks. */
export interface History {
  requests(query?: PageQuery): Listing<UsageEvent>;
  receipt(requestId: string): Promise<Receipt>;
  ledger(query?: PageQuery): Listing<BalanceUpdate>;
  usage(query: UsageQuery): Promise<readonly UsageTotal[]>;
}

export interface AccountOption {
  readonly account?: string;
}

export const ACCOUNT_OPTION = [
  "--account <id>",
  "of this account, asked as the operator; without it, of the key's own",
] as const;

/** The history of an account for the operator, or else of the account whose key is known. */
export async function historyOf(tool: Tool, { account }: AccountOption): Promise<History> {
  if (account === undefined) return tool.holder();
  const { accounts } = await tool.operator();
  return {
    requests: (query) => accounts.usageEvents(account, query),
    receipt: (requestId) => accounts.receipt(account, requestId),
    ledger: (query) => accounts.balanceUpdates(account, query),
    usage: (query) => accounts.usage(account, query),
  };
}
