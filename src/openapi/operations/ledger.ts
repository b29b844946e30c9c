import { backtestRequest, newRerating, reconciliationRequest } from "../../admin/schemas.ts";
import { dayTotals, kindTotals } from "../answers/ledger.ts";
import {
  adminLog,
  backtest,
  quarantine,
  reconciliation,
  redriven,
  rerating,
  reservations,
} from "../answers/operations.ts";
import { json, MONTH, type Operation, PAGING, span, told } from "../operation.ts";

const common = { tag: "Ledger", caller: "operator" } as const;

/** Checking, correcting and watching the ledger of all accounts. */
export const ledgerOperations: readonly Operation[] = [
  {
    ...common,
    id: "reconcile",
    method: "post",
    path: "/admin/reconciliations",
    summary: "Check the ledger of one account, or of all",
    description:
      "Completeness, prices, sums, the hash chain and gaps. Nothing is corrected; an account that differs is frozen for " +
      "paid use. Of all accounts, and with `Accept: application/x-ndjson`, the progress is told line by line.",
    headers: { Accept: { description: "`application/x-ndjson` for a line after each account." } },
    bodyIsOptional: true,
    body: [json(reconciliationRequest)],
    answers: {
      200: {
        description: "The result.",
        contents: [
          json(reconciliation),
          {
            kind: "other",
            mediaType: "application/x-ndjson",
            description: "A `ReconciledAccount` for each account, and the `Reconciliation` as the last line.",
          },
        ],
      },
    },
    refusals: ["account_not_found"],
  },
  {
    ...common,
    id: "getLatestReconciliation",
    method: "get",
    path: "/admin/reconciliations/latest",
    summary: "The newest result",
    answers: { 200: told("The result.", reconciliation) },
    refusals: ["no_reconciliation"],
  },
  {
    ...common,
    id: "listQuarantine",
    method: "get",
    path: "/admin/quarantine",
    summary: "Messages that could not be written, newest first",
    description: "A page of large messages is shorter than its limit.",
    query: PAGING,
    answers: { 200: told("A page of messages.", quarantine) },
    refusals: ["invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "redrive",
    method: "post",
    path: "/admin/quarantine/{id}/redrive",
    summary: "Put a message on the queue again",
    answers: { 202: told("It is on its way. If it still cannot be written, it comes back.", redriven) },
    refusals: ["not_in_quarantine"],
  },
  {
    ...common,
    id: "getTotals",
    method: "get",
    path: "/admin/totals",
    summary: "The sum of each kind of balance update",
    query: { account: { description: "Of this account alone." }, ...span("the beginning") },
    answers: { 200: told("One line for each kind.", kindTotals) },
    refusals: ["invalid_instant"],
  },
  {
    ...common,
    id: "getDailyTotals",
    method: "get",
    path: "/admin/totals/daily",
    summary: "The same sums by day",
    query: { account: { description: "Of this account alone." }, ...span(MONTH) },
    answers: { 200: told("One line for each day that has any.", dayTotals) },
    refusals: ["invalid_instant", "span_too_long"],
  },
  {
    ...common,
    id: "rerate",
    method: "post",
    path: "/admin/reratings",
    summary: "Correct a wrong price",
    description:
      "Charges of a span of time are priced again at another version of their rate card; the difference is posted by " +
      "entries of its own. A request that was charged in parts is priced again as a whole, and what comes late costs " +
      "the same. The same correction is made once.",
    body: [json(newRerating)],
    answers: { 200: told("What was, or with `dry_run` would be, corrected.", rerating) },
    refusals: ["account_not_found", "unpriced"],
  },
  {
    ...common,
    id: "listReservations",
    method: "get",
    path: "/admin/reservations",
    summary: "Requests under way, with their age",
    description:
      "By account, oldest first within each. A page looks into some accounts, so it may have fewer than `limit`, or " +
      "none, and still a next one.",
    query: {
      ...PAGING,
      account: { description: "Of this account alone." },
      state: { description: "Only `pending` is listed.", schema: { type: "string", enum: ["pending"] } },
    },
    answers: { 200: told("A page of reservations.", reservations) },
    refusals: ["account_not_found", "invalid_cursor", "invalid_limit", "invalid_state"],
  },
  {
    ...common,
    id: "backtest",
    method: "post",
    path: "/admin/backtests",
    summary: "Try a plan or prices on stored usage",
    description:
      "Who would have paid what, by the rules by which requests are decided and settled. Changes nothing. Without an " +
      "account, a plan is tried on the requests that were made under the plan of its id.",
    body: [json(backtestRequest)],
    answers: { 200: told("What was paid, and what would have been.", backtest) },
    refusals: ["account_not_found", "invalid_plan", "invalid_rate_card", "invalid_request"],
  },
  {
    ...common,
    id: "listAdminLog",
    method: "get",
    path: "/admin/log",
    summary: "What operators did, newest first",
    query: { ...PAGING, account: { description: "To this account alone." } },
    answers: { 200: told("A page of the log.", adminLog) },
    refusals: ["invalid_limit", "invalid_cursor"],
  },
];
