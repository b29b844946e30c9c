import type { Patience, Upstream, WebSocketMode } from "../catalog/upstream.ts";
import { covers } from "../core/plan.ts";

/** An upstream as one request sees it, with its key. */
export interface Target {
  /** The upstream's id. */
  readonly upstream: string;
  /** The model's name there. */
  readonly model: string;
  /** May hold `{model}`; see `addressOf`. */
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly auth: Upstream["auth"];
  readonly query: Readonly<Record<string, string>>;
  readonly websocket: WebSocketMode;
  readonly patience: Patience;
  /** Further request headers that may pass, in lower case. */
  readonly extraHeaders: readonly string[];
}

/** Whether an upstream takes requests of this feature for this model. */
export function takes({ features, models }: Upstream, feature: string, model: string): boolean {
  return covers(features, feature) && (models === null || Object.hasOwn(models, model));
}

/** The name that a model has at an upstream. */
export function nameThere({ models }: Upstream, model: string): string {
  return models !== null && Object.hasOwn(models, model) ? (models[model] ?? model) : model;
}

/**
 * Where a call goes: the address of the target, `path` below it, and the query of the call with that of the upstream,
 * which has the last word. `search` begins with its question mark or is empty.
 */
export function addressOf({ baseUrl, model, query }: Target, path: string, search: string): string {
  const address = baseUrl.replaceAll("{model}", encodeURIComponent(model)) + path;
  const own = Object.entries(query);
  if (own.length === 0) return address + search;
  const all = new URLSearchParams(search);
  for (const [name, value] of own) all.set(name, value);
  return `${address}?${all}`;
}
