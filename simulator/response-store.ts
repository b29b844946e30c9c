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

/** Each upstream has responses of its own. */
export interface ResponseStores {
  of(host: string): ResponseStore;
}

const MAX_RESPONSES = 500;
const MAX_HOSTS = 50;

export function createResponseStores(): ResponseStores {
  const stores = new Map<string, ResponseStore>();
  return {
    of(host) {
      const store = stores.get(host) ?? createResponseStore();
      stores.set(host, store);
      forgetOldest(stores, MAX_HOSTS);
      return store;
    },
  };
}

function createResponseStore(): ResponseStore {
  const responses = new Map<string, StoredResponse>();
  return {
    find: (id) => responses.get(id),
    findItem: (id) => itemAmong(responses.values(), id),
    keep(response, isStored) {
      if (!isStored) return;
      responses.set(response.id, response);
      forgetOldest(responses, MAX_RESPONSES);
    },
    delete: (id) => {
      responses.delete(id);
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

function forgetOldest(entries: Map<string, unknown>, most: number): void {
  for (const key of entries.keys()) {
    if (entries.size <= most) return;
    entries.delete(key);
  }
}
