import type { CarryOver } from "../src/core/carry-over.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import type * as command from "./commands.ts";

/**
 * Lets the object go on from what its ledger says, in a further epoch: it was restored to an earlier moment, or lost. Only
 * while no credits can be spent from it. Doing it again changes nothing.
 */
export function reopenAccount(turns: AccountTurns, carried: CarryOver): command.ReopenReply {
  const reply = turns.run<command.ReopenReply>((state, now) => {
    const epoch = state?.row.epoch ?? 0;
    if (epoch > carried.row.epoch) return only({ kind: "outdated", epoch });
    if (state && epoch < carried.row.epoch) {
      const { status, statusReason, learned } = state.row;
      if (status === "active") return only({ kind: "active" });
      const row = { ...carried.row, status, statusReason, learned };
      turns.store.replace({ ...carried, row, requests: carried.requests.map((request) => remembered(turns, request)) });
    } else if (!state) turns.store.replace(carried);
    // Grants may be due to lapse or to be renewed.
    turns.armBy(now, now);
    const live = turns.store.keys().filter(({ revokedAt }) => revokedAt === null);
    return only({ kind: "reopened", status: state?.row.status ?? carried.row.status, keys: live.length });
  });
  turns.forget();
  return reply;
}

/** What the object knows of a request beside what its ledger does: what it asked for, and the job that it has begun. */
function remembered(turns: AccountTurns, request: Reservation): Reservation {
  const known = turns.store.reservations.ended(request.requestId);
  if (known?.attempt !== request.attempt) return request;
  const { fingerprint, job } = known;
  return { ...request, fingerprint, ...(job === undefined ? {} : { job }) };
}
