import { Alerts } from "./alerts.ts";
import { Listing, type PageQuery } from "./listing.ts";
import { Payments } from "./payments.ts";
import { type CallOptions, type ClientOptions, part, Transport } from "./transport.ts";
import type {
  Account,
  ApiKey,
  BalanceUpdate,
  Health,
  LedgerProof,
  OwnKey,
  OwnNewApiKey,
  OwnRevokedKey,
  Page,
  PipelineHealth,
  Quote,
  Receipt,
  RolledApiKey,
  Rolling,
  UsageEvent,
  UsageTotal,
} from "./types.ts";
import { type UsageQuery, usageParameters } from "./usage-query.ts";

/** A page of the caller's own ledger, and how far it reaches. */
export interface LedgerPage extends Page<BalanceUpdate> {
  readonly as_of_seq: number | null;
}

/** What the holder of a key may know of the account (`/api`). Nothing here costs credits. */
export class Spillway {
  readonly payments: Payments;
  readonly alerts: Alerts;
  readonly #transport: Transport;

  /** `token` is the key; the routes of {@link health} need none. */
  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.payments = new Payments(this.#transport);
    this.alerts = new Alerts(this.#transport, "/api");
  }

  /** Plan, limits, credits and grants as they are now. */
  account(options?: CallOptions): Promise<Account> {
    return this.#transport.json("GET", "/api/account", options);
  }

  /** Requests that have ended, newest first. */
  requests(query: PageQuery = {}): Listing<UsageEvent> {
    return new Listing(this.#transport, "/api/requests", { ...query });
  }

  /** The explanation of a request, by the `x-request-id` of its answer. */
  receipt(requestId: string, options?: CallOptions): Promise<Receipt> {
    return this.#transport.json("GET", `/api/requests/${part(requestId)}`, options);
  }

  /** Balance updates, newest first. */
  ledger(query: PageQuery = {}): Listing<BalanceUpdate, LedgerPage> {
    return new Listing(this.#transport, "/api/ledger", { ...query });
  }

  /** All balance updates as CSV, oldest first; the body is read as it is taken. */
  ledgerCsv(options?: CallOptions): Promise<Response> {
    return this.#transport.send("GET", "/api/ledger.csv", { ...options, accept: "text/csv" });
  }

  /** The ledger as NDJSON that anyone can verify; the body is read as it is taken. */
  exportLedger(options?: CallOptions): Promise<Response> {
    return this.#transport.send("GET", "/api/ledger/export", { ...options, accept: "application/x-ndjson" });
  }

  /** Has the ledger checked, entry by entry. */
  proof(options?: CallOptions): Promise<LedgerProof> {
    return this.#transport.json("GET", "/api/ledger/proof", options);
  }

  /** Usage and charges, summed up. */
  async usage(query: UsageQuery = {}, options?: CallOptions): Promise<readonly UsageTotal[]> {
    const asked = { ...options, query: usageParameters(query) };
    const { data } = await this.#transport.json<Page<UsageTotal>>("GET", "/api/usage", asked);
    return data;
  }

  /** What a request would cost at most and who would pay, without any effect. */
  quote(request: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<Quote> {
    return this.#transport.json("POST", "/api/quote", { ...options, body: request });
  }

  /** The account's keys, without their secrets. */
  async keys(options?: CallOptions): Promise<readonly ApiKey[]> {
    const { data } = await this.#transport.json<Page<ApiKey>>("GET", "/api/keys", options);
    return data;
  }

  /** The answer holds the key itself, which is shown this once. It can do at most what this client's key can. */
  createKey(key: OwnKey = {}, options?: CallOptions): Promise<OwnNewApiKey> {
    return this.#transport.json("POST", "/api/keys", { ...options, body: key });
  }

  /** Replaces a key; the old one works on for the overlap. */
  rollKey(keyId: string, rolling: Rolling = {}, options?: CallOptions): Promise<RolledApiKey> {
    return this.#transport.json("POST", `/api/keys/${part(keyId)}/roll`, { ...options, body: rolling });
  }

  revokeKey(keyId: string, options?: CallOptions): Promise<OwnRevokedKey> {
    return this.#transport.json("DELETE", `/api/keys/${part(keyId)}`, options);
  }

  /** Whether the gateway lives. */
  health(options?: CallOptions): Promise<Health> {
    return this.#transport.json("GET", "/health", options);
  }

  /** How the ledger follows. */
  pipeline(options?: CallOptions): Promise<PipelineHealth> {
    return this.#transport.json("GET", "/health/pipeline", options);
  }
}
