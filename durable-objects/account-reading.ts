import type { AccountState } from "../src/core/account.ts";
import { viewGrants, viewLimits } from "../src/core/account-view.ts";
import { type Denials, recallDenial } from "../src/core/denials.ts";
import { remaining } from "../src/core/grant.ts";
import { partsOf } from "../src/core/refund.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { REPLAY_MS } from "../src/core/reserve.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import { KEY_REFUSED, NO_KEY, refuseCaller, scopesOf } from "./callers.ts";
import type * as command from "./commands.ts";

const STALE_AFTER_MS = 6 * 60_000;
const HEAD_SEQS = 10_000;
/** The account as its holder sees it. */
export function openFor(
  turns: AccountTurns,
  holder: command.Holder,
): command.AccountReply | command.KeyRefused | command.PlanOutdated {
  return turns.run<command.AccountReply | command.KeyRefused | command.PlanOutdated>((state, now) => {
    const refused = refuseCaller(turns, state, holder, holder.needs ?? "read", now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    return only({ ...describe(state, holder.key?.id ?? NO_KEY, now), scopes: scopesOf(turns, holder.key) });
  });
}

/** The account as an operator sees it; `null` when there is none. */
export function describeAccount(turns: AccountTurns): command.AccountReply | null {
  return turns.run((state, now) => only(state && describe(state, NO_KEY, now)));
}

function describe(state: AccountState, keyId: string, now: number): command.AccountReply {
  const { id, status, statusReason, plan, seq } = state.row;
  const limits = viewLimits(state, keyId, now);
  return { kind: "account", id, status, statusReason, plan, seq, limits, grants: viewGrants(state) };
}

/** What a request came to, as far as the object remembers it; `null` when it does not. */
export function receiptOf(turns: AccountTurns, denials: Denials[], requestId: string): command.ReceiptReply | null {
  return turns.run<command.ReceiptReply | null>((state, now) => {
    if (!state) return only(null);
    const reservation = turns.reservation(state, requestId);
    // Of one that was carried over, the ledger can tell more.
    if (reservation && !reservation.carried) return only(receiptOfRequest(turns, reservation));
    const { id, version } = state.row.plan;
    for (const remembered of denials) {
      const fold = recallDenial(remembered, requestId);
      // An older one may have been let through after it, and be forgotten.
      if (fold && now - fold.latest.at <= REPLAY_MS) return only({ kind: "denial", fold, plan: { id, version } });
    }
    const unread = turns.store.unconfirmedCorrections(requestId);
    return only(unread.length > 0 ? { kind: "forgotten", unread } : null);
  });
}

function receiptOfRequest(turns: AccountTurns, reservation: Reservation): command.ReceiptReply {
  const end = reservation.late ?? reservation.settlement;
  if (!end) return { kind: "request", reservation, confirmed: null };
  const unread = turns.store.outbox.unconfirmedOf(partsOf(reservation).map(({ seq }) => seq));
  return { kind: "request", reservation, confirmed: unread.every(({ seq }) => seq !== end.seq), unread };
}

/** What the object says of itself, all of one instant, to be held against the ledger. */
export function headOf(turns: AccountTurns): command.HeadReply | null {
  return turns.run<command.HeadReply | null>((state, now) => {
    if (!state) return only(null);
    const { status, epoch, seq, head, balance } = state.row;
    const pending = [...state.pending.values()];
    return only({
      status,
      epoch,
      seq,
      head,
      balance,
      grants: [...state.grants.values()].map((grant) => [grant.id, remaining(grant)] as const),
      unconfirmed: turns.store.outbox.unconfirmedSeqs(HEAD_SEQS),
      pendingReservations: pending.length,
      staleReservations: pending.filter(({ expiresAt }) => expiresAt + STALE_AFTER_MS < now).length,
    });
  });
}

/** The hash that the object's own history has at an entry; `null` where it does not remember it. */
export function hashAt(turns: AccountTurns, seq: number): string | null {
  return turns.run((state) => {
    if (!state) return only(null);
    return only(seq === state.row.seq ? state.row.head : turns.store.outbox.hashAt(seq));
  });
}
