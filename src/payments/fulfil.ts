import type { GrantCommand } from "../core/granting.ts";
import { saveMethod } from "./auto-top-up/methods.ts";
import { topUpFailed, topUpSucceeded } from "./auto-top-up/outcome.ts";
import { isCurrency } from "./body-schemas.ts";
import type { PaymentDeps } from "./deps.ts";
import { type Order, openOrder } from "./order.ts";
import type { Paid, Unpaid } from "./payment-event.ts";
import { grantIdOf, paymentIdOf, saveFailed, savePaid, savePending } from "./store.ts";

/**
 * What an event came to. `parked`: nothing that this gateway may do about it is right, and a person has to look. Whatever
 * may succeed later is thrown, so that the provider tells it again.
 */
export type Followed =
  | { readonly kind: "done" }
  | { readonly kind: "ignored" }
  | { readonly kind: "parked"; readonly reason: string; readonly accountId: string | null };

export const DONE: Followed = { kind: "done" };
export const IGNORED: Followed = { kind: "ignored" };

const PRIORITY = 50;

/**
 * Grants what was paid for, on the account's object and only then in the books: from the moment of its answer the credits
 * can be used, and a repetition of any part changes nothing.
 */
export async function fulfil(deps: PaymentDeps, paid: Paid): Promise<Followed> {
  const { services, now } = deps;
  const { accounts, config, env } = services;
  const order = openOrder(paid.metadata, config.keySecret);
  const reason = order ? mistake(order, paid) : "seal_broken";
  if (!order || reason !== null) {
    return { kind: "parked", reason: reason ?? "seal_broken", accountId: order?.accountId ?? null };
  }
  const { accountId } = order;
  const account = await accounts.describe(accountId);
  if (!account) return { kind: "parked", reason: "account_unknown", accountId };
  // Of what was granted already only the books are behind.
  const isGranted = account.grants.some(({ id }) => id === grantIdOf(paid.providerId));
  if (account.status === "suspended" && !isGranted) return { kind: "parked", reason: "account_closed", accountId };
  const reply = await accounts.grant(accountId, grantFor(order, paid.providerId, now()));
  if (reply.kind !== "granted") return { kind: "parked", reason: `not_granted_${reply.kind}`, accountId };
  await savePaid(env.DB, paid.providerId, order, now());
  if (paid.method) await saveMethod(env.DB, accountId, paid.method, now());
  if (order.topUpId !== null) await topUpSucceeded(deps, order.topUpId, order);
  return DONE;
}

/** Money that is on its way, or will not come. Nothing is granted. */
export async function noteUnpaid(deps: PaymentDeps, { kind, providerId, metadata, reason }: Unpaid): Promise<Followed> {
  const { config, env } = deps.services;
  const order = openOrder(metadata, config.keySecret);
  if (!order) return IGNORED;
  if (kind === "pending") await savePending(env.DB, providerId, order, deps.now());
  else await saveFailed(env.DB, providerId);
  if (kind === "failed" && order.topUpId !== null) await topUpFailed(deps, order.topUpId, reason);
  return DONE;
}

/** Why the money is not what was asked for; `null` when it is. */
function mistake(order: Order, { amount, currency }: Paid): string | null {
  if (!Number.isSafeInteger(amount) || amount <= 0) return "amount_invalid";
  if (!isCurrency(currency)) return "currency_unknown";
  if (currency !== order.currency) return "currency_differs";
  return amount === order.amount ? null : "amount_differs";
}

/** The words by which the ledger tells a grant that a payment made. */
export const PAYMENT_REASON = "Payment ";

function grantFor({ credits }: Order, providerId: string, now: number): GrantCommand {
  return {
    id: grantIdOf(providerId),
    kind: "paid",
    amount: credits,
    priority: PRIORITY,
    effectiveAt: now,
    expiresAt: null,
    features: null,
    reason: PAYMENT_REASON + paymentIdOf(providerId),
  };
}
