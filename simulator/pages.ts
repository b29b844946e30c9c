import { ApiError } from "./errors.ts";

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;

/** One page of OpenAI's lists: `limit`, `after` and `order`, newest first unless `order=asc`. */
export function pageOf<T extends { id?: unknown }>(oldestFirst: readonly T[], query: URLSearchParams): object {
  const ordered = query.get("order") === "asc" ? oldestFirst : oldestFirst.toReversed();
  const limit = integerParameter(query, "limit", DEFAULT_PAGE, MAX_PAGE);
  const after = query.get("after");
  const from = after === null ? 0 : ordered.findIndex((item) => item.id === after) + 1;
  const data = ordered.slice(from, from + limit);
  return {
    object: "list",
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: from + limit < ordered.length,
  };
}

export function integerParameter(query: URLSearchParams, name: string, fallback: number, most: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  if (/^\d{1,16}$/.test(text) && Number(text) <= most) return Number(text);
  throw new ApiError(400, { message: `Invalid '${name}': expected an integer up to ${most}.`, param: name });
}
