import type { AuditState, Difference } from "../core/audit.ts";
import { Carrying, type CarryOver, isOpening, openingEntry } from "../core/carry-over.ts";
import type { ChainedEntry } from "../core/event.ts";
import type { Plan } from "../core/plan.ts";
import { sha256Hex } from "../sha256.ts";
import { type AuditDeps, auditLedger } from "./account-audit.ts";
import { readNewest } from "./extent.ts";
import { writeOpening } from "./write.ts";

export interface ReopenDeps extends AuditDeps {
  /** The hash that the object's own history has at an entry; `null` where it does not remember it. */
  hashAt(accountId: string, seq: number): Promise<string | null>;
}

/** What an object that has lost its memory goes on from, or why it needs nothing or may have nothing. */
export type Reopening =
  | { readonly kind: "opened"; readonly opening: ChainedEntry; readonly carried: CarryOver }
  /** The object goes on from the opening already, and nothing has happened since. */
  | { readonly kind: "repeated"; readonly opening: ChainedEntry }
  /** The ledger itself does not add up, or lacks an entry. */
  | { readonly kind: "differs"; readonly difference: Difference }
  | { readonly kind: Exclude<Standing, "lost" | "behind" | "forked"> | "no_ledger" };

/** How an account's object stands to its ledger. */
type Standing =
  /** There is no object. */
  | "lost"
  /** The ledger knows more than the object. */
  | "behind"
  /** The object has another history than the ledger. */
  | "forked"
  | "in_step"
  /** The object has entries that the ledger can still take. */
  | "undelivered"
  /** The ledger lacks what the object saw confirmed. */
  | "ledger_behind"
  /** The ledger has taken more in since it was read. */
  | "moved";

/**
 * Ends the present epoch of an account's ledger and begins the next, for an object that was restored to an earlier moment
 * or lost. The ledger is read whole and must add up by itself. The next epoch begins in the ledger first: from then on it
 * takes nothing more of the one before, so that what is carried over stays what it is. Should the object not be reached
 * after that, it is behind as it was, and doing all of it again begins a further epoch.
 */
export async function reopenLedger(
  deps: ReopenDeps,
  accountId: string,
  plan: Plan,
  reason: string,
  now: number,
): Promise<Reopening> {
  const carrying = new Carrying(accountId, plan, sha256Hex, deps.rateOf, now);
  const last: { entry: ChainedEntry | null } = { entry: null };
  const { state, differences } = await auditLedger(deps, accountId, (entry) => {
    carrying.take(entry);
    last.entry = entry;
  });
  const [difference] = differences;
  if (difference) return { kind: "differs", difference };
  if (last.entry === null) return { kind: "no_ledger" };
  const standing = await standingOf(deps, state);
  if (standing === "in_step" && isOpening(last.entry)) return { kind: "repeated", opening: last.entry };
  if (standing !== "lost" && standing !== "behind" && standing !== "forked") return { kind: standing };
  const opening = openingEntry(sha256Hex, state, reason, now);
  if (!(await writeOpening(deps.db, opening))) return { kind: "moved" };
  const { epoch, seq, hash: head } = opening;
  const carried = carrying.until({ accountId, epoch, seq, head, balance: state.balance }, reason);
  return { kind: "opened", opening, carried };
}

async function standingOf(deps: ReopenDeps, { accountId, epoch, seq, head }: AuditState): Promise<Standing> {
  const object = await deps.headOf(accountId);
  if (!object) return "lost";
  if (object.epoch < epoch || (object.epoch === epoch && object.seq < seq)) return "behind";
  const hash = object.epoch > epoch ? null : object.seq === seq ? object.head : await deps.hashAt(accountId, seq);
  if (hash === null) return (await readNewest(deps.db, accountId))?.seq === seq ? "ledger_behind" : "moved";
  if (hash !== head) return "forked";
  return object.seq === seq ? "in_step" : "undelivered";
}
