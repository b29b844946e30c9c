import { Listing, type PageQuery } from "./listing.ts";
import { type ActOptions, type CallOptions, part, type Transport } from "./transport.ts";
import type {
  AutoTopUp,
  AutoTopUpDocument,
  Checkout,
  CreditPack,
  DismissedPayment,
  NewCheckout,
  OperatorPayment,
  PackDocument,
  Page,
  ParkedPayment,
  Payment,
  PaymentCheck,
  RedrivenPayment,
  StoredPack,
} from "./types.ts";

/** What the holder of an account may buy, has bought, and lets be bought. */
export class Payments {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** What can be bought. */
  async packs(options?: CallOptions): Promise<readonly CreditPack[]> {
    const { data } = await this.#transport.json<Page<CreditPack>>("GET", "/api/credit-packs", options);
    return data;
  }

  /** Begins a purchase at the provider's page; the same key leads to the same one. */
  checkout(checkout: NewCheckout, options: CallOptions & { readonly idempotencyKey?: string } = {}): Promise<Checkout> {
    return this.#transport.json("POST", "/api/checkout", { ...options, body: checkout });
  }

  /** What was paid, newest first. */
  list(query: PageQuery = {}): Listing<Payment> {
    return new Listing(this.#transport, "/api/payments", { ...query });
  }

  autoTopUp(options?: CallOptions): Promise<AutoTopUp> {
    return this.#transport.json("GET", "/api/auto-topup", options);
  }

  /** Has credits bought when few are left. */
  setAutoTopUp(settings: AutoTopUpDocument, options?: CallOptions): Promise<AutoTopUp> {
    return this.#transport.json("PUT", "/api/auto-topup", { ...options, body: settings });
  }
}

/** What an operator offers, sees of payments, and decides about those that wait. */
export class PaymentsAdmin {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async packs(options?: CallOptions): Promise<readonly StoredPack[]> {
    const { data } = await this.#transport.json<Page<StoredPack>>("GET", "/admin/credit-packs", options);
    return data;
  }

  pack(id: string, options?: CallOptions): Promise<StoredPack> {
    return this.#transport.json("GET", `/admin/credit-packs/${part(id)}`, options);
  }

  putPack(id: string, pack: PackDocument, options?: ActOptions): Promise<StoredPack> {
    return this.#transport.json("PUT", `/admin/credit-packs/${part(id)}`, { ...options, body: pack });
  }

  /** Payments, newest first. */
  list(query: PageQuery & { readonly account?: string } = {}): Listing<OperatorPayment> {
    return new Listing(this.#transport, "/admin/payments", { ...query });
  }

  get(id: string, options?: CallOptions): Promise<OperatorPayment> {
    return this.#transport.json("GET", `/admin/payments/${part(id)}`, options);
  }

  /** Holds payments and grants against one another. */
  check(options?: CallOptions): Promise<PaymentCheck> {
    return this.#transport.json("GET", "/admin/payments/check", options);
  }

  /** What waits for a person, and after it what somebody has decided about. */
  parked(query: PageQuery = {}): Listing<ParkedPayment> {
    return new Listing(this.#transport, "/admin/parked-payments", { ...query });
  }

  /** Tries to follow it again. */
  redrive(id: string, options?: ActOptions): Promise<RedrivenPayment> {
    return this.#transport.json("POST", `/admin/parked-payments/${part(id)}/redrive`, options);
  }

  /** Says that nothing is to be done any more. */
  dismiss(id: string, reason: string, options?: CallOptions): Promise<DismissedPayment> {
    return this.#transport.json("POST", `/admin/parked-payments/${part(id)}/dismiss`, { ...options, body: { reason } });
  }
}
