import type { Pool } from "pg";
import type { Accounting } from "./accounting.ts";

const RESERVE = `
WITH held AS (
  UPDATE balances SET reserved = reserved + $3::bigint
  WHERE account = $2 AND balance - reserved >= $3::bigint AND NOT EXISTS (SELECT FROM reservations WHERE request_id = $1)
  RETURNING account
)
INSERT INTO reservations (request_id, account, amount, expires_at)
SELECT $1, account, $3::bigint, now() + $4 * interval '1 millisecond' FROM held`;

const WAS_REPEATED = "SELECT FROM reservations WHERE request_id = $1";

/** Charges no more than was reserved: what upstream reports beyond that is the operator's loss, as with Spillway. */
const SETTLE = `
WITH ended AS (
  UPDATE reservations SET state = 'settled' WHERE request_id = $1 AND state = 'pending' RETURNING amount
), used AS (
  INSERT INTO usage_events (request_id, account, model, input_tokens, output_tokens)
  SELECT $1, $2, $3, $4, $5 FROM ended
), charged AS (
  INSERT INTO charges (request_id, account, amount) SELECT $1, $2, least(amount, $6::bigint) FROM ended RETURNING amount
), moved AS (
  UPDATE balances SET balance = balance - charged.amount, reserved = reserved - ended.amount, seq = seq + 1
  FROM ended, charged WHERE account = $2 RETURNING seq, balance, charged.amount
)
INSERT INTO balance_updates (account, seq, request_id, delta, balance)
SELECT $2, seq, $1, -amount, balance FROM moved RETURNING -delta AS charged`;

const RELEASE = `
WITH ended AS (
  UPDATE reservations SET state = 'released' WHERE request_id = $1 AND state = 'pending' RETURNING amount
)
UPDATE balances SET reserved = reserved - amount FROM ended WHERE account = $2`;

const EXPIRE = `
WITH ended AS (
  UPDATE reservations SET state = 'expired' WHERE state = 'pending' AND expires_at < now() RETURNING account, amount
), sums AS (SELECT account, sum(amount) AS amount FROM ended GROUP BY account)
UPDATE balances SET reserved = reserved - sums.amount FROM sums WHERE balances.account = sums.account`;

const UNIQUE_VIOLATION = "23505";

/**
 * The careful way: the most that a request can cost is reserved before it goes on, in a transaction of its own, and
 * settled in another one. Each is one statement, the cheapest form that it can have.
 */
export function reserveAndSettle(pool: Pool, holdMs: number): Accounting {
  return {
    checksCachedBalance: false,
    async hold({ requestId, account, ceiling }) {
      try {
        const values = [requestId, account, ceiling, holdMs];
        const { rowCount } = await pool.query({ name: "reserve", text: RESERVE, values });
        if (rowCount === 1) return "held";
        const earlier = await pool.query({ name: "was-repeated", text: WAS_REPEATED, values: [requestId] });
        return earlier.rowCount === 0 ? "no_credits" : "repeated";
      } catch (error) {
        // The same request twice at the same moment.
        if (error instanceof Error && "code" in error && error.code === UNIQUE_VIOLATION) return "repeated";
        throw error;
      }
    },
    async settle({ requestId, account, model }, usage, price) {
      const values = [requestId, account, model, usage.input_tokens, usage.output_tokens, price];
      const { rows } = await pool.query<{ charged: string }>({ name: "settle", text: SETTLE, values });
      return Number(rows[0]?.charged ?? 0);
    },
    async release({ requestId, account }) {
      await pool.query({ name: "release", text: RELEASE, values: [requestId, account] });
    },
  };
}

/** Gives back what was reserved by requests whose server died. Their usage is not known and not charged. */
export async function expireReservations(pool: Pool): Promise<void> {
  await pool.query({ name: "expire", text: EXPIRE });
}
