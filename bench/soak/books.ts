import { micro } from "./prices.ts";
import type { Service } from "./service.ts";

/** What the ledger says of one account. Amounts are micro-credits. */
export interface AccountBooks {
  readonly account: string;
  readonly status: string;
  /** Requests that ended, with what each was charged; a request that stands there twice is one too many. */
  readonly requests: readonly { readonly requestId: string; readonly outcome: string; readonly charge: number }[];
  /** The sum of each kind of balance update. */
  readonly kinds: ReadonlyMap<string, number>;
  /** The sum of all changes of the balance. */
  readonly deltas: number;
  /** What the account's object says of itself. */
  readonly available: number;
  readonly reserved: number;
  readonly used: number;
}

const PAGE = { limit: 500 };

export async function readBooks({ admin }: Service, account: string): Promise<AccountBooks> {
  const { accounts } = admin;
  const [usage, charges, updates, shown] = [
    await accounts.usageEvents(account, PAGE).all(),
    await accounts.monetizationEvents(account, PAGE).all(),
    await accounts.balanceUpdates(account, PAGE).all(),
    await accounts.get(account),
  ];
  const chargeOf = new Map(charges.map(({ usage_event, amount }) => [usage_event, micro(amount)]));
  const kinds = new Map<string, number>();
  for (const { kind, amount } of updates) kinds.set(kind, (kinds.get(kind) ?? 0) + micro(amount));
  return {
    account,
    status: shown.status,
    requests: usage
      // One event stands for all refusals of a minute.
      .filter(({ outcome }) => outcome !== "denied")
      .map(({ id, request_id, outcome }) => ({ requestId: request_id, outcome, charge: chargeOf.get(id) ?? 0 })),
    kinds,
    deltas: updates.reduce((sum, { delta }) => sum + micro(delta), 0),
    available: micro(shown.credits.available),
    reserved: micro(shown.credits.reserved),
    used: micro(shown.credits.used),
  };
}
