import type { MicroCredits } from "../core/amount.ts";
import { type AuditState, auditEntry, auditHead, beginAudit, type Difference, type RateLookup } from "../core/audit.ts";
import { type ChainedEntry, FIRST_EPOCH } from "../core/event.ts";
import { sha256Hex } from "../sha256.ts";
import { readAudited, saveAudited } from "./audited.ts";
import { readAcross, readEpochs } from "./epochs.ts";
import { type LedgerTotals, readTotals } from "./totals.ts";

/** What an account's object says of itself, all of one instant. */
export interface ObjectHead {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
  readonly balance: MicroCredits;
  /** What is left of each open grant, reserved parts included. */
  readonly grants: readonly (readonly [id: string, left: MicroCredits])[];
  /** Sequence numbers of this epoch that are still in the outbox, ascending: the first {@link MOST_LISTED} of them. */
  readonly unconfirmed: readonly number[];
  readonly pendingReservations: number;
  /** Pending reservations that should have expired long ago. */
  readonly staleReservations: number;
}

/** An object lists no more than this many entries of its outbox; behind a full list any entry may be in it too. */
export const MOST_LISTED = 10_000;

export interface AuditDeps {
  readonly db: D1Database;
  /** The rate at which an event was charged: all that an object has charged at by the time {@link headOf} answers. */
  readonly rateOf: RateLookup;
  /** What the account's object says of itself; `null` when it was never used. Throws when it cannot be reached. */
  headOf(accountId: string): Promise<ObjectHead | null>;
}

export interface AccountAudit {
  /** Entries that were checked. */
  readonly events: number;
  readonly head: ObjectHead | null;
  readonly differences: readonly Difference[];
}

/** Entries read at once: each is a few kilobytes at most. */
const PAGE = 500;

/** Once so much differs, the rest of an account is not read: it is stopped by the first difference, and all fit in memory. */
const MOST_DIFFERENCES = 2_000;

/**
 * Holds the whole ledger of one account, all its epochs, against itself and against the account's object. Entries may
 * arrive while it runs: the ledger's extent is read before the object is asked and its entries after, so that neither can
 * seem to be ahead of the other.
 */
export async function auditAccount(deps: AuditDeps, accountId: string): Promise<AccountAudit> {
  const before = await readTotals(deps.db, accountId);
  const head = await deps.headOf(accountId);
  const begun = beginAudit(sha256Hex, accountId, FIRST_EPOCH);
  const { state, events } = head ? await auditPresent(deps, head, begun) : await auditWhole(deps, begun, before);
  return { events, head, differences: [...state.differences, ...aheadOf(head, before), ...wrongSums(before)] };
}

/**
 * Audits only what was written since the last clean audit, so that its cost follows the traffic and not the history.
 * What was audited before is not looked at again: that is left to the whole audit.
 */
export async function auditRecent(deps: AuditDeps, accountId: string, now: number): Promise<AccountAudit> {
  // Before the object is asked: another audit may get further meanwhile, and the object must not seem to be behind it.
  const from = await readAudited(deps.db, accountId);
  const head = await deps.headOf(accountId);
  if (!head) return { events: 0, head, differences: [] };
  const present = await auditPresent(deps, head, from ?? beginAudit(sha256Hex, accountId, FIRST_EPOCH));
  const { state, events } = present;
  if (state.differences.length === 0 && events > 0) await saveAudited(deps.db, state, now);
  return { events, head, differences: state.differences };
}

/** Holds the whole ledger against itself alone: what it says where there is no object to ask, or none to believe. */
export async function auditLedger(
  deps: Pick<AuditDeps, "db" | "rateOf">,
  accountId: string,
  onEntry: (entry: ChainedEntry) => void,
): Promise<{ readonly state: AuditState; readonly differences: readonly Difference[] }> {
  const before = await readTotals(deps.db, accountId);
  const { state } = await auditWhole(deps, beginAudit(sha256Hex, accountId, FIRST_EPOCH), before, onEntry);
  return { state, differences: [...state.differences, ...overlaps(before), ...wrongSums(before)] };
}

function auditWhole(
  deps: Pick<AuditDeps, "db" | "rateOf">,
  from: AuditState,
  { epochs }: LedgerTotals,
  onEntry: (entry: ChainedEntry) => void = () => {},
): Promise<EntriesAudit> {
  const { epoch = FIRST_EPOCH, newest = 0 } = epochs.at(-1) ?? {};
  return auditEntries(deps, from, { epoch, seq: newest }, NONE, onEntry);
}

async function auditPresent(deps: AuditDeps, head: ObjectHead, from: AuditState): Promise<EntriesAudit> {
  const present = await auditEntries(deps, from, head, unconfirmedOf(head));
  if (present.isPartial) present.state.differences.push(...lostBehind(present));
  else auditHead(present.state, { ...head, grants: new Map(head.grants) });
  return present;
}

