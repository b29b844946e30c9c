import { Alerts } from "./alerts.ts";
import { AccountsAdmin } from "./operator-accounts.ts";
import { PlansAdmin, RateCardsAdmin, UpstreamsAdmin } from "./operator-catalog.ts";
import { LedgerAdmin } from "./operator-ledger.ts";
import { PaymentsAdmin } from "./payments.ts";
import { type ClientOptions, type RequestOptions, Transport } from "./transport.ts";

/** What an operator may do (`/admin`). `token` is the operator's, never a key of an account. */
export class SpillwayOperator {
  readonly accounts: AccountsAdmin;
  readonly plans: PlansAdmin;
  readonly rateCards: RateCardsAdmin;
  readonly upstreams: UpstreamsAdmin;
  readonly ledger: LedgerAdmin;
  readonly payments: PaymentsAdmin;
  /** The operator's own. */
  readonly alerts: Alerts;
  readonly #transport: Transport;

  constructor(options: ClientOptions) {
    this.#transport = new Transport(options);
    this.accounts = new AccountsAdmin(this.#transport);
    this.plans = new PlansAdmin(this.#transport);
    this.rateCards = new RateCardsAdmin(this.#transport);
    this.upstreams = new UpstreamsAdmin(this.#transport);
    this.ledger = new LedgerAdmin(this.#transport);
    this.payments = new PaymentsAdmin(this.#transport);
    this.alerts = new Alerts(this.#transport, "/admin");
  }

  /** The alerts of an account. */
  alertsOf(account: string): Alerts {
    return new Alerts(this.#transport, "/admin", { account });
  }

  /** Any route, for what is newer than this client. The answer is JSON of an unknown shape. */
  request(method: string, path: string, options?: RequestOptions): Promise<unknown> {
    return this.#transport.json<unknown>(method, path, options);
  }
}
