import type { MicroCredits } from "../core/amount.ts";
import { auditEntry, auditHead, beginAudit, type Difference } from "../core/audit.ts";
import { FIRST_EPOCH, genesis } from "../core/event.ts";
import { sha256Hex } from "../sha256.ts";
import type { AuditDeps, ObjectHead } from "./account-audit.ts";
import { readAcross, readEpochs } from "./epochs.ts";
import { readExtent, readNewest } from "./extent.ts";

/** What an account's ledger proves of itself: all its epochs, from genesis to its newest entry. */
export interface LedgerProof {
  /** The present epoch. */
  readonly epoch: number;
  /** The last entry that was checked; 0 when there is none. */
  readonly asOfSeq: number;
  readonly genesis: string;
  /** The hash of that entry, or the genesis. */
  readonly head: string;
  readonly entries: number;
  readonly balance: MicroCredits;
  /** What is left of each grant that has something left. */
  readonly grants: readonly (readonly [id: string, left: MicroCredits])[];
  readonly firstDifference: Difference | null;
  /** Entries of the object that are not in the ledger yet. With none, the ledger was held against the object too. */
  readonly pending: number;
}

/** A ledger with more entries than this is not proven in one answer. */
export const MOST_PROVEN = 100_000;

/** The ledger is longer than what one answer can prove. */
export interface TooLong {
  readonly tooLong: number;
}

/** Entries read at once. */
const PAGE = 500;

/**
 * Checks the whole of an account's ledger, page by page, and holds it against the account's object where nothing is on
 * its way. `null` when there is no such account. Throws when the object or D1 cannot be reached.
 */
export async function proveLedger(deps: AuditDeps, accountId: string): Promise<LedgerProof | TooLong | null> {
  const newest = await readNewest(deps.db, accountId);
  const head = await deps.headOf(accountId);
  if (!head) return null;
  const { epoch, to, pending } = await readExtent(deps.db, accountId, head);
  if (to > MOST_PROVEN) return { tooLong: to };

  const state = beginAudit(sha256Hex, accountId, FIRST_EPOCH);
  const epochs = await readEpochs(deps.db, accountId, FIRST_EPOCH, epoch);
  const first = new FirstDifference();
  let entries = 0;
  for (let after = 0; after < to; after += PAGE) {
    const page = await readAcross(deps.db, accountId, epochs, { after, to: Math.min(to, after + PAGE) });
    for (const entry of page) auditEntry(state, entry, deps.rateOf, sha256Hex);
    entries += page.length;
    first.take(state.differences);
  }
  if (pending === 0) auditHead(state, { ...head, grants: new Map(head.grants) });
  else if (state.seq !== to) first.take([gap(state.seq + 1, to, state.seq)]);
  first.take(state.differences);
  if (newest && isAhead(newest, head)) first.take([gap(head.seq + 1, head.seq, newest.seq)]);
  return {
    epoch,
    asOfSeq: state.seq,
    genesis: genesis(sha256Hex, accountId, FIRST_EPOCH),
    head: state.head,
    entries,
    balance: state.balance,
    grants: [...state.grants].filter(([, left]) => left !== 0),
    firstDifference: first.found,
    pending,
  };
}

/** Keeps the difference with the smallest sequence number; a broken ledger may have one for each entry. */
class FirstDifference {
  found: Difference | null = null;

  take(differences: Difference[]): void {
    for (const difference of differences.splice(0)) {
      if (this.found === null || difference.seq < this.found.seq) this.found = difference;
    }
  }
}

/** The ledger learns everything from the object: if it knows more, the object has lost its memory. */
function isAhead(newest: { epoch: number; seq: number }, head: ObjectHead): boolean {
  return newest.epoch > head.epoch || (newest.epoch === head.epoch && newest.seq > head.seq);
}

function gap(seq: number, expected: number, found: number): Difference {
  return { rule: "gap", seq, subject: "newest entry in the ledger", expected: String(expected), found: String(found) };
}
