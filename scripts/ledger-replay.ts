import type { DatabaseSync } from "node:sqlite";
import type { RateLookup } from "../src/core/audit.ts";
import type { UsageEvent, UsageOutcome } from "../src/core/event.ts";
import { price } from "../src/core/rate-card.ts";
import type { Usage } from "../src/core/usage.ts";

/**
 * A ledger to replay: a connection whose schema `ledger` has the three datasets and the balances of D1, and whose own
 * schema is free for scratch tables.
 */
export interface ReplaySource {
  readonly database: DatabaseSync;
  readonly rateOf: RateLookup;
}

/** One thing that the replay makes otherwise than the ledger has it. Amounts are micro-credits. */
export interface ReplayDifference {
  readonly seq: number;
  readonly subject: string;
  readonly replayed: string;
  readonly ledger: string;
}

/** What the replay of one account came to. Amounts are micro-credits. */
export interface AccountReplay {
  readonly account: string;
  readonly usageEvents: number;
  /** All charges, replayed and as the ledger has them. */
  readonly charges: { readonly replayed: number; readonly ledger: number };
  readonly balance: { readonly replayed: number; readonly ledger: number };
  /** In the order of sequence numbers; what concerns no entry comes last. */
  readonly differences: readonly ReplayDifference[];
}

/** Differences kept for each account: the first is what matters. */
const KEPT = 100;

const SCRATCH = `
  DROP TABLE IF EXISTS temp.charges;
  DROP TABLE IF EXISTS temp.moves;
  CREATE TABLE temp.charges (
    id TEXT PRIMARY KEY, epoch INTEGER, seq INTEGER, card_id TEXT, card_version INTEGER, model TEXT, amount INTEGER
  ) STRICT;
  CREATE TABLE temp.moves (epoch INTEGER, seq INTEGER, delta INTEGER) STRICT;
`;

/** The accounts of a ledger, in the order of their ids. */
export function accountsOf({ database }: ReplaySource): string[] {
  const rows = database.prepare("SELECT account_id FROM ledger.balances ORDER BY account_id").all();
  return rows.map((row) => String(row.account_id));
}

/**
 * Rebuilds the charges of one account from its usage events and the rate cards alone, and its balance from those charges
 * and from what no request caused (grants, expiries, voids, refunds). What of a charge was included use or overshoot is
 * taken from the ledger: windows and plans are not in it. The ledger's monetization events and debits are not used; the
 * result is held against them.
 */
export function replayAccount(source: ReplaySource, account: string): AccountReplay {
  const { database } = source;
  database.exec(SCRATCH);
  const unpriced: ReplayDifference[] = [];
  const usageEvents = rebuildCharges(source, account, unpriced);
  database.prepare(MOVES).run({ account });
  const ledger = numbers(database.prepare(LEDGER_SUMS).get({ account }));
  const replayed = numbers(database.prepare(REPLAYED_SUMS).get());
  const differences = [
    ...unpriced.splice(0, KEPT),
    ...differing(database, CHARGES_DIFFER, account),
    ...differing(database, DEBITS_DIFFER, account),
  ].sort((a, b) => a.seq - b.seq);
  const balance = { replayed: replayed.balance, ledger: ledger.balance };
  if (balance.replayed !== balance.ledger) {
    differences.push({ seq: 0, subject: "balance", replayed: `${balance.replayed}`, ledger: `${balance.ledger}` });
  }
  return {
    account,
    usageEvents,
    charges: { replayed: replayed.charges, ledger: ledger.charges },
    balance,
    differences,
  };
}

const USAGE = `SELECT id, epoch, seq, model, outcome, estimated, usage, decision FROM ledger.usage_events
  WHERE account_id = $account ORDER BY epoch, seq`;

function rebuildCharges({ database, rateOf }: ReplaySource, account: string, unpriced: ReplayDifference[]): number {
  const insert = database.prepare("INSERT INTO temp.charges VALUES (?, ?, ?, ?, ?, ?, ?)");
  const earlier = earlierOf(database, account);
  let count = 0;
  for (const row of database.prepare(USAGE).iterate({ account })) {
    count += 1;
    const event = eventOf(row);
    if (event.outcome === "denied") continue;
    const { id, version } = event.decision.rateCard;
    const amount = chargeOf(event, rateOf, earlier);
    if (amount === null) {
      const subject = `${event.id}: no rate for ${event.model} on ${id}@${version} that prices its usage`;
      unpriced.push({ seq: event.seq, subject, replayed: "none", ledger: "unknown" });
    }
    insert.run(chargeId(event.id), event.epoch, event.seq, id, version, event.model, amount ?? 0);
  }
  return count;
}

