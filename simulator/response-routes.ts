import { ApiError } from "./errors.ts";
import { follow } from "./follow.ts";
import { integerParameter, pageOf } from "./pages.ts";
import type { Answer } from "./reply.ts";
import { requiredResponse } from "./response-store.ts";

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

/** `POST /v1/responses/{id}/cancel`: only a background response that is not over by itself can be cancelled. */
export const cancelResponse: Answer = ({ params, store }) => {
  const response = requiredResponse(store, params.id ?? "");
  if (!response.isBackground) throw new ApiError(400, { message: "Cannot cancel a synchronous response." });
  if (!response.cancel()) throw new ApiError(400, { message: "Cannot cancel a response that has ended." });
  return { json: response.object() };
};

/** `GET /v1/responses/{id}/input_items`, newest first unless `order=asc`. */
export const listInputItems: Answer = ({ params, query, store }) => {
  const { input } = requiredResponse(store, params.id ?? "");
  return { json: pageOf(input, query) };
};
