import { packEntries } from "../src/core/ledger-message.ts";
import type { AccountStore, Delivery, OutboxRow } from "./account-store.ts";
import { FLUSH_EVERY_MS } from "./flush-pace.ts";
import type { Platform } from "./platform.ts";
import { within } from "./within.ts";

const RESEND_FIRST_MS = 30_000;
/**
 * An account that rests looks after what the ledger has not confirmed this late at the latest. Its alarm is rarely
 * needed, since the queue loses nothing, and each would cost a row and a call; a busy one looks when it next sends.
 */
export const RESEND_LATEST_MS = 5 * 60_000;
/** The pause after the queue itself refused. */
const RETRY_FIRST_MS = 2_000;
const RESEND_MOST_MS = 15 * 60_000;
/** A queue that does not answer must not hold up the alarm. */
const SEND_TIMEOUT_MS = 8_000;
const ROWS_PER_FLUSH = 1_000;
/** A batch may carry 256 KB; a message is at most 60 KB, or one larger entry. */
const MESSAGES_PER_BATCH = 4;

/**
 * Where the delivery stands for an object that was just loaded. What its outbox holds may have been sent before or not,
 * and lost or not, so it counts as sent and is due to be sent again; how often that was needed is not forgotten.
 */
export function deliveryOnLoad(store: AccountStore): Delivery {
  const inherited = store.outboxSpan().last ?? 0;
  return { sentSeq: inherited, markSeq: inherited, resendAt: 0, tries: store.delivery().tries };
}

/**
 * Sends what the ledger has not confirmed: new entries at once, and again after a growing pause those that were sent
 * before the last mark and are still there. The queue only hurries things: a row leaves the outbox when the ledger has
 * confirmed its number. Returns where the delivery stands now, or `null` when nothing was due.
 */
export async function deliver(
  store: AccountStore,
  accountId: string,
  now: number,
  before: Delivery,
  send: Platform["send"],
  report: Platform["report"],
): Promise<Delivery | null> {
  const due = now >= before.resendAt;
  const stale = due ? store.unconfirmed(0, before.markSeq, ROWS_PER_FLUSH) : [];
  const fresh = store.unconfirmed(before.sentSeq, Number.MAX_SAFE_INTEGER, ROWS_PER_FLUSH);
  if (fresh.length === 0 && stale.length === 0) {
    // What was sent since the last mark comes under a new one, and is sent again when that is due.
    const waiting = due && store.outboxSpan().count > 0;
    return waiting ? { ...before, markSeq: before.sentSeq, resendAt: now + RESEND_FIRST_MS, tries: 0 } : null;
  }

  const sent = await sendAll(accountId, [...stale, ...fresh], send, report);
  const sentSeq = fresh.at(-1)?.seq ?? before.sentSeq;
  if (sent && !due) return { ...before, sentSeq };
  const tries = sent && stale.length === 0 ? 0 : before.tries + 1;
  const pause = (sent ? RESEND_FIRST_MS : RETRY_FIRST_MS) * 2 ** Math.min(tries, 10);
  return { sentSeq, markSeq: sentSeq, resendAt: now + Math.min(pause, RESEND_MOST_MS), tries };
}

/** When the outbox next needs the alarm; `null` when everything is confirmed. */
export function outboxDueAt(store: AccountStore, { sentSeq, resendAt, tries }: Delivery, now: number): number | null {
  const { last, count } = store.outboxSpan();
  if (count === 0 || last === null) return null;
  // More than one flush takes: the rest waits for no further company.
  if (last - sentSeq >= ROWS_PER_FLUSH) return now;
  if (last > sentSeq) return now + FLUSH_EVERY_MS;
  return tries > 0 ? Math.max(resendAt, now + FLUSH_EVERY_MS) : now + RESEND_LATEST_MS;
}

async function sendAll(
  accountId: string,
  rows: readonly OutboxRow[],
  send: Platform["send"],
  report: Platform["report"],
): Promise<boolean> {
  const messages = packEntries(accountId, rows);
  try {
    for (let first = 0; first < messages.length; first += MESSAGES_PER_BATCH) {
      await within(SEND_TIMEOUT_MS, send(messages.slice(first, first + MESSAGES_PER_BATCH)));
    }
    return true;
  } catch (error) {
    report("outbox_send_failed", { account: accountId, message: String(error) });
    return false;
  }
}
