import { type AccountRow, type AccountStatus, heldOfGrant, keepMeters, NO_CHANGE } from "../src/core/account.ts";
import { FIRST_EPOCH, genesis } from "../src/core/event.ts";
import { owed } from "../src/core/grant.ts";
import { addGrant, canHold, type GrantCommand, sameTerms, voidGrant } from "../src/core/granting.ts";
import type { Plan } from "../src/core/plan.ts";
import { reclaim } from "../src/core/reclaim.ts";
import { refund, refundable } from "../src/core/refund.ts";
import { correctionId, isOutdated, type RerateCommand, rerate } from "../src/core/rerate.ts";
import { sha256Hex } from "../src/sha256.ts";
import { type AccountTurns, only } from "./account-turns.ts";
import type * as command from "./commands.ts";

/** Creates the account; `false` when it exists already. */
export function createAccount(turns: AccountTurns, id: string, plan: Plan): boolean {
  const created = turns.run((state) => {
    if (state) return only(false);
    const row: AccountRow = {
      id,
      epoch: FIRST_EPOCH,
      seq: 0,
      head: genesis(sha256Hex, id, FIRST_EPOCH),
      status: "active",
      statusReason: null,
      plan,
      balance: 0,
      used: 0,
      meters: {},
      renewals: {},
      learned: {},
    };
    turns.store.state.create(row);
    return only(true);
  });
  if (created) turns.forget();
  return created;
}

/** Gives the account `plan`: a newer version of its own, or, when `move` is set, another one. */
export function followPlan(turns: AccountTurns, plan: Plan, move: boolean): boolean {
  return turns.run((state) => {
    if (!state) return only(false);
    const present = state.row.plan;
    const newer = plan.id === present.id ? plan.version > present.version : move;
    if (!newer) return only(plan.id === present.id);
    turns.store.state.writePlan(plan);
    const row = { ...state.row, plan, meters: keepMeters(state.row.meters, plan) };
    return { answer: true, change: { ...NO_CHANGE, row } };
  });
}

export function setStatus(turns: AccountTurns, status: AccountStatus, reason: string | null): boolean {
  return turns.run((state) => {
    if (!state) return only(false);
    return { answer: true, change: { ...NO_CHANGE, row: { ...state.row, status, statusReason: reason } } };
  });
}

/** Stops paid use only; a suspended account stays suspended. */
export function freeze(turns: AccountTurns, reason: string): boolean {
  return turns.run((state) => {
    if (state?.row.status !== "active") return only(false);
    return { answer: true, change: { ...NO_CHANGE, row: { ...state.row, status: "frozen", statusReason: reason } } };
  });
}

/** Opens paid use again, but only of an account that was frozen for this very reason. */
export function unfreeze(turns: AccountTurns, reason: string): boolean {
  return turns.run((state) => {
    if (state?.row.status !== "frozen" || state.row.statusReason !== reason) return only(false);
    return { answer: true, change: { ...NO_CHANGE, row: { ...state.row, status: "active", statusReason: null } } };
  });
}

export function grant(turns: AccountTurns, request: GrantCommand): command.GrantReply {
  return turns.run<command.GrantReply>((state, now) => {
    if (!state) return only({ kind: "no_account" });
    const existing = turns.store.state.grant(request.id);
    if (existing) {
      const same = sameTerms(existing, request);
      return only(same ? { kind: "granted", grant: existing, created: false } : { kind: "mismatch" });
    }
    if (request.expiresAt !== null && request.expiresAt <= now) return only({ kind: "expired" });
    if (!canHold(state, request.amount)) return only({ kind: "too_large" });
    const { grant, change } = addGrant(state, request, now, sha256Hex);
    return { answer: { kind: "granted", grant, created: true }, change };
  });
}

/** Voids a grant; `null` when there is no such grant. */
export function voidGrantOf(turns: AccountTurns, grantId: string, reason: string): command.VoidReply | null {
  return turns.run<command.VoidReply | null>((state, now) => {
    const existing = state && (state.grants.get(grantId) ?? turns.store.state.grant(grantId));
    if (!state || !existing) return only(null);
    const { grant, change } = voidGrant(state, existing, reason, now, sha256Hex);
    return { answer: { grant }, change };
  });
}

/** Takes back `total` micro-credits of a grant, all former times included; `null` when there is no such grant. */
export function reclaimOf(
  turns: AccountTurns,
  grantId: string,
  total: number,
  reason: string,
): command.ReclaimReply | null {
  return turns.run<command.ReclaimReply | null>((state, now) => {
    const existing = state && (state.grants.get(grantId) ?? turns.store.state.grant(grantId));
    if (!state || !existing) return only(null);
    const { grant, change } = reclaim(state, existing, total, reason, now, sha256Hex);
    return { answer: { grant, owed: owed(grant), held: heldOfGrant(state, grantId) }, change };
  });
}

/** Refunds credits of a request's charge. The same refund id is the same refund. */
export function refundRequest(turns: AccountTurns, request: command.RefundRequest): command.RefundReply {
  return turns.run<command.RefundReply>((state, now) => {
    const reservation = state && turns.reservation(state, request.requestId);
    if (!state || !reservation?.settlement || reservation.carried) return only({ kind: "unknown" });
    const refunded = turns.store.refundedRequest(request.id);
    if (refunded !== null && refunded !== request.requestId) return only({ kind: "mismatch" });
    const known = reservation.refunds.find(({ id }) => id === request.id);
    if (known) {
      const same = request.amount === null || request.amount === known.amount;
      return only(same ? { kind: "refunded", refund: known, created: false } : { kind: "mismatch" });
    }
    const most = refundable(reservation);
    const amount = request.amount ?? most;
    if (amount === 0 || amount > most) return only({ kind: "too_much", refundable: most });
    const wanted = { id: request.id, amount, at: now, reason: request.reason };
    const grantOf = (id: string) => state.grants.get(id) ?? turns.store.state.grant(id);
    turns.store.addRefund(request.id, request.requestId);
    const { change } = refund(state, reservation, wanted, grantOf, sha256Hex);
    return { answer: { kind: "refunded", refund: wanted, created: true }, change };
  });
}

/** Prices a request again. The same request at the same rate-card version is corrected once. */
export function rerateRequest(turns: AccountTurns, request: RerateCommand, dryRun: boolean): command.RerateReply {
  return turns.run<command.RerateReply>((state, now) => {
    if (!state) return only({ kind: "no_account" });
    const { usage } = request.charged;
    const id = correctionId(usage.id, request.quote);
    const before = turns.store.correction(id);
    if (before !== null) return only({ kind: "rerated", difference: before, repeated: true });
    const grantOf = (grantId: string) => state.grants.get(grantId) ?? turns.store.state.grant(grantId);
    const reservation = turns.reservation(state, usage.requestId);
    const countActs = () => turns.store.actsOn(usage.id, usage.requestId);
    if (isOutdated(request, reservation, countActs)) return only({ kind: "outdated" });
    const { difference, change } = rerate(state, reservation, request, grantOf, now, sha256Hex);
    const answer: command.RerateReply = { kind: "rerated", difference, repeated: false };
    if (dryRun) return only(answer);
    turns.store.addCorrection(id, difference);
    return { answer, change };
  });
}
