import { Listing, type PageQuery } from "./listing.ts";
import { type ActOptions, type CallOptions, part, type RequestOptions, type Transport } from "./transport.ts";
import type {
  AccountPatch,
  ApiKey,
  BalanceUpdate,
  Grant,
  LedgerProof,
  LedgerRestore,
  ListedAccount,
  MonetizationEvent,
  NewAccount,
  NewApiKey,
  NewGrant,
  NewKey,
  NewRefund,
  ObjectWork,
  OperatorAccount,
  Page,
  Receipt,
  Refund,
  ReopenedAccount,
  Reopening,
  ReservationResolution,
  ResolvedReservation,
  RestoredLedger,
  RevokedKey,
  UsageEvent,
  UsageTotal,
} from "./types.ts";
import { type UsageQuery, usageParameters } from "./usage-query.ts";

/** The same key counts once. Without one, a key is made up, so that only the client's own repetitions are one. */
export interface OnceOptions extends ActOptions {
  readonly idempotencyKey?: string;
}

export interface AccountQuery extends PageQuery {
  /** A part of the id or of the name. */
  readonly search?: string;
  readonly sort?: "created_at" | "name" | "id" | "balance";
  readonly order?: "asc" | "desc";
}

/** Accounts, their keys, their money and their datasets. */
export class AccountsAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(query: AccountQuery = {}): Listing<ListedAccount> {
    return new Listing(this.#transport, "/admin/accounts", { ...query });
  }

  create(account: NewAccount, options?: ActOptions): Promise<OperatorAccount> {
    return this.#transport.json("POST", "/admin/accounts", { ...options, body: account });
  }

  get(id: string, options?: CallOptions): Promise<OperatorAccount> {
    return this.#transport.json("GET", pathOf(id), options);
  }

  update(id: string, patch: AccountPatch, options?: ActOptions): Promise<OperatorAccount> {
    return this.#transport.json("PATCH", pathOf(id), { ...options, body: patch });
  }

  /** Lets an account go on from its ledger, whose object was restored to an earlier moment, or lost. */
  reopen(id: string, reopening: Reopening, options?: CallOptions): Promise<ReopenedAccount> {
    return this.#transport.json("POST", pathOf(id, "reopen"), { ...options, body: reopening });
  }

  async keys(id: string, options?: CallOptions): Promise<readonly ApiKey[]> {
    const { data } = await this.#transport.json<Page<ApiKey>>("GET", pathOf(id, "keys"), options);
    return data;
  }

  /** The answer holds the key itself, which is shown this once. */
  createKey(id: string, key: NewKey = {}, options?: ActOptions): Promise<NewApiKey> {
    return this.#transport.json("POST", pathOf(id, "keys"), { ...options, body: key });
  }

  revokeKey(id: string, keyId: string, options?: ActOptions): Promise<RevokedKey> {
    return this.#transport.json("DELETE", pathOf(id, "keys", keyId), options);
  }

  grant(id: string, grant: NewGrant, options: OnceOptions = {}): Promise<Grant> {
    return this.#transport.json("POST", pathOf(id, "grants"), once(grant, options));
  }

  /** Takes away what is left of a grant. */
  voidGrant(id: string, grantId: string, reason: string, options?: CallOptions): Promise<Grant> {
    return this.#transport.json("DELETE", pathOf(id, "grants", grantId), { ...options, body: { reason } });
  }

  /** Gives credits of a request's charge back; without an amount, all that is left of it. */
  refund(id: string, refund: NewRefund, options: OnceOptions = {}): Promise<Refund> {
    return this.#transport.json("POST", pathOf(id, "refunds"), once(refund, options));
  }

  /** What happened, newest first. */
  usageEvents(id: string, query: PageQuery = {}): Listing<UsageEvent> {
    return new Listing(this.#transport, pathOf(id, "usage-events"), { ...query });
  }

  /** What was charged, newest first. */
  monetizationEvents(id: string, query: PageQuery = {}): Listing<MonetizationEvent> {
    return new Listing(this.#transport, pathOf(id, "monetization-events"), { ...query });
  }

  /** What changed on the balance, newest first. */
  balanceUpdates(id: string, query: PageQuery = {}): Listing<BalanceUpdate> {
    return new Listing(this.#transport, pathOf(id, "balance-updates"), { ...query });
  }

  /** Its ledger as NDJSON that anyone can verify; the body is read as it is taken. */
  exportLedger(id: string, options?: CallOptions): Promise<Response> {
    return this.#transport.send("GET", pathOf(id, "ledger", "export"), { ...options, accept: "application/x-ndjson" });
  }

  /** Puts back entries of an export that its ledger has lost; those that are there are left alone. */
  restoreLedger(id: string, restore: LedgerRestore, options?: CallOptions): Promise<RestoredLedger> {
    return this.#transport.json("POST", pathOf(id, "ledger", "entries"), once(restore, { ...options }));
  }

  /** Has its ledger checked, entry by entry. */
  proof(id: string, options?: CallOptions): Promise<LedgerProof> {
    return this.#transport.json("GET", pathOf(id, "ledger", "proof"), options);
  }

  /** The explanation of a request of the account. */
  receipt(id: string, requestId: string, options?: CallOptions): Promise<Receipt> {
    return this.#transport.json("GET", pathOf(id, "requests", requestId), options);
  }

  /** Its usage and charges, summed up. */
  async usage(id: string, query: UsageQuery = {}, options?: CallOptions): Promise<readonly UsageTotal[]> {
    const asked = { ...options, query: usageParameters(query) };
    const { data } = await this.#transport.json<Page<UsageTotal>>("GET", pathOf(id, "usage"), asked);
    return data;
  }

  /** Ends a pending request by hand. */
  resolve(
    id: string,
    requestId: string,
    resolution: ReservationResolution,
    options?: CallOptions,
  ): Promise<ResolvedReservation> {
    const path = pathOf(id, "reservations", requestId, "resolve");
    return this.#transport.json("POST", path, { ...options, body: resolution });
  }

  /** What the account's object had to do. */
  work(id: string, options?: CallOptions): Promise<ObjectWork> {
    return this.#transport.json("GET", pathOf(id, "work"), options);
  }
}

function pathOf(id: string, ...below: readonly string[]): string {
  return ["/admin/accounts", part(id), ...below.map(part)].join("/");
}

function once(body: unknown, { idempotencyKey, ...options }: OnceOptions): RequestOptions {
  return { ...options, body, idempotencyKey: idempotencyKey ?? crypto.randomUUID() };
}
