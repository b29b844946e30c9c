import type { Answer, Content, Method, Operation, Parameter } from "../operation.ts";

/** The client-facing routes. Their bodies are OpenAI's; told here is what the gateway adds, takes away and refuses. */

const REFERENCE = "https://platform.openai.com/docs/api-reference";

const JSON_BODY: Content = { kind: "object", description: "As OpenAI's reference has it." };
const FORM_BODY: Content = {
  kind: "other",
  mediaType: "multipart/form-data",
  description: "As OpenAI's reference has it; files are streamed to the upstream.",
};
const EVENTS: Content = {
  kind: "other",
  mediaType: "text/event-stream",
  description: "With `stream: true`: upstream's events, unchanged.",
};
const FILE: Content = { kind: "other", mediaType: "video/mp4", description: "The file, or the part of it asked for." };

const LIMIT_HEADERS = {
  "spillway-decision": "What was reserved and by which kind of source: `allow; allowance=0.010000; grant=0.002000`.",
  "x-ratelimit-limit-requests": "The tightest of the account's own gates; also `remaining`, `reset`, and for `tokens`.",
  "x-codex-primary-used-percent":
    "The account's own windows and credits, as Codex shows them: `x-codex-primary-*`, `x-codex-secondary-*`, `x-codex-credits-*`.",
} as const;

const ALWAYS = {
  "x-request-id": "The gateway's own id of the request: `GET /api/requests/{id}` shows its receipt.",
  "server-timing": "How long the decision and the upstream took.",
} as const;

interface Route {
  readonly id: string;
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly family: "responses" | "chat" | "models" | "videos";
  readonly description?: string;
  readonly body?: readonly Content[];
  readonly answer?: readonly Content[];
  readonly query?: Readonly<Record<string, Parameter>>;
}

const METERED: Readonly<Record<string, Parameter>> = {
  "Idempotency-Key": {
    description: "The same key is charged once; another body under it is refused with 422.",
    schema: { type: "string", minLength: 1, maxLength: 255 },
  },
};

/** Priced before the call, reserved, forwarded and settled. */
function metered(route: Route): Operation {
  return operation(route, { ...ALWAYS, ...LIMIT_HEADERS }, METERED);
}

/** Costs nothing and works without credits. What is stored is found only by the account that made it. */
function free(route: Route): Operation {
  return operation(route, ALWAYS, {});
}

function operation(
  { family, answer = [JSON_BODY], ...route }: Route,
  headers: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, Parameter>>,
): Operation {
  const answers: Record<number, Answer> = { 200: { description: "Upstream's answer.", contents: answer, headers } };
  return {
    ...route,
    tag: "OpenAI-compatible",
    caller: "key",
    headers: asked,
    answers,
    refusals: [],
    reference: `${REFERENCE}/${family}`,
  };
}

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
        "`codex.rate_limits` frame. Without the upgrade it is refused with 405.",
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
  metered({
    id: "createVideo",
    method: "post",
    path: "/v1/videos",
    summary: "Make a video",
    family: "videos",
    description: "Its seconds and size are priced and held at once, and charged when it is done; a failed one is free.",
    body: [JSON_BODY, FORM_BODY],
  }),
  free({
    id: "listVideos",
    method: "get",
    path: "/v1/videos",
    summary: "The account's own videos",
    family: "videos",
    query: {
      limit: { description: "How many at most.", schema: { type: "integer", minimum: 1, maximum: 100, default: 20 } },
      after: { description: "The id of the last video that was seen." },
      order: { description: "By creation.", schema: { type: "string", enum: ["asc", "desc"], default: "desc" } },
    },
  }),
  metered({
    id: "editVideo",
    method: "post",
    path: "/v1/videos/edits",
    summary: "Make a video from another one",
    family: "videos",
    body: [JSON_BODY, FORM_BODY],
  }),
  metered({
    id: "extendVideo",
    method: "post",
    path: "/v1/videos/extensions",
    summary: "Make a video longer",
    family: "videos",
    body: [JSON_BODY, FORM_BODY],
  }),
  metered({
    id: "createCharacter",
    method: "post",
    path: "/v1/videos/characters",
    summary: "Make a character from an uploaded video",
    family: "videos",
    body: [FORM_BODY],
  }),
  free({
    id: "getCharacter",
    method: "get",
    path: "/v1/videos/characters/{id}",
    summary: "A character",
    family: "videos",
  }),
  metered({
    id: "remixVideo",
    method: "post",
    path: "/v1/videos/{id}/remix",
    summary: "Make a video after another one",
    family: "videos",
    body: [JSON_BODY],
  }),
  free({ id: "getVideo", method: "get", path: "/v1/videos/{id}", summary: "A video's state", family: "videos" }),
  free({ id: "deleteVideo", method: "delete", path: "/v1/videos/{id}", summary: "Delete a video", family: "videos" }),
  free({
    id: "downloadVideo",
    method: "get",
    path: "/v1/videos/{id}/content",
    summary: "A video's file, or a picture of it",
    family: "videos",
    description: "`Range` requests are passed on.",
    answer: [FILE],
    query: { variant: { description: "What to download.", schema: { type: "string", examples: ["video"] } } },
  }),
];

/** Why a request under `/v1` is refused, by status. */
export const OPENAI_REFUSALS: Readonly<Record<string, string>> = {
  400: "The request cannot be accepted (`param` says where), names a model without a price (`model_not_found`), or something that this account does not have (`previous_response_not_found`).",
  401: "`invalid_api_key`: the key is missing, unknown, revoked or expired.",
  403: "`account_suspended`: the account is suspended, or its paid use is stopped until its ledger has been checked.",
  404: "`model_not_found`: the plan does not include the model. `not_found`: this account has nothing of that id. `unknown_url`: everything that is not listed here is refused.",
  409: "`request_in_flight`: the request of the same `Idempotency-Key` has not ended yet.",
  413: "The body has too many bytes.",
  415: "The content type or encoding is not accepted.",
  422: "`idempotency_key_reused`: the key was used with another body.",
  429: "`rate_limit_exceeded`: a gate, with `retry-after`. `credits_reserved`: held by requests in flight, with a short `retry-after`. `insufficient_quota` (type `usage_limit_reached`): included use and credits are used up, with `resets_at` if waiting helps.",
  500: "`internal_error`.",
  502: "The upstream's answer cannot be used; nothing is charged.",
  503: "`server_is_overloaded`: the account or every upstream cannot be reached; nothing is charged.",
};