interface ReplayedEvent extends Pick<UsageEvent, "id" | "model" | "outcome" | "estimated" | "usage" | "decision"> {
  readonly epoch: number;
  readonly seq: number;
}

function eventOf(row: Record<string, unknown>): ReplayedEvent {
  return {
    id: String(row.id),
    epoch: Number(row.epoch),
    seq: Number(row.seq),
    model: String(row.model),
    outcome: String(row.outcome) as UsageOutcome,
    estimated: row.estimated === 1,
    usage: JSON.parse(String(row.usage)) as Usage,
    decision: JSON.parse(String(row.decision)) as UsageEvent["decision"],
  };
}

function chargeId(usageId: string): string {
  return usageId.replace(/^use_/, "mon_");
}

/** What is known of a request when a further event of it is replayed. Usage events are named by the one of its end. */
interface Earlier {
  /** The events of its end before `event`: the first, and a late one. */
  ends(usageId: string, event: ReplayedEvent): ReplayedEvent[];
  /** What its end was charged, as replayed. */
  chargedAtEnd(usageId: string): number;
  /** What it was charged so far, as replayed. */
  charged(usageId: string): number;
  /** What corrections before `event` gave back. */
  givenBack(usageId: string, event: ReplayedEvent): number;
}

const EARLIER_ENDS = `SELECT id, epoch, seq, model, outcome, estimated, usage, decision FROM ledger.usage_events
  WHERE account_id = $account AND id IN ($id, $id || '~late') AND (epoch, seq) < ($epoch, $seq)`;
const CHARGE_AT_END = "SELECT coalesce(sum(amount), 0) AS amount FROM temp.charges WHERE id = $charge";
const EARLIER_CHARGES = `SELECT coalesce(sum(amount), 0) AS amount FROM temp.charges
  WHERE id = $charge OR (id > $charge || '~' AND id < $charge || '~~')`;
const EARLIER_RETURNS = `SELECT coalesce(sum(b.amount), 0) AS amount FROM ledger.usage_events u
  JOIN ledger.balance_updates b ON b.account_id = u.account_id AND b.epoch = u.epoch AND b.seq = u.seq
  WHERE u.account_id = $account AND u.id > $id || '~' AND u.id < $id || '~~' AND u.outcome = 'corrected'
    AND (u.epoch, u.seq) < ($epoch, $seq) AND b.kind IN ('refund', 'grant')`;

function earlierOf(database: DatabaseSync, account: string): Earlier {
  const ends = database.prepare(EARLIER_ENDS);
  const atEnd = database.prepare(CHARGE_AT_END);
  const charges = database.prepare(EARLIER_CHARGES);
  const returns = database.prepare(EARLIER_RETURNS);
  return {
    ends: (id, { epoch, seq }) => ends.all({ account, id, epoch, seq }).map(eventOf),
    chargedAtEnd: (id) => Number(atEnd.get({ charge: chargeId(id) })?.amount),
    charged: (id) => Number(charges.get({ charge: chargeId(id) })?.amount),
    givenBack: (id, { epoch, seq }) => Number(returns.get({ account, id, epoch, seq })?.amount),
  };
}

const LATE = /~late$/;
const CORRECTION = /~c\d+$/;

/**
 * The charge of a usage event in micro-credits; `null` when it has no price. What came late costs what it is beyond the
 * charge of its end; at a corrected price, or corrected to a higher one, a request costs what it is beyond all that it
 * was charged before.
 */
function chargeOf(event: ReplayedEvent, rateOf: RateLookup, earlier: Earlier): number | null {
  const { id, outcome } = event;
  if (outcome === "late") {
    const whole = priceOf(event, event, rateOf);
    const first = id.replace(LATE, "");
    if (whole === null) return null;
    return Math.max(
      0,
      whole - (event.decision.correction ? cameTo(first, event, earlier) : earlier.chargedAtEnd(first)),
    );
  }
  if (outcome !== "corrected") return priceOf(event, event, rateOf);
  const first = id.replace(CORRECTION, "");
  const prices = earlier.ends(first, event).map((end) => priceOf(end, event, rateOf));
  const whole = prices.reduce<number | null>(
    (most, each) => (most === null || each === null ? null : Math.max(most, each)),
    0,
  );
  if (whole === null) return null;
  return Math.max(0, whole - cameTo(first, event, earlier));
}

