import { type AccountState, NO_CHANGE } from "../src/core/account.ts";
import { type Continuation, continuationOf, type References } from "../src/core/continuation.ts";
import { beginJob, holdForJob, isAwaited, paysFor } from "../src/core/job.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { type MadeResource, resourceOf } from "../src/core/resource.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import { KEY_REFUSED, refuseCaller } from "./callers.ts";
import type * as command from "./commands.ts";
import type { AttachRequest, ResourceReply, ResourcesQuery, ResourcesReply } from "./resource-commands.ts";

const LIST_MOST = 100;

/** What a request names, or the first name that means nothing to this account. */
export function lookUp(
  turns: AccountTurns,
  state: AccountState,
  { previousResponse, items }: References = { previousResponse: null, items: [] },
): Continuation | command.UnknownReference {
  const found = continuationOf({ previousResponse, items }, turns.resources);
  return found.kind === "continues" ? found : unknown(state, found.id);
}

/** Remembers a job with its owner and holds its reservation for it; returns whether the job is attached. */
export function attachJob(turns: AccountTurns, request: AttachRequest): boolean {
  return turns.run((state, now) => {
    const reservation = state && turns.reservation(state, request.requestId);
    if (!reservation || reservation.attempt !== request.attempt) return only(false);
    if (reservation.job !== undefined) return only(reservation.job === request.made.id);
    if (!isAwaited(reservation, now)) return only(false);
    const job = beginJob(now);
    turns.resources.keep(resourceOf(reservation, request.made, false, now, job));
    turns.armBy(job.pollAt, now);
    const held = holdForJob(reservation, request.made.id, now, request.holdMs);
    return { answer: true, change: { ...NO_CHANGE, reservations: [held] } };
  });
}

/** What a request reports at its end of what it made. */
export interface Reported {
  readonly made: MadeResource;
  /** Whether upstream reported its tokens. */
  readonly exact: boolean;
}

/** Upstream has come to an end with `reservation`: what it made is remembered, and its job is over. */
export function concludeResources(
  turns: AccountTurns,
  reservation: Reservation,
  reported: Reported | null,
  isRepetition: boolean,
  now: number,
): void {
  const { store } = turns.resources;
  const isNews = reported && !(isRepetition && store.resource(reported.made.id));
  if (isNews) turns.resources.keep(resourceOf(reservation, reported.made, reported.exact, now));
  const begun = reservation.job === undefined ? null : store.resource(reservation.job);
  if (begun?.job && paysFor(reservation, begun)) store.closeJob(begun.id);
}

/** One of the account's resources, for the holder of a good key. */
export function resourceFor(turns: AccountTurns, caller: command.Caller, id: string): ResourceReply {
  return turns.run<ResourceReply>((state, now) => {
    const refused = refuseCaller(turns, state, caller, "inference", now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    const resource = turns.resources.store.resource(id);
    return only(resource ? { kind: "resource", resource } : unknown(state, id));
  });
}

/** A page of the account's resources of one kind, for the holder of a good key. */
export function resourcesFor(
  turns: AccountTurns,
  caller: command.Caller,
  { kind, limit, after, order }: ResourcesQuery,
): ResourcesReply {
  return turns.run<ResourcesReply>((state, now) => {
    const refused = refuseCaller(turns, state, caller, "inference", now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    const { store } = turns.resources;
    const from = after === null ? null : store.resource(after);
    if (after !== null && from?.kind !== kind) return only(unknown(state, after));
    const shown = Math.min(Math.max(1, limit), LIST_MOST);
    const found = store.list({ kind, limit: shown + 1, after: from, order });
    return only({ kind: "resources", resources: found.slice(0, shown), hasMore: found.length > shown });
  });
}

function unknown({ pending }: AccountState, id: string): command.UnknownReference {
  return { kind: "unknown_reference", id, inFlight: isAnswering(pending.values()) };
}

/** Whether an answer is on its way whose name would be known in a moment. A job that is under way is known already. */
function isAnswering(pending: Iterable<Reservation>): boolean {
  for (const { job } of pending) if (job === undefined) return true;
  return false;
}
