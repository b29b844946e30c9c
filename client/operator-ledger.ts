import { linesOf } from "./lines.ts";
import { Listing, type PageQuery } from "./listing.ts";
import { type ActOptions, type CallOptions, part, type Transport } from "./transport.ts";
import type {
  AdminLogEntry,
  Backtest,
  BacktestRequest,
  DayTotal,
  KindTotal,
  NewRerating,
  Page,
  PendingReservation,
  QuarantinedMessage,
  ReconciledAccount,
  Reconciliation,
  Redriven,
  Rerating,
} from "./types.ts";
import type { Span } from "./usage-query.ts";

export interface TotalsQuery extends Span {
  readonly account?: string;
}

/** A reconciliation of all accounts as it goes: each account, and the result as the last one. */
export type ReconciliationStep =
  | { readonly kind: "account"; readonly account: ReconciledAccount }
  | { readonly kind: "result"; readonly result: Reconciliation };

/** Checking, correcting and watching the ledger of all accounts. */
export class LedgerAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Checks one account's ledger, or without an account those of all. */
  reconcile(account: string | null, options?: CallOptions): Promise<Reconciliation> {
    return this.#transport.json("POST", "/admin/reconciliations", { ...options, body: { account } });
  }

  /** The same for all accounts, telling its progress. Throws when it breaks off. */
  async *reconcileAll(options?: CallOptions): AsyncGenerator<ReconciliationStep> {
    const accept = "application/x-ndjson";
    const response = await this.#transport.send("POST", "/admin/reconciliations", { ...options, body: {}, accept });
    for await (const line of linesOf(response)) {
      const told = JSON.parse(line) as ReconciledAccount | Reconciliation;
      yield "id" in told ? { kind: "result", result: told } : { kind: "account", account: told };
    }
  }

  latestReconciliation(options?: CallOptions): Promise<Reconciliation> {
    return this.#transport.json("GET", "/admin/reconciliations/latest", options);
  }

  /** Corrects a wrong price; with `dry_run`, only tells what it would come to. */
  rerate(rerating: NewRerating, options?: CallOptions): Promise<Rerating> {
    return this.#transport.json("POST", "/admin/reratings", { ...options, body: rerating });
  }

  /** Messages that could not be written, newest first. */
  quarantine(query: PageQuery = {}): Listing<QuarantinedMessage> {
    return new Listing(this.#transport, "/admin/quarantine", { ...query });
  }

  /** Puts a message on the queue again. */
  redrive(id: string, options?: ActOptions): Promise<Redriven> {
    return this.#transport.json("POST", `/admin/quarantine/${part(id)}/redrive`, options);
  }

  /** Requests under way, of one account or of all. */
  reservations(query: PageQuery & { readonly account?: string } = {}): Listing<PendingReservation> {
    return new Listing(this.#transport, "/admin/reservations", { ...query });
  }

  /** The sum of each kind of balance update. */
  async totals(query: TotalsQuery = {}, options?: CallOptions): Promise<readonly KindTotal[]> {
    const asked = { ...options, query: { ...query } };
    const { data } = await this.#transport.json<Page<KindTotal>>("GET", "/admin/totals", asked);
    return data;
  }

  /** The same by day in UTC. */
  async dailyTotals(query: TotalsQuery = {}, options?: CallOptions): Promise<readonly DayTotal[]> {
    const asked = { ...options, query: { ...query } };
    const { data } = await this.#transport.json<Page<DayTotal>>("GET", "/admin/totals/daily", asked);
    return data;
  }

  /** Tries a plan or prices on stored usage: who would have paid what. */
  backtest(trial: BacktestRequest, options?: CallOptions): Promise<Backtest> {
    return this.#transport.json("POST", "/admin/backtests", { ...options, body: trial });
  }

  /** What operators did, newest first. */
  log(query: PageQuery & { readonly account?: string } = {}): Listing<AdminLogEntry> {
    return new Listing(this.#transport, "/admin/log", { ...query });
  }
}
