import { and, eq, gt } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { askForTopUps } from "./auto-top-up/queue.ts";
import { checkPayments } from "./check.ts";
import type { PaymentDeps } from "./deps.ts";
import { takeBack } from "./reversal.ts";
import { payments } from "./schema.ts";

const SHORT_MOST = 50;

/** What payments need from time to time: every minute a look for top-ups, every hour a check of the books. */
export async function keepPayments(deps: PaymentDeps, scheduledAt: number): Promise<void> {
  await askForTopUps(deps.services.env, null, deps.now());
  if (new Date(scheduledAt).getUTCMinutes() !== 0) return;
  await retakeShort(deps);
  const { differences } = await checkPayments(deps.services.env.DB, deps.now());
  const [first] = differences;
  if (!first) return;
  console.error(JSON.stringify({ event: "payments_differ", ...first }));
  await deps.hooks.tell(deps.services, {
    rule: "payments_differ",
    accountId: null,
    instance: `${first.grant}|${first.subject}|${first.found}`,
    message: "Payments and the ledger's grants do not fit one another.",
    data: { differences: differences.length, ...first },
  });
}

/** What requests held when their payment was paid back is taken when they end: the books learn of it here. */
async function retakeShort(deps: PaymentDeps): Promise<void> {
  const short = await drizzle(deps.services.env.DB)
    .select({ id: payments.id })
    .from(payments)
    .where(and(eq(payments.state, "paid"), gt(payments.shortfall, 0), gt(payments.paidAt, deps.now() - DAYS_180_MS)))
    .limit(SHORT_MOST);
  for (const { id } of short) await takeBack(deps, id);
}

const DAYS_180_MS = 180 * 24 * 3_600_000;
