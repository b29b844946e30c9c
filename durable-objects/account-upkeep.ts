import { NO_CHANGE } from "../src/core/account.ts";
import { type Denials, writeDenials } from "../src/core/denials.ts";
import { isRenewalDue, nextRenewalAt, renewEntitlements } from "../src/core/entitlement.ts";
import { lapseGrants } from "../src/core/granting.ts";
import { REPLAY_MS } from "../src/core/reserve.ts";
import { expire } from "../src/core/settlement.ts";
import { sha256Hex } from "../src/sha256.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import { nextJobAt } from "./job-polls.ts";
import type { Outbox } from "./outbox.ts";

const PRUNE_ROWS = 1_000;
/** Upstream keeps a response for so long. */
const RESPONSE_MS = 30 * 24 * 3_600_000;

/** Ends every pending request whose time is over. Each in a turn of its own: one that fails keeps no other waiting. */
export function expireReservations(turns: AccountTurns): void {
  const due = turns.run((state, now) =>
    only(state ? [...state.pending.values()].filter(({ expiresAt }) => expiresAt <= now) : []),
  );
  for (const { requestId } of due) {
    turns.run((state, now) => {
      const reservation = state?.pending.get(requestId);
      if (!state || !reservation || reservation.expiresAt > now) return only(undefined);
      return { answer: undefined, change: expire(state, reservation, now, sha256Hex).change };
    });
  }
}

/** Grants what the plan entitles to in the present period, if that was not done yet. */
export function renew(turns: AccountTurns): void {
  const known = turns.load();
  if (!known || !isRenewalDue(known, turns.now())) return;
  turns.run((state, now) => {
    const change = state && renewEntitlements(state, now, sha256Hex);
    return { answer: undefined, change: change ?? NO_CHANGE };
  });
}

/** Takes away what is left of grants that have ended. */
export function lapse(turns: AccountTurns): void {
  turns.run((state, now) => {
    const change = state && lapseGrants(state, now, sha256Hex);
    return { answer: undefined, change: change ?? NO_CHANGE };
  });
}

/** Writes the denials that were counted in memory to the journal. */
export function journalDenials(turns: AccountTurns, denials: Denials): void {
  turns.run((state, now) => {
    const change = state && writeDenials(state, denials, now, sha256Hex);
    return { answer: undefined, change: change ?? NO_CHANGE };
  });
}

/** Forgets ended requests that nobody can ask for by their key any more, and responses that upstream has forgotten. */
export function prune(turns: AccountTurns): void {
  turns.run((_, now) => {
    turns.store.reservations.prune(now - REPLAY_MS, PRUNE_ROWS);
    turns.resources.store.prune(now - RESPONSE_MS, PRUNE_ROWS);
    return only(undefined);
  });
}

/** Sets the alarm for what the outbox still needs. */
export function armForOutbox(turns: AccountTurns, outbox: Outbox): void {
  const now = turns.now();
  const due = outbox.dueAt(now);
  if (due !== null) turns.armBy(due, now);
}

/** Sets the alarm to the earliest thing that is due. */
export function armNext(turns: AccountTurns, outbox: Outbox): void {
  armForOutbox(turns, outbox);
  const now = turns.now();
  const state = turns.load();
  if (!state) return;
  for (const { expiresAt } of state.pending.values()) turns.armBy(expiresAt, now);
  for (const { expiresAt } of state.grants.values()) {
    if (expiresAt !== null && expiresAt > now) turns.armBy(expiresAt, now);
  }
  const job = nextJobAt(turns, now);
  if (job !== null) turns.armBy(job, now);
  const renewal = nextRenewalAt(state, now);
  if (renewal !== null) turns.armBy(renewal, now);
}
