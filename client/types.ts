import type { z } from "zod";
import type * as keys from "../src/account/body-schemas.ts";
import type * as bodies from "../src/admin/schemas.ts";
import type * as alertBodies from "../src/alerts/body-schemas.ts";
import type { planDocument } from "../src/catalog/plan-document.ts";
import type { rateCardDocument } from "../src/catalog/rate-card-document.ts";
import type { upstreamDocument } from "../src/catalog/upstream-document.ts";
import type * as accounts from "../src/openapi/answers/account.ts";
import type * as alerts from "../src/openapi/answers/alerts.ts";
import type * as catalog from "../src/openapi/answers/catalog.ts";
import type * as ledger from "../src/openapi/answers/ledger.ts";
import type * as operations from "../src/openapi/answers/operations.ts";
import type * as payments from "../src/openapi/answers/payments.ts";
import type * as receipts from "../src/openapi/answers/receipt.ts";
import type * as paymentBodies from "../src/payments/body-schemas.ts";

/*
 * The types of the client are those of the schemas by which the gateway checks what it is sent, and by which its tests
 * check what it answers. They are erased: the client needs neither the schemas nor zod to run.
 */

/** A page of a list. */
export interface Page<Item> {
  readonly data: readonly Item[];
  readonly has_more: boolean;
  /** Sent as `cursor` for the next page; `null` on the last one. */
  readonly next_cursor: string | null;
}

export type Account = z.output<typeof accounts.account>;
export type OperatorAccount = z.output<typeof accounts.operatorAccount>;
export type ReopenedAccount = z.output<typeof accounts.reopenedAccount>;
export type Grant = z.output<typeof accounts.grant>;
export type ApiKey = z.output<typeof accounts.apiKey>;
export type NewApiKey = z.output<typeof accounts.newApiKey>;
export type RevokedKey = z.output<typeof accounts.revokedKey>;
export type OwnNewApiKey = z.output<typeof accounts.ownNewKey>;
export type RolledApiKey = z.output<typeof accounts.rolledKey>;
export type OwnRevokedKey = z.output<typeof accounts.ownRevokedKey>;
export type ListedAccount = z.output<typeof accounts.listedAccount>;
export type ResolvedReservation = z.output<typeof accounts.resolvedReservation>;
export type Refund = z.output<typeof accounts.refund>;
export type ObjectWork = z.output<typeof accounts.objectWork>;

export type Receipt = z.output<typeof receipts.receipt>;
export type Quote = z.output<typeof receipts.quote>;

export type UsageEvent = z.output<typeof ledger.usageEvent>;
export type MonetizationEvent = z.output<typeof ledger.monetizationEvent>;
export type BalanceUpdate = z.output<typeof ledger.balanceUpdate>;
export type UsageTotal = z.output<typeof ledger.usageTotal>;
export type KindTotal = z.output<typeof ledger.kindTotal>;
export type DayTotal = z.output<typeof ledger.dayTotal>;
export type RestoredLedger = z.output<typeof ledger.restoredLedger>;
export type LedgerProof = z.output<typeof ledger.proof>;

export type Plan = z.output<typeof catalog.plan>;
export type PlanPreview = z.output<typeof catalog.planPreview>;
export type RateCardPreview = z.output<typeof catalog.rateCardPreview>;
export type RateCardVersion = z.output<typeof catalog.rateCardVersion>;
export type Upstream = z.output<typeof catalog.upstream>;
export type UpstreamPreview = z.output<typeof catalog.upstreamPreview>;
export type Upstreams = z.output<typeof catalog.upstreams>;
export type DeletedUpstream = z.output<typeof catalog.deletedUpstream>;

export type Reconciliation = z.output<typeof operations.reconciliation>;
export type ReconciledAccount = z.output<typeof operations.reconciledAccount>;
export type Rerating = z.output<typeof operations.rerating>;
export type QuarantinedMessage = z.output<typeof operations.quarantined>;
export type Redriven = z.output<typeof operations.redriven>;
export type PendingReservation = z.output<typeof operations.pendingReservation>;
export type AdminLogEntry = z.output<typeof operations.logEntry>;
export type Backtest = z.output<typeof operations.backtest>;
export type Health = z.output<typeof operations.health>;
export type PipelineHealth = z.output<typeof operations.pipelineHealth>;

export type Alert = z.output<typeof alerts.alert>;
export type Acknowledged = z.output<typeof alerts.acknowledged>;
export type AlertEndpoint = z.output<typeof alerts.alertEndpoint>;
export type AlertEndpointSecret = z.output<typeof alerts.alertEndpointSecret>;
export type DeletedEndpoint = z.output<typeof alerts.deletedEndpoint>;
export type SentTest = z.output<typeof alerts.sentTest>;
export type AlertSettings = z.output<typeof alerts.alertSettings>;

export type CreditPack = z.output<typeof payments.creditPack>;
export type StoredPack = z.output<typeof payments.storedPack>;
export type Checkout = z.output<typeof payments.checkout>;
export type Payment = z.output<typeof payments.payment>;
export type OperatorPayment = z.output<typeof payments.operatorPayment>;
export type PaymentCheck = z.output<typeof payments.paymentCheck>;
export type ParkedPayment = z.output<typeof payments.parkedPayment>;
export type RedrivenPayment = z.output<typeof payments.redrivenPayment>;
export type DismissedPayment = z.output<typeof payments.dismissedPayment>;
export type AutoTopUp = z.output<typeof payments.autoTopUp>;

export type NewAccount = z.input<typeof bodies.newAccount>;
export type AccountPatch = z.input<typeof bodies.accountPatch>;
export type NewKey = z.input<typeof bodies.newKey>;
export type NewGrant = z.input<typeof bodies.newGrant>;
export type NewRefund = z.input<typeof bodies.newRefund>;
export type LedgerRestore = z.input<typeof bodies.ledgerRestore>;
export type Reopening = z.input<typeof bodies.reopening>;
export type NewRerating = z.input<typeof bodies.newRerating>;
export type ReservationResolution = z.input<typeof bodies.reservationResolution>;
export type BacktestRequest = z.input<typeof bodies.backtestRequest>;
export type OwnKey = z.input<typeof keys.ownKey>;
export type Rolling = z.input<typeof keys.rolling>;
export type PlanDocument = z.input<typeof planDocument>;
export type RateCardDocument = z.input<typeof rateCardDocument>;
export type UpstreamDocument = z.input<typeof upstreamDocument>;
export type AlertSettingsDocument = z.input<typeof alertBodies.alertSettingsDocument>;
export type NewEndpoint = z.input<typeof alertBodies.newEndpoint>;
export type PackDocument = z.input<typeof paymentBodies.packDocument>;
export type NewCheckout = z.input<typeof paymentBodies.newCheckout>;
export type AutoTopUpDocument = z.input<typeof paymentBodies.autoTopUpDocument>;
