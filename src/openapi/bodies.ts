import * as z from "zod";
import { ownKey, rolling } from "../account/body-schemas.ts";
import {
  accountPatch,
  backtestRequest,
  ledgerRestore,
  newAccount,
  newGrant,
  newKey,
  newRefund,
  newRerating,
  reconciliationRequest,
  reopening,
  reservationResolution,
  voiding,
} from "../admin/schemas.ts";
import { alertSettingsDocument, newEndpoint } from "../alerts/body-schemas.ts";
import { planDocument } from "../catalog/plan-document.ts";
import { rateCardDocument } from "../catalog/rate-card-document.ts";
import { upstreamDocument } from "../catalog/upstream-document.ts";
import { autoTopUpDocument, dismissal, newCheckout, packDocument } from "../payments/body-schemas.ts";

/** The schemas by which routes check what they are sent, under the names that they have in the document. */
export const bodies = z.registry<{ id: string }>();

const NAMES: Readonly<Record<string, z.ZodType>> = {
  NewAccount: newAccount,
  AccountPatch: accountPatch,
  NewKey: newKey,
  NewGrant: newGrant,
  Voiding: voiding,
  Reopening: reopening,
  NewRefund: newRefund,
  NewRerating: newRerating,
  LedgerRestore: ledgerRestore,
  ReconciliationRequest: reconciliationRequest,
  ReservationResolution: reservationResolution,
  BacktestRequest: backtestRequest,
  OwnKey: ownKey,
  Rolling: rolling,
  CreditPackDocument: packDocument,
  NewCheckout: newCheckout,
  AutoTopUpDocument: autoTopUpDocument,
  Dismissal: dismissal,
  AlertSettingsDocument: alertSettingsDocument,
  NewAlertEndpoint: newEndpoint,
  PlanDocument: planDocument,
  RateCardDocument: rateCardDocument,
  UpstreamDocument: upstreamDocument,
};

for (const [id, schema] of Object.entries(NAMES)) bodies.add(schema, { id });
