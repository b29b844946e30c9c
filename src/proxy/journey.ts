import type { AccountClient } from "../../durable-objects/client.ts";
import type { HeldRequest } from "../../durable-objects/commands.ts";
import type { KeyClaim } from "../../durable-objects/key.ts";
import type { Catalog } from "../catalog/catalog.ts";
import type { LimitsView } from "../core/account-view.ts";
import type { UpstreamConfig } from "../env.ts";
import type { Adapter, PreparedRequest } from "../protocol/adapter.ts";

/** What serving a request needs from outside. */
export interface GatewayDeps {
  readonly accounts: AccountClient;
  readonly catalog: () => Promise<Catalog>;
  readonly upstream: UpstreamConfig;
  /** Keeps work alive after the answer was given, or its client has gone. */
  readonly waitUntil: (work: Promise<unknown>) => void;
}

/** An authenticated request of a metered route. */
export interface Incoming {
  readonly request: Request;
  readonly route: string;
  readonly adapter: Adapter;
  readonly accountId: string;
  readonly key: KeyClaim;
  readonly requestId: string;
  /** Whether the id comes from the client's `Idempotency-Key`. */
  readonly keyed: boolean;
}

/** A reserved request on its way. */
export interface Journey {
  readonly incoming: Incoming;
  readonly prepared: PreparedRequest;
  readonly reservation: HeldRequest;
  readonly limits: LimitsView;
  readonly decisionMs: number;
}

/** A whole answer is only seen at its end, so its reservation must outlast the slowest. */
export const HOLD_WHOLE_MS = 15 * 60_000;
/** A stream's reservation is extended by its checkpoints. */
export const HOLD_STREAM_MS = 4 * 60_000;

export type Answer = (response: Response) => void;
