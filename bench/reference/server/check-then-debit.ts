import type { Pool } from "pg";
import type { Accounting } from "./accounting.ts";

/** One statement, so one transaction and one round trip: the cheapest form that this can have. */
const DEBIT = `
WITH used AS (
  INSERT INTO usage_events (request_id, account, model, input_tokens, output_tokens)
  VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING request_id
), charged AS (
  INSERT INTO charges (request_id, account, amount) SELECT request_id, $2, $6::bigint FROM used RETURNING amount
), moved AS (
  UPDATE balances SET balance = balance - amount, seq = seq + 1 FROM charged WHERE account = $2
  RETURNING seq, balance, amount
)
INSERT INTO balance_updates (account, seq, request_id, delta, balance)
SELECT $2, seq, $1, -amount, balance FROM moved`;

/**
 * The usual way: look at the balance (a copy in Redis), let the request through, debit it afterwards. Requests that run
 * at the same time all see the same balance.
 */
export function checkThenDebit(pool: Pool): Accounting {
  return {
    checksCachedBalance: true,
    hold: async () => "held",
    async settle({ requestId, account, model }, usage, price) {
      const values = [requestId, account, model, usage.input_tokens, usage.output_tokens, price];
      const { rowCount } = await pool.query({ name: "debit", text: DEBIT, values });
      return rowCount === 1 ? price : 0;
    },
    release: async () => undefined,
  };
}
