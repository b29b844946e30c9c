import type { Content, Operation } from "../operation.ts";
import { free, JSON_BODY, metered } from "./openai-route.ts";

const EVENTS: Content = {
  kind: "other",
  mediaType: "text/event-stream",
  description: "With `stream: true`: upstream's events, unchanged.",
};

const BOUND = "What bounds the answer (`max_output_tokens` and the like) bounds what is reserved. ";

export const openAIOperations: readonly Operation[] = [
  metered({
    id: "createResponse",
    method: "post",
    path: "/v1/responses",
    summary: "Create a response",
    family: "responses",
    description: `${BOUND}\`background\` responses are held until they have ended. \`previous_response_id\` must name a response of this account.`,
    body: [JSON_BODY],
    answer: [JSON_BODY, EVENTS],
  }),
  {
    ...free({
      id: "connectResponses",
      method: "get",
      path: "/v1/responses",
      summary: "Responses over a WebSocket",
      family: "responses",
      description:
        "With `Upgrade: websocket`. Every `response.create` frame is a request of its own: reserved, metered and settled. " +
        "A refusal is an `error` frame with the body and status that it would have over HTTP; limits come in a " +
        "`codex.rate_limits` frame, and `request_id`, the id of the receipt, with them. Without the upgrade it is refused with 405.",
    }),
    answers: { 101: { description: "The WebSocket is open.", contents: [] } },
  },
  metered({
    id: "compactResponse",
    method: "post",
    path: "/v1/responses/compact",
    summary: "Compact a conversation",
    family: "responses",
    body: [JSON_BODY],
  }),
  free({
    id: "countInputTokens",
    method: "post",
    path: "/v1/responses/input_tokens",
    summary: "Count the tokens of an input",
    family: "responses",
    body: [JSON_BODY],
  }),
  free({
    id: "getResponse",
    method: "get",
    path: "/v1/responses/{id}",
    summary: "A stored response",
    family: "responses",
    answer: [JSON_BODY, EVENTS],
    query: {
      stream: { description: "`true` takes its stream up again.", schema: { type: "string", enum: ["true", "false"] } },
      starting_after: { description: "The number of the last event that was seen.", schema: { type: "integer" } },
    },
  }),
  free({
    id: "deleteResponse",
    method: "delete",
    path: "/v1/responses/{id}",
    summary: "Delete a stored response",
    family: "responses",
    description: "One that is under way is cancelled first, so that what it has used does not vanish with it.",
  }),
  free({
    id: "cancelResponse",
    method: "post",
    path: "/v1/responses/{id}/cancel",
    summary: "Cancel a background response",
    family: "responses",
  }),
  free({
    id: "listInputItems",
    method: "get",
    path: "/v1/responses/{id}/input_items",
    summary: "What a stored response was asked",
    family: "responses",
  }),
  metered({
    id: "createChatCompletion",
    method: "post",
    path: "/v1/chat/completions",
    summary: "Create a chat completion",
    family: "chat",
    description: `${BOUND}A stream always ends with usage upstream; the client sees that chunk only if it asked for it.`,
    body: [JSON_BODY],
    answer: [JSON_BODY, EVENTS],
  }),
  free({
    id: "listModels",
    method: "get",
    path: "/v1/models",
    summary: "Models that are priced and in your plan",
    family: "models",
    query: { client_version: { description: "Sent by Codex, which is then told of each model what it needs." } },
  }),
  free({ id: "getModel", method: "get", path: "/v1/models/{id}", summary: "A model", family: "models" }),
];

/** Why a request under `/v1` is refused, by status. */
export const OPENAI_REFUSALS: Readonly<Record<string, string>> = {
  400: "The request cannot be accepted (`param` says where), names a model without a price (`model_not_found`), or something that this account does not have (`previous_response_not_found`).",
  401: "`invalid_api_key`: the key is missing, unknown, revoked or expired.",
  403: "`account_suspended`: the account is suspended, or its paid use is stopped until its ledger has been checked.",
  404: "`model_not_found`: the plan does not include the model. `not_found`: this account has nothing of that id. `unknown_url`: everything that is not listed here is refused.",
  408: "`request_timeout`: the body was sent too slowly; nothing is charged.",
  409: "`request_in_flight`: the request of the same `Idempotency-Key` has not ended yet.",
  413: "The body has too many bytes.",
  415: "The content type or encoding is not accepted.",
  422: "`idempotency_key_reused`: the key was used with another body.",
  429: "`rate_limit_exceeded`: a gate, with `retry-after`. `credits_reserved`: held by requests in flight, with a short `retry-after`. `insufficient_quota` (type `usage_limit_reached`): included use and credits are used up, with `resets_at` if waiting helps.",
  500: "`internal_error`.",
  502: "The upstream's answer cannot be used; nothing is charged.",
  503: "`server_is_overloaded`: the account, the gateway's database or every upstream cannot be reached; nothing is charged.",
};
