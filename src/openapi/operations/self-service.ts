import { ownKey, rolling } from "../../account/body-schemas.ts";
import { account, apiKeys, ownNewKey, ownRevokedKey, rolledKey } from "../answers/account.ts";
import { ledger, proof, usageEvents, usageTotals } from "../answers/ledger.ts";
import { quote, receipt } from "../answers/receipt.ts";
import { json, LEDGER_FILE, type Operation, PAGING, told, USAGE_QUERY } from "../operation.ts";

const common = { tag: "Your account", caller: "key" } as const;

/** What the holder of a key may know of the account. Free, and open at zero balance. */
export const selfServiceOperations: readonly Operation[] = [
  {
    ...common,
    id: "getOwnAccount",
    method: "get",
    path: "/api/account",
    summary: "Plan, limits, credits and grants",
    description: "The state that the next request will be decided on.",
    answers: { 200: told("The account.", account) },
    refusals: ["plan_changing"],
  },
  {
    ...common,
    id: "listOwnRequests",
    method: "get",
    path: "/api/requests",
    summary: "Requests that have ended, newest first",
    query: PAGING,
    answers: { 200: told("A page of usage events.", usageEvents) },
    refusals: ["plan_changing", "invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "getOwnReceipt",
    method: "get",
    path: "/api/requests/{id}",
    summary: "The receipt of a request",
    description:
      "Which sources were looked at, which paid how much, what was reserved, used, charged and returned, and why. " +
      "`id` is the `x-request-id` of the answer; refused requests have a receipt too.",
    answers: { 200: told("The receipt.", receipt) },
    refusals: ["plan_changing", "request_not_found"],
  },
  {
    ...common,
    id: "listOwnLedger",
    method: "get",
    path: "/api/ledger",
    summary: "Balance updates, newest first",
    query: PAGING,
    answers: { 200: told("A page of balance updates.", ledger) },
    refusals: ["plan_changing", "invalid_limit", "invalid_cursor"],
  },
  {
    ...common,
    id: "getOwnLedgerCsv",
    method: "get",
    path: "/api/ledger.csv",
    summary: "All balance updates as CSV, oldest first",
    answers: {
      200: {
        description:
          "RFC 4180, with a line of column names, up to the first entry that is still on its way. `request_id` leads to the receipt; further columns may follow.",
        contents: [{ kind: "other", mediaType: "text/csv", description: "One line for each balance update." }],
      },
    },
    refusals: ["plan_changing"],
  },
  {
    ...common,
    id: "proveOwnLedger",
    method: "get",
    path: "/api/ledger/proof",
    summary: "The ledger, checked entry by entry",
    answers: { 200: told("What the check came to.", proof) },
    refusals: ["plan_changing", "ledger_too_long"],
  },
  {
    ...common,
    id: "exportOwnLedger",
    method: "get",
    path: "/api/ledger/export",
    summary: "The ledger as a file that anyone can verify",
    description: "`spillway verify` and `scripts/verify.mjs` check it without trusting anybody.",
    answers: { 200: LEDGER_FILE },
    refusals: ["plan_changing"],
  },
  {
    ...common,
    id: "getOwnUsage",
    method: "get",
    path: "/api/usage",
    summary: "Usage and charges, summed up",
    query: USAGE_QUERY,
    answers: { 200: told("One line for each group.", usageTotals) },
    refusals: ["plan_changing", "invalid_instant", "invalid_group_by"],
  },
  {
    ...common,
    id: "quote",
    method: "post",
    path: "/api/quote",
    summary: "What a request would cost at most, and who would pay",
    description:
      "Without any effect. The body is the request itself: one with `messages` is a chat completion, one whose `prompt` " +
      "is a text is a new video, any other a response. A body that its own route would refuse is refused here for the same reason.",
    body: [
      { kind: "object", description: "A request of `POST /v1/responses`, `/v1/chat/completions` or `/v1/videos`." },
    ],
    answers: { 200: told("The decision that the request would meet now.", quote) },
    refusals: [
      "plan_changing",
      "previous_response_not_found",
      "model_not_found",
      "invalid_value",
      "unsupported_parameter",
      "json_too_complex",
      "invalid_encoding",
      "unsupported_encoding",
      "request_too_large",
      "invalid_csrf_token",
    ],
  },
  {
    ...common,
    id: "listOwnKeys",
    method: "get",
    path: "/api/keys",
    summary: "The account's keys, without their secrets",
    answers: { 200: told("All keys, revoked ones too.", apiKeys) },
    refusals: ["plan_changing"],
  },
  {
    ...common,
    id: "createOwnKey",
    method: "post",
    path: "/api/keys",
    summary: "Make a key",
    description: "It can do at most what the key that asks can do.",
    bodyIsOptional: true,
    body: [json(ownKey)],
    answers: { 201: told("The key. It is shown this once.", ownNewKey) },
    refusals: ["too_many_keys", "invalid_csrf_token"],
  },
  {
    ...common,
    id: "rollOwnKey",
    method: "post",
    path: "/api/keys/{id}/roll",
    summary: "Replace a key, with an overlap",
    description:
      "The new key has the name, the scopes and the length of life of the old one, which ends after the overlap.",
    bodyIsOptional: true,
    body: [json(rolling)],
    answers: { 201: told("The new key. It is shown this once.", rolledKey) },
    refusals: ["key_not_found", "too_many_keys", "invalid_csrf_token"],
  },
  {
    ...common,
    id: "revokeOwnKey",
    method: "delete",
    path: "/api/keys/{id}",
    summary: "Revoke a key",
    answers: { 200: told("It is refused from now on.", ownRevokedKey) },
    refusals: ["key_not_found", "invalid_csrf_token"],
  },
];
