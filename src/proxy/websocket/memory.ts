import { Buffer } from "node:buffer";
import type { Json } from "../../protocol/adapter.ts";
import { BODY_LIMITS } from "../../protocol/json-body.ts";

/** Items of a conversation that came in one frame, or in one answer. */
interface Segment {
  readonly items: readonly Json[];
  /** Bytes of their JSON. */
  readonly bytes: number;
}

/** All that was said in a conversation, input and output. */
export interface Conversation {
  readonly segments: readonly Segment[];
  readonly bytes: number;
}

/** A response that frames of the same connection can go on from. */
export type Remembered =
  /** Known word for word: it can be said again to any upstream. */
  | { readonly kind: "said"; readonly conversation: Conversation }
  /** Upstream's connection holds it; `contextTokens` is the input that a frame which goes on from it has besides its own. */
  | { readonly kind: "held"; readonly contextTokens: number };

export const NOTHING_SAID: Conversation = { segments: [], bytes: 0 };

export interface MemoryBounds {
  readonly responses: number;
  /** Of all conversations together. */
  readonly bytes: number;
  /** Of one conversation: a longer one could not be sent in one request. */
  readonly conversationBytes: number;
}

const BOUNDS: MemoryBounds = { responses: 64, bytes: 2 * BODY_LIMITS.bytes, conversationBytes: BODY_LIMITS.bytes };

/**
 * What a connection remembers of its responses: a frame may go on from one that nobody stored. What is forgotten is
 * answered with `previous_response_not_found`, after which a client says everything again.
 */
export class ConnectionMemory {
  readonly #bounds: MemoryBounds;
  readonly #responses = new Map<string, Remembered>();

  constructor(bounds: MemoryBounds = BOUNDS) {
    this.#bounds = bounds;
  }

  recall(id: string): Remembered | null {
    return this.#responses.get(id) ?? null;
  }

  forget(id: string): void {
    this.#responses.delete(id);
  }

  /** Keeps the latest. Going on from an old response of a long conversation is rare. */
  remember(id: string, response: Remembered): void {
    this.#responses.delete(id);
    if (response.kind === "said" && response.conversation.bytes > this.#bounds.conversationBytes) return;
    this.#responses.set(id, response);
    for (const oldest of this.#responses.keys()) {
      if (this.#responses.size <= this.#bounds.responses && this.#bytes() <= this.#bounds.bytes) break;
      this.#responses.delete(oldest);
    }
  }

  /** Conversations that grew from each other share what they have in common. */
  #bytes(): number {
    const segments = new Set<Segment>();
    for (const response of this.#responses.values()) {
      if (response.kind === "said") for (const segment of response.conversation.segments) segments.add(segment);
    }
    let bytes = 0;
    for (const segment of segments) bytes += segment.bytes;
    return bytes;
  }
}

/** The conversation with more said in it. */
export function continued(conversation: Conversation, items: readonly Json[]): Conversation {
  if (items.length === 0) return conversation;
  const segment = { items, bytes: Buffer.byteLength(JSON.stringify(items)) };
  return { segments: [...conversation.segments, segment], bytes: conversation.bytes + segment.bytes };
}

export function itemsOf({ segments }: Conversation): Json[] {
  return segments.flatMap(({ items }) => items);
}

/** An `input` as a list of items: a text is short for one message of the user. */
export function inputItems(input: Json | undefined): readonly Json[] {
  if (Array.isArray(input)) return input;
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return input === undefined || input === null ? [] : [input];
}
