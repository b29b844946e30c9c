/**
 * How far an account's clock may ever have gone back, in ms: it is the clock of the machine on which its object runs, so
 * it may differ a little where the object moves to another. A day is more than any machine that is looked after is wrong.
 * Entries behind a larger step back may be left out of a span of time; the price of more would be to read more beside it.
 */
const CLOCK_BACK_MS = 24 * 3_600_000;

/** When the first entry at or after a place of its epoch was written, found by the primary key. */
const atOf = (seq: string) => `(SELECT at FROM balance_updates probe
  WHERE probe.account_id = bisection.account_id AND probe.epoch = bisection.epoch AND probe.seq >= ${seq} ORDER BY probe.seq LIMIT 1)`;

/** A history that is sooner read than searched. */
const SHORT = 64;

/** A power of two of which the sum with all smaller ones reaches `seq`. SQLite has no logarithm; this counts digits. */
const firstStep = (seq: string) => `1 << (4 * length(printf('%x', ${seq})) - 1)`;

/**
 * No table has an index on time, which would cost a row for each event. But entries are numbered as they happen, so the
 * first and the last of a span of time are found by bisection, in one read for each doubling of the history. This is the
 * beginning of a statement: the table `stretch` has, for each epoch of each account, the entries that a span of time from
 * `?2` up to and without `?3` can have: those after `before`, up to `last`. `accounts` selects the ids of the accounts.
 *
 * An entry of which the clock says that it is a whole step back before the span has none of the span before it, and one
 * that is as much behind the span has none after it, whichever way the bisection goes. So within that step the instants
 * need not be in order, and there may be gaps, where entries are still to come.
 */
export function stretchesOf(accounts: string): string {
  return `WITH RECURSIVE chosen(account_id) AS (${accounts}),
  era(account_id, epoch) AS (
    SELECT account_id, 0 FROM chosen
    UNION ALL
    SELECT account_id, (
      SELECT min(epoch) FROM balance_updates WHERE account_id = era.account_id AND epoch > era.epoch
    ) FROM era WHERE epoch IS NOT NULL
  ),
  history(account_id, epoch, newest) AS (
    SELECT account_id, epoch, (
      SELECT max(seq) FROM balance_updates WHERE account_id = era.account_id AND epoch = era.epoch
    ) FROM era WHERE epoch > 0 LIMIT -1
  ),
  bisection(account_id, epoch, before, last, step) AS (
    SELECT account_id, epoch, 0, iif(newest < ${SHORT}, newest, 0), iif(newest < ${SHORT}, 0, ${firstStep("newest")})
    FROM history
    UNION ALL
    SELECT account_id, epoch,
      before + step * coalesce(${atOf("before + step")} < ?2 - ${CLOCK_BACK_MS}, 0),
      last + step * coalesce(${atOf("last + step")} < ?3 + ${CLOCK_BACK_MS}, 0),
      step / 2
    FROM bisection WHERE step > 0
  ),
  stretch(account_id, epoch, before, last) AS (
    SELECT account_id, epoch, before, last FROM bisection WHERE step = 0 AND before < last
  )`;
}

/** The stretches of the account `?1`. */
export const STRETCHES_OF_ACCOUNT = stretchesOf("SELECT ?1");

/** The balance updates of a span of time. A cross join keeps its order: first the stretches, then what they have. */
export const UPDATES_WITHIN = `stretch CROSS JOIN balance_updates b ON b.account_id = stretch.account_id
  AND b.epoch = stretch.epoch AND b.seq > stretch.before AND b.seq <= stretch.last AND b.at >= ?2 AND b.at < ?3`;