type IsUnconfirmed = (seq: number) => boolean;

const NONE: IsUnconfirmed = () => false;

function unconfirmedOf({ unconfirmed }: ObjectHead): IsUnconfirmed {
  const listed = new Set(unconfirmed);
  const last = unconfirmed.at(-1) ?? 0;
  const full = unconfirmed.length >= MOST_LISTED;
  return (seq) => listed.has(seq) || (full && seq > last);
}

interface EntriesAudit {
  readonly state: AuditState;
  readonly events: number;
  /** Whether an entry is still on its way, or too much differed: what lies behind that was not checked. */
  readonly isPartial: boolean;
  /** Entries that neither the ledger nor the outbox has. */
  readonly lost: readonly { readonly from: number; to: number }[];
}

/**
 * Audits the entries behind what `state` has seen, up to `to`, or up to the first one that is still on its way. It gives up
 * once very much differs.
 */
async function auditEntries(
  { db, rateOf }: Pick<AuditDeps, "db" | "rateOf">,
  state: AuditState,
  to: { readonly epoch: number; readonly seq: number },
  isUnconfirmed: IsUnconfirmed,
  onEntry: (entry: ChainedEntry) => void = () => {},
): Promise<EntriesAudit> {
  const { accountId } = state;
  const epochs = await readEpochs(db, accountId, state.epoch, to.epoch);
  const lost: { from: number; to: number }[] = [];
  let events = 0;
  let isPartial = false;
  for (let after = state.seq; after < to.seq; after += PAGE) {
    if (state.differences.length >= MOST_DIFFERENCES) return { state, events, isPartial: true, lost: [] };
    const end = Math.min(to.seq, after + PAGE);
    const read = await readAcross(db, accountId, epochs, { after, to: end });
    const bySeq = new Map(read.map((entry) => [entry.seq, entry]));
    for (let seq = after + 1; seq <= end; seq += 1) {
      const entry = bySeq.get(seq);
      if (entry && !isPartial) {
        auditEntry(state, entry, rateOf, sha256Hex);
        onEntry(entry);
        events += 1;
      } else if (!entry && isUnconfirmed(seq)) isPartial = true;
      else if (!entry) addLost(lost, seq);
    }
  }
  return { state, events, isPartial, lost };
}

function addLost(lost: { from: number; to: number }[], seq: number): void {
  const last = lost.at(-1);
  if (last?.to === seq - 1) last.to = seq;
  else lost.push({ from: seq, to: seq });
}

/** Lost entries behind the last one that was audited; those before it showed as gaps already. */
function lostBehind({ state, lost }: EntriesAudit): Difference[] {
  return lost
    .filter(({ from }) => from > state.seq)
    .map(({ from, to }) => gap(from, "entries in the ledger or the outbox", `${from} to ${to}`, "none"));
}

/** The ledger learns everything from the object: if it knows more, the object has lost its memory. */
function aheadOf(head: ObjectHead | null, totals: LedgerTotals): Difference[] {
  const known = head ?? { epoch: 0, seq: 0 };
  const ahead = totals.epochs
    .filter(({ epoch, newest }) => epoch > known.epoch || (epoch === known.epoch && newest > known.seq))
    .map(({ epoch, first, newest }) => {
      const from = epoch === known.epoch ? known.seq + 1 : first;
      return gap(from, "newest entry of the object", `${epoch}.${newest}`, `${known.epoch}.${known.seq}`);
    });
  return [...ahead, ...overlaps(totals)];
}

/** An epoch that another has followed ends before that: nothing can have been added to it since. */
function overlaps({ epochs }: LedgerTotals): Difference[] {
  return epochs.flatMap(({ epoch, newest }, index) => {
    const next = epochs[index + 1];
    if (!next || newest < next.first) return [];
    return [gap(next.first, `last entry of epoch ${epoch}`, String(next.first - 1), String(newest))];
  });
}

function gap(seq: number, subject: string, expected: string, found: string): Difference {
  return { rule: "gap", seq, subject, expected, found };
}

/** The three datasets and the balance must add up at every instant, whatever is still on its way. */
function wrongSums(totals: LedgerTotals): Difference[] {
  const { balance, entries } = totals.row;
  const checks: [Difference["rule"], string, number, number][] = [
    ["balance", "balance against the sum of its updates", totals.delta, balance],
    ["balance", "number of entries of the balance", totals.entries, entries],
    ["orphan", "usage events against entries that name one", totals.namedUsage, totals.usageEvents],
    [
      "orphan",
      "monetization events against entries that name one",
      totals.namedMonetization,
      totals.monetizationEvents,
    ],
  ];
  return checks
    .filter(([, , expected, found]) => expected !== found)
    .map(([rule, subject, expected, found]) => ({
      rule,
      seq: 0,
      subject,
      expected: String(expected),
      found: String(found),
    }));
}
