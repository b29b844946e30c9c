import type { Resource } from "./resource.ts";
import type { Usage } from "./usage.ts";

/** Ids of what a request names: the response it goes on from, and stored items of earlier responses. */
export interface References {
  readonly previousResponse: string | null;
  readonly items: readonly string[];
}

/** What a request goes on from. */
export interface Continuation {
  readonly kind: "continues";
  /** The upstream that keeps all of it; `null` when nothing is named. */
  readonly upstream: string | null;
  /** Input that the request has besides its own. */
  readonly tokens: number;
}

/** Something is named that the account does not have, or that another upstream keeps. */
export interface Unknown {
  readonly kind: "unknown";
  readonly id: string;
}

/** Looks up what the account has made: a response by its id, and the response that an item belongs to. */
export interface Made {
  response(id: string): Resource | null;
  ownerOf(itemId: string): Resource | null;
}

const FROM_NOTHING: Continuation = Object.freeze({ kind: "continues", upstream: null, tokens: 0 });

/**
 * What a request goes on from. Upstream reads the whole context of the previous response again; items are parts of a
 * response's output, so all of that output is the most that they add.
 */
export function continuationOf({ previousResponse, items }: References, made: Made): Continuation | Unknown {
  const counted = new Set<string>();
  let { upstream, tokens } = FROM_NOTHING;
  const previous = previousResponse === null ? null : made.response(previousResponse);
  if (previousResponse !== null) {
    if (!previous) return { kind: "unknown", id: previousResponse };
    counted.add(previous.id);
    upstream = previous.upstream;
    tokens = previous.contextTokens;
  }
  for (const item of items) {
    const owner = made.ownerOf(item);
    if (!owner || (upstream !== null && owner.upstream !== upstream)) return { kind: "unknown", id: item };
    upstream = owner.upstream;
    if (counted.has(owner.id)) continue;
    counted.add(owner.id);
    tokens += owner.outputTokens;
  }
  return { kind: "continues", upstream, tokens };
}

/** The worst case of a request that has `tokens` of input more than it says itself. */
export function withContext(bound: Usage, tokens: number): Usage {
  if (tokens === 0) return bound;
  // Where the worst case is that all input is written to a cache, that is so of this input as well.
  const allWritten = bound.inputTokens > 0 && bound.cacheWriteTokens === bound.inputTokens;
  return {
    ...bound,
    inputTokens: bound.inputTokens + tokens,
    cacheWriteTokens: bound.cacheWriteTokens + (allWritten ? tokens : 0),
  };
}
