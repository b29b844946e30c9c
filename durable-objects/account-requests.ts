import { type AccountState, type Change, NO_CHANGE } from "../src/core/account.ts";
import { viewLimits } from "../src/core/account-view.ts";
import { checkpoint } from "../src/core/checkpoint.ts";
import { withContext } from "../src/core/continuation.ts";
import { type DenialFold, type Denials, foldDenial } from "../src/core/denials.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { type ReserveAnswer, recall, reserve } from "../src/core/reserve.ts";
import { acceptsLate, release, settle, settleLate } from "../src/core/settlement.ts";
import { type Demand, decide } from "../src/core/waterfall.ts";
import { sha256Hex } from "../src/sha256.ts";
import { concludeResources, lookUp, type Reported } from "./account-resources.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import { KEY_REFUSED, NO_KEY, refuseCaller } from "./callers.ts";
import type * as command from "./commands.ts";

/** The first denials are written to the journal this soon, while the object is certainly still in memory. */
const FOLD_MS = 5_000;

/** Decides a request and holds its draws. A denial is only counted in memory, until the next alarm folds it. */
export function reserveRequest(
  turns: AccountTurns,
  denials: Denials,
  { caller, references, command: wanted, remembered = [] }: command.ReserveRequest,
): command.ReserveOutcome {
  const { requestId } = wanted;
  let demand: Demand = { ...wanted.demand, keyId: caller.key.id };
  const answer = turns.run<Undecided | ReserveAnswer>((state, now) => {
    const refused = refuseCaller(turns, state, caller, "inference", now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    const existing = turns.reservation(state, requestId);
    // A repetition is answered as before, whatever has become of what it names.
    const known = recall(existing, wanted, now);
    if (known) return only(known);
    const from = lookUp(turns, state, references);
    if (from.kind === "unknown_reference") return only(from);
    demand = { ...demand, bound: withContext(demand.bound, from.tokens) };
    return reserve(state, existing, { ...wanted, demand, upstream: from.upstream }, now);
  });
  // Not before the turn: a step that failed comes again with the same.
  countDenials(turns, denials, remembered);
  if (isUndecided(answer)) return answer;
  const now = turns.now();
  if (answer.kind === "denied") {
    countDenials(turns, denials, [{ latest: { requestId, demand, denial: answer.denial, at: now }, count: 1 }]);
  }
  const state = turns.load();
  if (!state) return KEY_REFUSED;
  const limits = viewLimits(state, demand.keyId, now);
  const upstream = "reservation" in answer ? (answer.reservation.upstream ?? null) : null;
  return { ...answer, limits, upstream };
}

function countDenials(turns: AccountTurns, denials: Denials, folds: readonly DenialFold[]): void {
  if (folds.length === 0) return;
  for (const { latest, count } of folds) foldDenial(denials, latest, count);
  const now = turns.now();
  turns.armBy(now + FOLD_MS, now);
}

/** A request that was refused before the account could decide it. */
type Undecided = command.KeyRefused | command.PlanOutdated | command.UnknownReference;

function isUndecided(answer: { readonly kind: string }): answer is Undecided {
  return answer.kind === "key_refused" || answer.kind === "plan_outdated" || answer.kind === "unknown_reference";
}

/** What `reserve` would answer, without any effect. */
export function quoteRequest(turns: AccountTurns, request: command.QuoteRequest): command.QuoteReply {
  const { caller, references, demand } = request;
  return turns.run<command.QuoteReply>((state, now) => {
    const refused = refuseCaller(turns, state, caller, caller.needs ?? "inference", now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    const from = lookUp(turns, state, references);
    if (from.kind === "unknown_reference") return only(from);
    const full = { ...demand, keyId: caller.key?.id ?? NO_KEY, bound: withContext(demand.bound, from.tokens) };
    return only({ kind: "quoted", decision: decide(state, full, now), upstream: from.upstream });
  });
}

export function settleRequest(turns: AccountTurns, request: command.SettleRequest): command.EndReply {
  const { made, report } = request;
  const reported = made ? { made, exact: !report.estimated } : null;
  return endRequest(turns, request, reported, (state, reservation, now) => {
    if (reservation.state === "pending") return settle(state, reservation, report, now, sha256Hex);
    return acceptsLate(reservation, now) ? settleLate(state, reservation, report, now, sha256Hex) : null;
  });
}

export function releaseRequest(turns: AccountTurns, request: command.ReleaseRequest): command.EndReply {
  return endRequest(turns, request, null, (state, reservation, now) =>
    reservation.state === "pending" ? release(state, reservation, request.outcome, now, sha256Hex) : null,
  );
}

type Ending = (
  state: AccountState,
  reservation: Reservation,
  now: number,
) => { settlement: NonNullable<Reservation["settlement"]>; change: Change } | null;

/** Ends one attempt of a request; `end` answers `null` when there is nothing left to end. */
function endRequest(
  turns: AccountTurns,
  request: command.EndRequest,
  reported: Reported | null,
  end: Ending,
): command.EndReply {
  return turns.run<command.EndReply>((state, now) => {
    const reservation = state && turns.reservation(state, request.requestId);
    if (!state || !reservation) return only({ kind: "unknown" });
    if (reservation.attempt !== request.attempt) return only({ kind: "fenced" });
    if (reservation.state === "released") return only({ kind: "released" });
    const ended = reservation.state === "settled" ? null : end(state, reservation, now);
    concludeResources(turns, reservation, reported, ended === null, now);
    if (!ended) return only(lastSettlement(reservation));
    const { settlement, change } = ended;
    if (!request.flushes) return { answer: { kind: "ended", settlement }, change };
    const entries = change.entries.map((entry) => JSON.stringify(entry));
    return { answer: { kind: "ended", settlement, entries }, change, handedOver: true };
  });
}

function lastSettlement(reservation: Reservation): command.EndReply {
  const settlement = reservation.late ?? reservation.settlement;
  return settlement ? { kind: "ended", settlement } : { kind: "unknown" };
}

/** Keeps a pending request alive and records what it has used; returns whether it is still pending. */
export function checkpointRequest(turns: AccountTurns, request: command.CheckpointRequest): boolean {
  return turns.run((state, now) => {
    const reservation = state?.pending.get(request.requestId);
    if (!reservation || reservation.attempt !== request.attempt) return only(false);
    const kept = checkpoint(reservation, request.usage, now, request.holdMs);
    return { answer: true, change: { ...NO_CHANGE, reservations: [kept] } };
  });
}
