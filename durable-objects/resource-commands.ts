import type { MadeResource, Resource, ResourceDetails, ResourceKind } from "../src/core/resource.ts";
import type { AttemptRef, KeyRefused, PlanOutdated, UnknownReference } from "./commands.ts";

/* Commands and answers about what requests have made, and about jobs. As in `commands.ts`, fields may be added. */

/** A request has begun a job: it is remembered with its owner, and the reservation lasts as long as the job may. */
export interface AttachRequest extends AttemptRef {
  readonly made: MadeResource;
  readonly holdMs: number;
}

/** Who has something: an account of the caller's, or nobody the caller may know of (asked again like a reference). */
export type ResourceReply =
  | KeyRefused
  | PlanOutdated
  | UnknownReference
  | { readonly kind: "resource"; readonly resource: Resource };

export interface ResourcesQuery {
  readonly kind: ResourceKind;
  readonly limit: number;
  /** The id of the resource after which the list goes on; `null` begins it. */
  readonly after: string | null;
  /** By age. */
  readonly order: "asc" | "desc";
}

/** Unknown is the id after which the list should go on. */
export type ResourcesReply =
  | KeyRefused
  | PlanOutdated
  | UnknownReference
  | { readonly kind: "resources"; readonly resources: readonly Resource[]; readonly hasMore: boolean };

/** What has to be known of a job to ask after it and to end it. */
export type JobRef = Pick<Resource, "id" | "kind" | "upstream" | "model" | "requestId" | "attempt"> & {
  readonly details?: ResourceDetails | null;
};

/** Asks the gateway to look at a job. It may be lost or come twice. */
export interface JobMessage {
  readonly v: 1;
  readonly accountId: string;
  readonly resource: JobRef;
}
