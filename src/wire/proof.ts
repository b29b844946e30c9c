import { formatCredits } from "../core/amount.ts";
import type { LedgerProof } from "../ledger/proof.ts";
import { instant } from "./time.ts";

/** What the check of an account's ledger came to. */
export function proofWire(accountId: string, proof: LedgerProof, now: number) {
  return {
    account: accountId,
    epoch: proof.epoch,
    as_of_seq: proof.asOfSeq,
    head: proof.head,
    genesis: proof.genesis,
    entries: proof.entries,
    verified: proof.firstDifference === null,
    balance: formatCredits(proof.balance),
    grants: Object.fromEntries(proof.grants.map(([id, left]) => [id, formatCredits(left)])),
    first_difference: proof.firstDifference,
    pending: proof.pending,
    checked_at: instant(now),
  };
}
