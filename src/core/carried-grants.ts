import type { MicroCredits } from "./amount.ts";
import { renewalOf } from "./entitlement.ts";
import type { BalanceUpdate, ChainedEntry, GrantTerms, Sha256 } from "./event.ts";
import { GRANT_KINDS, type Grant } from "./grant.ts";

/**
 * The grants of an account as its ledger tells of them, entry by entry: all of them, also those that are used up, since
 * an order that is sent again must find its grant.
 */
export class CarriedGrants {
  /** Credits debited and not given back, over all grants. */
  used: MicroCredits = 0;
  /** The start of the period for which each entitlement was granted last. */
  readonly renewals: Record<string, number> = {};
  readonly #accountId: string;
  readonly #sha256: Sha256;
  readonly #grants = new Map<string, Grant>();

  constructor(accountId: string, sha256: Sha256) {
    this.#accountId = accountId;
    this.#sha256 = sha256;
  }

  take(entry: ChainedEntry): void {
    for (const update of entry.updates) {
      this.#move(entry, update);
      this.#endByHand(entry, update);
    }
  }

  all(): Grant[] {
    return [...this.#grants.values()];
  }

  #move(entry: ChainedEntry, { kind, source, amount, detail }: BalanceUpdate): void {
    if (source === null) return;
    if (kind === "grant" && detail && "priority" in detail) this.#grant(entry, source, amount, detail);
    if (kind === "debit") this.#use(source, amount);
    if (kind === "refund") this.#use(source, -amount);
    if (kind === "expiry" || kind === "void") {
      this.#change(source, (grant) => ({ ...grant, lapsed: grant.lapsed + amount }));
    }
  }

  #grant({ at, seq }: ChainedEntry, id: string, amount: MicroCredits, terms: GrantTerms): void {
    const { priority, effectiveAt, expiresAt, features, reason } = terms;
    const kind = GRANT_KINDS.find((known) => known === terms.kind) ?? "adjustment";
    const made = { id, kind, amount, priority, effectiveAt, expiresAt, features, reason };
    this.#grants.set(id, { ...made, createdAt: at, createdSeq: seq, used: 0, lapsed: 0, voidedAt: null });
    const renewal = renewalOf(this.#sha256, this.#accountId, made);
    if (!renewal) return;
    const { entitlement, start } = renewal;
    this.renewals[entitlement] = Math.max(this.renewals[entitlement] ?? start, start);
  }

  #use(id: string, amount: MicroCredits): void {
    this.used += amount;
    this.#change(id, (grant) => ({ ...grant, used: grant.used + amount }));
  }

  /** What a person took away bears a reason, also where requests held all of it and nothing could be taken yet. */
  #endByHand({ at }: ChainedEntry, { kind, cause, detail }: BalanceUpdate): void {
    if ((kind !== "void" && kind !== "none") || detail === null || "priority" in detail) return;
    const { reclaimed } = detail;
    this.#change(cause, (grant) =>
      reclaimed === undefined
        ? { ...grant, voidedAt: grant.voidedAt ?? at }
        : { ...grant, reclaimed: Math.max(grant.reclaimed ?? 0, reclaimed) },
    );
  }

  #change(id: string, to: (grant: Grant) => Grant): void {
    const grant = this.#grants.get(id);
    if (grant) this.#grants.set(id, to(grant));
  }
}
