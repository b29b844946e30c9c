import type { Reservation } from "./reservation.ts";
import { totalTokens } from "./usage.ts";

/** What an account can have made at an upstream and name again later. */
export type ResourceKind = "response" | "video" | "character";

/** What is worth knowing of one without asking upstream, such as the seconds and the size of a video. */
export type ResourceDetails = Readonly<Record<string, string | number | null>>;

/** Something that a request of the account made and that upstream keeps. It belongs to that account alone. */
export interface Resource {
  /** Upstream's own id. */
  readonly id: string;
  readonly kind: ResourceKind;
  /** The upstream that keeps it: nobody else can answer for it. */
  readonly upstream: string;
  readonly model: string;
  /** The attempt of the request that made it, and that pays for it. */
  readonly requestId: string;
  readonly attempt: number;
  readonly createdAt: number;
  /** Tokens of its whole context, input and output: what a request that goes on from it has as input besides its own. */
  readonly contextTokens: number;
  /** Tokens of its output alone: the most that naming its items adds. */
  readonly outputTokens: number;
  /** Ids of its output items. */
  readonly itemIds: readonly string[];
  readonly details: ResourceDetails | null;
  /** Set while upstream has not come to an end with it. */
  readonly job: Job | null;
}

/** Work that upstream goes on with by itself and that is asked after now and then. */
export interface Job {
  /** When upstream is asked next, epoch ms. */
  readonly pollAt: number;
  /** How often it was asked. */
  readonly polls: number;
}

/** What a request made, as its settlement or its creation reports it. */
export type MadeResource = Pick<Resource, "id" | "kind" | "upstream" | "contextTokens" | "outputTokens" | "itemIds"> & {
  readonly details?: ResourceDetails | null;
};

/** Items of one answer that can be named later; no answer that people make has nearly as many. */
const ITEMS_MOST = 256;

/**
 * What a request made, with its owner. Where upstream has not `reported` its tokens, its context may be all that was
 * reserved for it.
 */
export function resourceOf(
  { requestId, attempt, model, bound }: Reservation,
  made: MadeResource,
  reported: boolean,
  now: number,
  job: Job | null = null,
): Resource {
  return {
    id: made.id,
    kind: made.kind,
    upstream: made.upstream,
    model,
    requestId,
    attempt,
    createdAt: now,
    contextTokens: reported ? made.contextTokens : Math.max(made.contextTokens, totalTokens(bound)),
    outputTokens: made.outputTokens,
    itemIds: made.itemIds.slice(0, ITEMS_MOST),
    details: made.details ?? null,
    job,
  };
}
