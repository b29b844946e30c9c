import type { AccountClient } from "../../durable-objects/client.ts";
import type { HeldRequest } from "../../durable-objects/commands.ts";
import type { KeyClaim } from "../../durable-objects/key.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { JobIntent } from "../catalog/job-intents.ts";
import type { LimitsView } from "../core/account-view.ts";
import type { PreparedRequest } from "../protocol/adapter.ts";
import type { Upstreams } from "./upstreams.ts";

/** What serving a request needs from outside. */
export interface GatewayDeps {
  readonly accounts: AccountClient;
  readonly catalog: () => Promise<Catalog>;
  readonly upstreams: Upstreams;
  /** Notes to which account a job belongs, for webhooks. Never rejects: polls find the job's end without it. */
  readonly indexJob: (id: string, accountId: string) => Promise<void>;
  /** Jobs that upstream is being asked to begin, in case that its answer is lost. */
  readonly intents: Intents;
  /** How often a stream that is silent shows a coding client that it is alive. */
  readonly keepAliveMs: number;
  /** Keeps work alive after the answer was given, or its client has gone. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface Intents {
  add(intent: JobIntent): Promise<void>;
  remove(requestId: string): Promise<void>;
}

/** Who asks, and under which id: an authenticated request of a metered route, or one frame of a WebSocket. */
export interface Incoming {
  /** The client's own; only some of them pass on. */
  readonly headers: Headers;
  readonly route: string;
  /** The part of the query that passes on, with its question mark; empty without one. */
  readonly search: string;
  readonly accountId: string;
  readonly key: KeyClaim;
  readonly requestId: string;
  /** Whether the id comes from the client's `Idempotency-Key`. */
  readonly keyed: boolean;
}

/** What has to be known of a request to decide it. */
export type Demanding = Pick<PreparedRequest, "model" | "references" | "bound" | "openOutput" | "stream">;

/** A reserved request on its way. */
export interface Journey<Prepared extends Demanding = PreparedRequest> {
  readonly incoming: Incoming;
  readonly prepared: Prepared;
  readonly reservation: HeldRequest;
  readonly limits: LimitsView;
  /** The upstream that keeps what the request names; `null` where any will do. */
  readonly upstream: string | null;
  readonly catalog: Catalog;
  readonly decisionMs: number;
}

export type Answer = (response: Response) => void;
