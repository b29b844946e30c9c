import { BoundedMap } from "./bounded-map.ts";
import { ApiError } from "./errors.ts";
import type { JsonObject } from "./request-body.ts";
import type { StoredResponse } from "./stored-response.ts";

/** Where a request finds what it points at. */
export interface ResponseMemory {
  find(id: string): StoredResponse | undefined;
  findItem(id: string): JsonObject | undefined;
}

export interface ResponseStore extends ResponseMemory {
  /** `isStored`: the caller did not ask for `store: false`. */
  keep(response: StoredResponse, isStored: boolean): void;
  delete(id: string): void;
}

const MAX_RESPONSES = 500;
/** Those that run by themselves are asked for long after they were made, however many others came since. */
const MAX_BACKGROUND = 10_000;

export function createResponseStore(): ResponseStore {
  const waitedFor = new BoundedMap<string, StoredResponse>(MAX_RESPONSES);
  const background = new BoundedMap<string, StoredResponse>(MAX_BACKGROUND);
  return {
    find: (id) => waitedFor.get(id) ?? background.get(id),
    findItem: (id) => itemAmong(waitedFor.values(), id) ?? itemAmong(background.values(), id),
    keep(response, isStored) {
      if (isStored) (response.isBackground ? background : waitedFor).set(response.id, response);
    },
    delete: (id) => {
      waitedFor.delete(id);
      background.delete(id);
    },
  };
}

/** An item that one of `responses` read or wrote. */
export function itemAmong(responses: Iterable<StoredResponse>, id: string): JsonObject | undefined {
  for (const response of responses) {
    const item = [...response.input, ...response.output()].find((candidate) => candidate.id === id);
    if (item !== undefined) return item;
  }
  return undefined;
}

/** @throws ApiError 404 in OpenAI's shape */
export function requiredResponse(store: ResponseStore, id: string): StoredResponse {
  const response = store.find(id);
  if (response !== undefined) return response;
  throw new ApiError(404, { message: `Response with id '${id.slice(0, 80)}' not found.`, code: null });
}
