import type { Difference } from "../core/audit.ts";
import { type AccountAudit, type AuditDeps, auditAccount, auditRecent } from "./account-audit.ts";
import { rootOf } from "./failure.ts";
import { type LedgerDifference, type Reconciliation, saveReconciliation } from "./reconciliations.ts";

export interface ReconcileDeps extends AuditDeps {
  /** Freezes paid use of an account whose ledger does not add up. Doing it again changes nothing. */
  freeze(accountId: string, first: LedgerDifference): Promise<void>;
  /** Accounts after `after`, in the order of their ids, at most `limit`. */
  accountsAfter(after: string | null, limit: number): Promise<readonly string[]>;
  /** An id for the result; ids sort by time. */
  newId(): string;
  now(): number;
}

/** Told after each account. */
export type Progress = (accountId: string, differences: readonly LedgerDifference[]) => void;

/** A result is one row, which may have 2 MB. */
const LISTED = 200;
const REASON_CHARACTERS = 300;
const ACCOUNTS_AT_ONCE = 100;

/** Checks one account's ledger, freezes it if anything differs, stores and returns the result. Corrects nothing. */
export async function reconcileAccount(deps: ReconcileDeps, accountId: string): Promise<Reconciliation> {
  const run = new Run(deps);
  await run.check(accountId);
  return run.finish(accountId);
}

/** The same for every account, one after the other. What fails for one account does not keep the others waiting. */
export async function reconcileAll(deps: ReconcileDeps, onProgress: Progress = () => {}): Promise<Reconciliation> {
  const run = new Run(deps);
  let after: string | null = null;
  for (;;) {
    const accounts = await deps.accountsAfter(after, ACCOUNTS_AT_ONCE);
    for (const accountId of accounts) onProgress(accountId, await run.check(accountId));
    after = accounts.at(-1) ?? null;
    if (after === null) return run.finish(null);
  }
}

/** Checks what was written since the last clean check, for the given accounts. */
export async function reconcileRecent(deps: ReconcileDeps, accountIds: readonly string[]): Promise<Reconciliation> {
  const run = new Run(deps, (accountId) => auditRecent(deps, accountId, deps.now()));
  for (const accountId of accountIds) await run.check(accountId);
  return run.finish(null);
}

/** One reconciliation under way. */
class Run {
  readonly #deps: ReconcileDeps;
  readonly #audit: (accountId: string) => Promise<AccountAudit>;
  readonly #checked = { accounts: 0, events: 0 };
  readonly #pending = { reservations: 0, stale_reservations: 0, outbox: 0 };
  readonly #differences: LedgerDifference[] = [];
  #differenceCount = 0;
  readonly #unchecked: { account: string; reason: string }[] = [];
  #uncheckedCount = 0;

  constructor(deps: ReconcileDeps, audit = (accountId: string) => auditAccount(deps, accountId)) {
    this.#deps = deps;
    this.#audit = audit;
  }

  async check(account: string): Promise<readonly LedgerDifference[]> {
    try {
      const audit = await this.#audit(account);
      const differences = inOrder(audit.differences).map((difference) => ({ account, ...difference }));
      this.#count(audit, differences);
      const [first] = differences;
      if (first) await this.#deps.freeze(account, first);
      return differences;
    } catch (error) {
      this.#uncheckedCount += 1;
      if (this.#unchecked.length < LISTED) this.#unchecked.push({ account, reason: reasonOf(error) });
      return [];
    }
  }

  async finish(account: string | null): Promise<Reconciliation> {
    const { newId, now } = this.#deps;
    const finishedAt = now();
    const result: Reconciliation = {
      id: newId(),
      account,
      checked: this.#checked,
      pending: this.#pending,
      differences: this.#differences,
      difference_count: this.#differenceCount,
      unchecked: this.#unchecked,
      unchecked_count: this.#uncheckedCount,
      finished_at: new Date(finishedAt).toISOString(),
    };
    await saveReconciliation(this.#deps.db, result, finishedAt);
    return result;
  }

  #count({ head, events }: AccountAudit, differences: readonly LedgerDifference[]): void {
    this.#checked.accounts += 1;
    this.#checked.events += events;
    this.#pending.reservations += head?.pendingReservations ?? 0;
    this.#pending.stale_reservations += head?.staleReservations ?? 0;
    this.#pending.outbox += head?.unconfirmed.length ?? 0;
    this.#differences.push(...differences.slice(0, LISTED - this.#differences.length));
    this.#differenceCount += differences.length;
  }
}

function reasonOf(error: unknown): string {
  const root = rootOf(error);
  return (root instanceof Error ? root.message : String(root)).slice(0, REASON_CHARACTERS).toWellFormed();
}

/** By sequence number; those that concern none (0) come last. */
function inOrder(differences: readonly Difference[]): Difference[] {
  const place = ({ seq }: Difference): number => (seq === 0 ? Number.POSITIVE_INFINITY : seq);
  return [...differences].sort((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}
