import { formatCredits } from "../core/amount.ts";
import { PAYMENT_REASON } from "./fulfil.ts";

/** What is paid now may still be on its way to the ledger. */
const ON_ITS_WAY_MS = 15 * 60_000;
const LISTED = 200;

/** A payment and its grant that do not fit. */
export interface PaymentDifference {
  readonly account: string;
  readonly payment: string | null;
  readonly grant: string;
  readonly subject: string;
  readonly expected: string;
  readonly found: string;
}

interface Row {
  account: string;
  payment: string | null;
  grant_id: string;
  expected: number;
  found: number;
}

/* Grants are found by the partial index `refunds_by_cause`, whose condition has to be there as it stands. */

/** Every payment that has arrived has its grant in the ledger, of just its credits. */
const GRANTED = `SELECT p.account_id AS account, p.id AS payment, p.grant_id, p.credits AS expected,
    coalesce(sum(b.amount), 0) AS found
  FROM payments p LEFT JOIN balance_updates b INDEXED BY refunds_by_cause
    ON b.account_id = p.account_id AND b.cause = p.grant_id AND b.kind = 'grant' AND b.kind IN ('refund', 'grant')
  WHERE p.state = 'paid' AND p.paid_at < ?1
  GROUP BY p.id HAVING found <> expected LIMIT ?2`;

/** Every grant that says it was paid for has its payment. */
const PAID = `SELECT b.account_id AS account, NULL AS payment, b.source AS grant_id, 0 AS expected, b.amount AS found
  FROM balance_updates b INDEXED BY refunds_by_cause LEFT JOIN payments p ON p.grant_id = b.cause AND p.account_id = b.account_id AND p.state = 'paid'
  WHERE b.kind IN ('refund', 'grant') AND b.kind = 'grant' AND b.detail ->> '$.reason' LIKE ?3 ESCAPE '!' AND b.at < ?1 AND p.id IS NULL LIMIT ?2`;

/** What was paid back has been taken back, but for what was used. */
const TAKEN_BACK = `SELECT p.account_id AS account, p.id AS payment, p.grant_id, p.reclaimed - p.shortfall AS expected,
    coalesce(sum(b.amount), 0) AS found
  FROM payments p LEFT JOIN balance_updates b
    ON b.account_id = p.account_id AND b.source = p.grant_id AND b.kind IN ('void', 'expiry') AND b.at < ?1
  WHERE p.reclaimed > 0 AND p.paid_at < ?1
  GROUP BY p.id HAVING found < expected LIMIT ?2`;

const TOTALS = `SELECT count(*) AS payments, coalesce(sum(credits), 0) AS credits, coalesce(sum(reclaimed), 0) AS reclaimed,
    coalesce(sum(shortfall), 0) AS shortfall FROM payments WHERE state = 'paid'`;

/** Holds payments and the ledger's grants against one another, both ways. Corrects nothing. */
export async function checkPayments(db: D1Database, now: number) {
  const before = now - ON_ITS_WAY_MS;
  const read = async (sql: string, subject: string, ...more: string[]): Promise<PaymentDifference[]> => {
    const { results } = await db
      .prepare(sql)
      .bind(before, LISTED, ...more)
      .all<Row>();
    return results.map(({ account, payment, grant_id: grant, expected, found }) => {
      return { account, payment, grant, subject, expected: formatCredits(expected), found: formatCredits(found) };
    });
  };
  const differences = [
    ...(await read(GRANTED, "credits that the ledger grants for the payment")),
    ...(await read(PAID, "grant without a payment", `${PAYMENT_REASON}pay!_%`)),
    ...(await read(TAKEN_BACK, "credits that the ledger takes back for the payment")),
  ];
  const totals = await db.prepare(TOTALS).first<Record<"payments" | "credits" | "reclaimed" | "shortfall", number>>();
  return {
    checked: {
      payments: totals?.payments ?? 0,
      credits: formatCredits(totals?.credits ?? 0),
      reclaimed: formatCredits(totals?.reclaimed ?? 0),
      shortfall: formatCredits(totals?.shortfall ?? 0),
    },
    differences,
  };
}
