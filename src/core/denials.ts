import { type AccountRow, type AccountState, type Change, NO_CHANGE } from "./account.ts";
import { type ChainedEntry, type Sha256, type UsageEvent, usageId } from "./event.ts";
import { writeEntry } from "./journal.ts";
import { NO_USAGE } from "./usage.ts";
import type { Demand, Denial } from "./waterfall.ts";

/** A refused request with its explanation. */
export interface DeniedRequest {
  readonly requestId: string;
  readonly demand: Demand;
  readonly denial: Denial;
  readonly at: number;
}

/** All refusals of one minute with the same reason, limit and key: their number, and the latest in full. */
export interface DenialFold {
  readonly latest: DeniedRequest;
  readonly count: number;
}

const MINUTE_MS = 60_000;
/** Reasons are few, but keys are not: beyond this many folds the smallest explanation is given up, never the count. */
const FOLDS_MOST = 200;

/** Denials that are not in the journal yet. Only in memory: a denial writes nothing. */
export type Denials = Map<string, DenialFold>;

/** Counts a denial, or `count` of which this is the latest. */
export function foldDenial(denials: Denials, denied: DeniedRequest, count = 1): void {
  const { demand, denial, at } = denied;
  const minute = Math.floor(at / MINUTE_MS);
  const exact = `${minute}|${denial.reason}|${denial.limit}|${demand.keyId}`;
  const key = denials.has(exact) || denials.size < FOLDS_MOST ? exact : `${minute}|${denial.reason}`;
  denials.set(key, { latest: denied, count: (denials.get(key)?.count ?? 0) + count });
}

/** The newest denial of a request that is still remembered. */
export function recallDenial(denials: Denials, requestId: string): DenialFold | null {
  let newest: DenialFold | null = null;
  for (const fold of denials.values()) {
    if (fold.latest.requestId === requestId && fold.latest.at >= (newest?.latest.at ?? 0)) newest = fold;
  }
  return newest;
}

/** Writes what was folded to the journal, one entry for each fold. */
export function writeDenials(state: AccountState, denials: Denials, now: number, sha256: Sha256): Change {
  let row = state.row;
  const entries: ChainedEntry[] = [];
  for (const fold of denials.values()) {
    const usage = usageEventOf(row, fold);
    const update = { kind: "none", source: null, amount: 0, delta: 0, cause: usage.id } as const;
    const written = writeEntry(row, { usage, monetization: null, updates: [update] }, now, sha256);
    row = written.row;
    entries.push(written.entry);
  }
  return { ...NO_CHANGE, row, entries };
}

function usageEventOf({ plan, seq }: AccountRow, { latest, count }: DenialFold): UsageEvent {
  const { requestId, demand, denial, at } = latest;
  const { reason, limit, resetsAt, needed, available, considered } = denial;
  return {
    // A keyed request may be refused many times; the number of its entry tells one fold from the other.
    id: `${usageId(requestId, 0)}~${seq + 1}`,
    requestId,
    attempt: 0,
    keyId: demand.keyId,
    feature: demand.feature,
    model: demand.model,
    outcome: "denied",
    estimated: false,
    usage: NO_USAGE,
    decision: {
      plan: { id: plan.id, version: plan.version },
      rateCard: { id: demand.quote.cardId, version: demand.quote.cardVersion },
      considered,
      draws: [],
      reservedAt: at,
      reserved: 0,
      denial: { reason, limit, resetsAt, needed, available, count },
    },
  };
}
