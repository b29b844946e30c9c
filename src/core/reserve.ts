import { type AccountState, type Change, NO_CHANGE } from "./account.ts";
import { FIRST_EPOCH } from "./event.ts";
import type { Reservation } from "./reservation.ts";
import { type Demand, type Denial, decide } from "./waterfall.ts";

/** How long an ended request with an `Idempotency-Key` answers for it; after that the key counts as new. */
export const REPLAY_MS = 8 * 24 * 3_600_000;

export interface ReserveCommand {
  readonly requestId: string;
  readonly owner: string;
  readonly fingerprint: string;
  readonly keyed: boolean;
  /** Hash of what a job is asked for, whoever asks and however often; absent where no job is begun. */
  readonly content?: string;
  /** The client says that it sends this again, under a new id: the content by which the first is found. */
  readonly repeats?: { readonly content: string };
  readonly demand: Demand;
  /** The upstream that keeps what the request names of earlier ones. */
  readonly upstream?: string | null;
  /** How long the reservation lasts unless it is settled or extended. */
  readonly holdMs: number;
}

export type ReserveAnswer =
  | { readonly kind: "reserved"; readonly reservation: Reservation }
  | { readonly kind: "denied"; readonly denial: Denial }
  /** Another caller's request with the same id is under way. */
  | { readonly kind: "in_flight"; readonly reservation: Reservation }
  /** The same id was used for a request with another content. */
  | { readonly kind: "mismatch" }
  /** The request has ended already; nothing is held or charged again. */
  | { readonly kind: "ended"; readonly reservation: Reservation }
  /** It repeats a request of another id that is under way; nothing is held or charged for it. */
  | { readonly kind: "repeated"; readonly reservation: Reservation };

/**
 * Decides a request and holds its draws. `existing` is the stored reservation of the same request id, if any:
 * the caller's own repetition gets the same answer, anybody else's is told apart. A denial changes nothing.
 */
export function reserve(
  state: AccountState,
  existing: Reservation | null,
  command: ReserveCommand,
  now: number,
): { answer: ReserveAnswer; change: Change } {
  const known = recall(existing, command, now);
  if (known) return { answer: known, change: NO_CHANGE };
  const repeated = findRepeated(state, command, now);
  if (repeated) return { answer: { kind: "repeated", reservation: repeated }, change: NO_CHANGE };

  const decision = decide(state, command.demand, now);
  if (decision.outcome === "denied") return { answer: { kind: "denied", denial: decision }, change: NO_CHANGE };

  const { demand } = command;
  const reservation: Reservation = {
    requestId: command.requestId,
    attempt: Math.max(existing?.attempt ?? 0, attemptsBefore(state.row.epoch)) + 1,
    state: "pending",
    owner: command.owner,
    fingerprint: command.fingerprint,
    ...(command.content === undefined ? {} : { content: command.content }),
    keyed: command.keyed,
    keyId: demand.keyId,
    feature: demand.feature,
    model: demand.model,
    quote: demand.quote,
    bound: decision.bound,
    clampedTo: decision.clampedTo,
    reserved: decision.reserved,
    draws: decision.draws,
    gates: decision.gates,
    considered: decision.considered,
    plan: { id: state.row.plan.id, version: state.row.plan.version },
    ...(command.upstream ? { upstream: command.upstream } : {}),
    reservedAt: now,
    expiresAt: now + command.holdMs,
    checkpoint: null,
    endedAt: null,
    settlement: null,
    late: null,
    refunds: [],
  };
  return { answer: { kind: "reserved", reservation }, change: { ...NO_CHANGE, reservations: [reservation] } };
}

/** More attempts than a request has within one epoch. */
const ATTEMPTS_PER_EPOCH = 1_000_000;

/**
 * The numbers of attempts that belong to earlier epochs. What the object knew of them may be gone, so none is given out
 * again: whoever still ends one of them is fenced off, and no event bears the id of another.
 */
function attemptsBefore(epoch: number): number {
  return (epoch - FIRST_EPOCH) * ATTEMPTS_PER_EPOCH;
}

/**
 * The request under way that `command` repeats: of the same key and content, and young enough by the plan. Of several the
 * newest, since a client sends again what it has just sent.
 */
function findRepeated(
  { row, pending }: AccountState,
  { repeats, demand }: ReserveCommand,
  now: number,
): Reservation | null {
  const withinMs = row.plan.sameRequestMs ?? null;
  if (!repeats || withinMs === null) return null;
  let newest: Reservation | null = null;
  for (const reservation of pending.values()) {
    const { keyId, content, reservedAt } = reservation;
    if (keyId !== demand.keyId || content !== repeats.content || now - reservedAt > withinMs) continue;
    if (newest === null || isNewer(reservation, newest)) newest = reservation;
  }
  return newest;
}

/** By instant; ids decide between two of one millisecond, so that storage may list them in any order. */
function isNewer(a: Reservation, b: Reservation): boolean {
  return a.reservedAt === b.reservedAt ? a.requestId > b.requestId : a.reservedAt > b.reservedAt;
}

/** What a known request id is answered, or `null` when it may be decided anew. */
export function recall(
  existing: Reservation | null,
  command: Pick<ReserveCommand, "fingerprint" | "owner">,
  now: number,
): ReserveAnswer | null {
  if (!existing) return null;
  const forgotten = existing.keyed && existing.endedAt !== null && now - existing.endedAt > REPLAY_MS;
  if (forgotten) return null;
  const unlike = existing.fingerprint !== null && existing.fingerprint !== command.fingerprint;
  if (unlike) return { kind: "mismatch" };
  if (existing.state === "released") return null;
  if (existing.state !== "pending") return { kind: "ended", reservation: existing };
  return existing.owner === command.owner
    ? { kind: "reserved", reservation: existing }
    : { kind: "in_flight", reservation: existing };
}