/** What a request had come to before `event`: all charges, less what corrections gave back. */
function cameTo(usageId: string, event: ReplayedEvent, earlier: Earlier): number {
  return earlier.charged(usageId) - earlier.givenBack(usageId, event);
}

/** The usage of `event` at the rate that `priced` names. What was estimated never costs more than was reserved. */
function priceOf(event: ReplayedEvent, priced: ReplayedEvent, rateOf: RateLookup): number | null {
  const { id, version } = priced.decision.rateCard;
  const rate = rateOf(id, version, priced.model);
  const whole = rate && price(rate, event.usage);
  if (typeof whole !== "number") return null;
  return event.estimated ? Math.min(whole, event.decision.reserved) : whole;
}

/** What moved the balance: the replayed charges, less what was included or refunded at once, and all the rest. */
const MOVES = `INSERT INTO temp.moves
  SELECT epoch, seq, delta FROM ledger.balance_updates
  WHERE account_id = $account AND kind IN ('grant', 'expiry', 'void', 'refund')
  UNION ALL
  SELECT epoch, seq, -amount + (
    SELECT coalesce(sum(u.amount), 0) FROM ledger.balance_updates u
    WHERE u.account_id = $account AND u.epoch = c.epoch AND u.seq = c.seq AND u.kind IN ('allowance', 'overshoot_refund')
  ) FROM temp.charges c`;

const LEDGER_SUMS = `SELECT
  (SELECT coalesce(sum(amount), 0) FROM ledger.monetization_events WHERE account_id = $account) AS charges,
  (SELECT coalesce(sum(balance), 0) FROM ledger.balances WHERE account_id = $account) AS balance`;

const REPLAYED_SUMS = `SELECT
  (SELECT coalesce(sum(amount), 0) FROM temp.charges) AS charges,
  (SELECT coalesce(sum(delta), 0) FROM temp.moves) AS balance`;

/** A request that ended without a charge has no monetization event, which is the same as one of 0. */
const CHARGES_DIFFER = `SELECT coalesce(c.seq, m.seq) AS seq, 'charge ' || coalesce(c.id, m.id) AS subject,
    coalesce(c.amount || ' at ' || c.card_id || '@' || c.card_version || ' ' || c.model, 'none') AS replayed,
    coalesce(m.amount || ' at ' || m.card_id || '@' || m.card_version || ' ' || m.model, 'none') AS ledger
  FROM temp.charges c
  FULL JOIN (SELECT * FROM ledger.monetization_events WHERE account_id = $account) m
    ON m.id = c.id AND m.epoch = c.epoch AND m.seq = c.seq
  WHERE coalesce(c.amount, 0) <> coalesce(m.amount, 0) OR c.id IS NULL
    OR (m.id IS NOT NULL AND (m.card_id, m.card_version, m.model) <> (c.card_id, c.card_version, c.model))
  ORDER BY 1 LIMIT ${KEPT}`;

const DEBITS_DIFFER = `SELECT seq, 'debits of entry ' || seq AS subject,
    CAST(-sum(replayed) AS TEXT) AS replayed, CAST(-sum(ledger) AS TEXT) AS ledger
  FROM (
    SELECT epoch, seq, delta AS replayed, 0 AS ledger FROM temp.moves
    UNION ALL
    SELECT epoch, seq, 0, delta FROM ledger.balance_updates WHERE account_id = $account
  ) GROUP BY epoch, seq HAVING sum(replayed) <> sum(ledger) ORDER BY epoch, seq LIMIT ${KEPT}`;

function differing(database: DatabaseSync, sql: string, account: string): ReplayDifference[] {
  const rows = database.prepare(sql).all({ account });
  return rows.map((row) => ({
    seq: Number(row.seq),
    subject: String(row.subject),
    replayed: String(row.replayed),
    ledger: String(row.ledger),
  }));
}

function numbers(row: Record<string, unknown> | undefined): { charges: number; balance: number } {
  return { charges: Number(row?.charges), balance: Number(row?.balance) };
}
