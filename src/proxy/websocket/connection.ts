import type { GatewayDeps, Incoming } from "../journey.ts";
import type { ConnectionMemory } from "./memory.ts";
import type { UpstreamSocket } from "./upstream-socket.ts";

/** What the frames of one client's WebSocket have in common. */
export interface Connection {
  readonly deps: GatewayDeps;
  readonly caller: Pick<Incoming, "headers" | "accountId" | "key">;
  readonly memory: ConnectionMemory;
  /** Upstream's side; `null` where every frame goes as a plain request. */
  readonly socket: UpstreamSocket | null;
  /** Fires when the client has gone. */
  readonly gone: AbortSignal;
  /** Sends a frame to the client; does nothing once it has gone. */
  say(frame: string): void;
}
