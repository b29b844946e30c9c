import { ApiError } from "./errors.ts";
import type { Answer } from "./exchange.ts";
import { follow } from "./follow.ts";
import type { JsonObject } from "./request-body.ts";
import { requiredResponse } from "./response-store.ts";

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/** `GET /v1/responses/{id}`: the object now, or with `stream=true` its events after `starting_after`. */
export const readResponse: Answer = ({ params, query, store, scenario }) => {
  const response = requiredResponse(store, params.id ?? "");
  if (query.get("stream") !== "true") return { json: response.object() };
  const after = integerParameter(query, "starting_after", -1, Number.MAX_SAFE_INTEGER);
  return { beats: (signal) => follow(response, after, scenario, signal) };
};

/** `DELETE /v1/responses/{id}` */
export const deleteResponse: Answer = ({ params, store }) => {
  const { id } = requiredResponse(store, params.id ?? "");
  store.delete(id);
  return { json: { id, object: "response", deleted: true } };
};

/** `POST /v1/responses/{id}/cancel`: only a background response can be cancelled; one that is over stays as it is. */
export const cancelResponse: Answer = ({ params, store }) => {
  const response = requiredResponse(store, params.id ?? "");
  if (!response.isBackground) throw new ApiError(400, { message: "Cannot cancel a synchronous response." });
  response.cancel();
  return { json: response.object() };
};

/** `GET /v1/responses/{id}/input_items`, newest first unless `order=asc`. */
export const listInputItems: Answer = ({ params, query, store }) => {
  const { input } = requiredResponse(store, params.id ?? "");
  const ordered = query.get("order") === "asc" ? input : input.toReversed();
  const limit = integerParameter(query, "limit", DEFAULT_PAGE, MAX_PAGE);
  const from = startOf(ordered, query.get("after"));
  const data = ordered.slice(from, from + limit);
  const list = {
    object: "list",
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < ordered.length,
  };
  return { json: list };
};

function startOf(items: readonly JsonObject[], after: string | null): number {
  return after === null ? 0 : items.findIndex((item) => item.id === after) + 1;
}

function integerParameter(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (/^\d{1,16}$/.test(text) && Number(text) <= most) return Number(text);
  throw new ApiError(400, { message: `Invalid '${name}': expected an integer up to ${most}.`, param: name });
}
