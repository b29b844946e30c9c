import { type AccountState, type Change, NO_CHANGE } from "../src/core/account.ts";
import { viewLimits } from "../src/core/account-view.ts";
import { checkpoint } from "../src/core/checkpoint.ts";
import { type Denials, foldDenial } from "../src/core/denials.ts";
import type { Reservation } from "../src/core/reservation.ts";
import { type ReserveAnswer, reserve } from "../src/core/reserve.ts";
import { acceptsLate, release, settle, settleLate } from "../src/core/settlement.ts";
import { decide } from "../src/core/waterfall.ts";
import { sha256Hex } from "../src/sha256.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import type * as command from "./commands.ts";
import { isKeyGood } from "./key.ts";

/** The first denials are written to the journal this soon, while the object is certainly still in memory. */
const FOLD_MS = 5_000;

const KEY_REFUSED: command.KeyRefused = { kind: "key_refused" };

/** Decides a request and holds its draws. A denial is only counted in memory, until the next alarm folds it. */
export function reserveRequest(
  turns: AccountTurns,
  denials: Denials,
  { caller, command: wanted }: command.ReserveRequest,
): command.ReserveOutcome {
  const keyId = caller.key.id;
  const full = { ...wanted, demand: { ...wanted.demand, keyId } };
  const answer = turns.run<command.KeyRefused | command.PlanOutdated | ReserveAnswer>((state, now) => {
    const refused = refuseCaller(turns, state, caller, now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    return reserve(state, turns.reservation(state, wanted.requestId), full, now);
  });
  if (answer.kind === "key_refused" || answer.kind === "plan_outdated") return answer;
  const now = turns.now();
  if (answer.kind === "denied") {
    foldDenial(denials, { requestId: wanted.requestId, demand: full.demand, denial: answer.denial, at: now });
    turns.armBy(now + FOLD_MS, now);
  }
  const state = turns.load();
  if (!state) return KEY_REFUSED;
  const limits = viewLimits(state, keyId, now);
  return { ...answer, limits };
}

/** What `reserve` would answer, without any effect. */
export function quoteRequest(turns: AccountTurns, { caller, demand }: command.QuoteRequest): command.QuoteReply {
  return turns.run<command.QuoteReply>((state, now) => {
    const refused = refuseCaller(turns, state, caller, now);
    if (refused || !state) return only(refused ?? KEY_REFUSED);
    return only({ kind: "quoted", decision: decide(state, { ...demand, keyId: caller.key.id }, now) });
  });
}

export function settleRequest(turns: AccountTurns, request: command.SettleRequest): command.EndReply {
  return endRequest(turns, request, (state, reservation, now) => {
    if (reservation.state === "pending") return settle(state, reservation, request.report, now, sha256Hex);
    return acceptsLate(reservation, now) ? settleLate(state, reservation, request.report, now, sha256Hex) : null;
  });
}

export function releaseRequest(turns: AccountTurns, request: command.ReleaseRequest): command.EndReply {
  return endRequest(turns, request, (state, reservation, now) =>
    reservation.state === "pending" ? release(state, reservation, request.outcome, now, sha256Hex) : null,
  );
}

type Ending = (
  state: AccountState,
  reservation: Reservation,
  now: number,
) => { settlement: NonNullable<Reservation["settlement"]>; change: Change } | null;

/** Ends one attempt of a request; `end` answers `null` when there is nothing left to end. */
function endRequest(turns: AccountTurns, request: command.AttemptRef, end: Ending): command.EndReply {
  return turns.run<command.EndReply>((state, now) => {
    const reservation = state && turns.reservation(state, request.requestId);
    if (!state || !reservation) return only({ kind: "unknown" });
    if (reservation.attempt !== request.attempt) return only({ kind: "fenced" });
    if (reservation.state === "released") return only({ kind: "released" });
    const ended = reservation.state === "settled" ? null : end(state, reservation, now);
    if (!ended) return only(lastSettlement(reservation));
    return { answer: { kind: "ended", settlement: ended.settlement }, change: ended.change };
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

/** Why a caller is not served, or `null`. A revoked key is refused from the turn after its revocation. */
export function refuseCaller(
  turns: AccountTurns,
  state: AccountState | null,
  { key, planVersions }: command.Caller,
  now: number,
): command.KeyRefused | command.PlanOutdated | null {
  if (!isKeyGood(turns.key(key.id), key, now) || !state) return KEY_REFUSED;
  const { id, version } = state.row.plan;
  return (planVersions[id] ?? 0) > version ? { kind: "plan_outdated", planId: id } : null;
}
