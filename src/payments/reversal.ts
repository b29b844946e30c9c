import { HttpFault } from "../http/fault.ts";
import type { PaymentDeps } from "./deps.ts";
import { countLosses, openDisputes, saveDispute } from "./disputes.ts";
import { DONE, type Followed, IGNORED } from "./fulfil.ts";
import { openOrder } from "./order.ts";
import { isParked } from "./parked.ts";
import type { Disputed, Refunded, RefundFailed } from "./payment-event.ts";
import { type Payment, paymentIdOf, readPayment, saveReclaimed, saveRefunded } from "./store.ts";

/** Why an account is frozen while a payment of it is disputed. Winning the dispute undoes a freeze of just these words. */
const DISPUTED = "a payment is disputed";

const PARKED_TOO = { kind: "parked", reason: "payment_parked" } as const;

/** Money went back to whoever had paid: so do the credits, in proportion, as far as they were not used. */
export async function followRefund(deps: PaymentDeps, event: Refunded): Promise<Followed> {
  const { env, config } = deps.services;
  const id = paymentIdOf(event.providerId);
  if (await saveRefunded(env.DB, id, event.refunded)) return takeBack(deps, id);
  const order = openOrder(event.metadata, config.keySecret);
  if (!order) return IGNORED;
  if (await isParked(env.DB, id)) return { ...PARKED_TOO, accountId: order.accountId };
  throw new HttpFault(503, "payment_not_known_yet", "The payment that is paid back was not told of yet.");
}

/** A refund that failed gives no credits back by itself: whether the buyer still has the money is for a person to find out. */
export async function followFailedRefund(deps: PaymentDeps, { providerId }: RefundFailed): Promise<Followed> {
  const payment = await readPayment(deps.services.env.DB, paymentIdOf(providerId));
  if (!payment) return IGNORED;
  return { kind: "parked", reason: "refund_failed", accountId: payment.accountId };
}

/**
 * While a payment is disputed, paid use of its account stands still; included use goes on. A dispute that is won opens it
 * again; one that is lost takes the credits back and leaves the rest to a person.
 */
export async function followDispute(deps: PaymentDeps, event: Disputed): Promise<Followed> {
  const { env, accounts } = deps.services;
  const id = paymentIdOf(event.providerId);
  const payment = await readPayment(env.DB, id);
  // A dispute carries no order: it may be about somebody else's payment.
  if (!payment) return (await isParked(env.DB, id)) ? { ...PARKED_TOO, accountId: null } : IGNORED;
  const { accountId } = payment;
  const state = await saveDispute(env.DB, payment, event, deps.now());
  if (state === "open") await accounts.freeze(accountId, DISPUTED);
  if (state === "won") await unfreeze(deps, accountId);
  await deps.hooks.look(deps.services, accountId);
  return state === "lost" ? takeBack(deps, id) : DONE;
}

async function unfreeze({ services: { env, accounts } }: PaymentDeps, accountId: string): Promise<void> {
  if ((await openDisputes(env.DB, accountId)) > 0) return;
  await accounts.unfreeze(accountId, DISPUTED);
  // Another one may have been opened in between, and found the account frozen.
  if ((await openDisputes(env.DB, accountId)) > 0) await accounts.freeze(accountId, DISPUTED);
}

/** Takes back what goes with the money that is gone. Asked again, it only finds out what requests have returned since. */
export async function takeBack({ services }: PaymentDeps, id: string): Promise<Followed> {
  const { env, accounts } = services;
  const payment = await countLosses(env.DB, id);
  if (!payment) return IGNORED;
  const { accountId, grantId, amount, refunded, lost } = payment;
  const total = creditsFor(payment, Math.min(amount, refunded + lost));
  const reply = await accounts.reclaim(accountId, grantId, total, `Paid back: ${id}`);
  if (!reply) return { kind: "parked", reason: "grant_unknown", accountId };
  await saveReclaimed(env.DB, id, reply.grant.reclaimed ?? 0, reply.owed);
  return DONE;
}

/** The share of the credits that goes with a share of the money, rounded down: the buyer keeps the fraction. */
function creditsFor({ credits, amount }: Pick<Payment, "credits" | "amount">, money: number): number {
  return Number((BigInt(credits) * BigInt(money)) / BigInt(amount));
}
