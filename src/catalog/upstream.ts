/** How an upstream serves the WebSocket of the Responses API. */
export type WebSocketMode =
  /** It speaks WebSocket itself: frames pass. */
  | "pass"
  /** It does not: the gateway speaks WebSocket to the client and server-sent events to it. */
  | "bridge"
  /** Clients are told at once to use plain requests. */
  | "refuse";

/** How long an upstream may take, in ms. */
export interface Patience {
  /** Until a stream's answer begins: connecting, and the response's headers. */
  readonly connectMs: number;
  /** Until the first byte of an answer; for an answer in one piece, until all of it. */
  readonly firstByteMs: number;
  /** Between two pieces of an answer. */
  readonly idleMs: number;
  /** From the call to the last byte. */
  readonly totalMs: number;
}

/** How long an upstream may take unless it is told otherwise. */
export const USUAL_PATIENCE: Patience = {
  connectMs: 90_000,
  firstByteMs: 600_000,
  idleMs: 120_000,
  totalMs: 30 * 60_000,
};

/** The id of the upstream that the environment describes. */
export const DEFAULT_UPSTREAM = "default";

/** A server that requests can be sent to. Its key is a secret of the Worker and never part of this. */
export interface Upstream {
  readonly id: string;
  /** Without a slash at its end. `{model}` stands for the model's name there. */
  readonly baseUrl: string;
  /** Name of the secret that holds the key. */
  readonly keySecret: string;
  /** `bearer`: in `Authorization`; `api-key`: in a header of that name, as Azure wants it. */
  readonly auth: "bearer" | "api-key";
  /** Added to the query of every call, such as Azure's `api-version`. */
  readonly query: Readonly<Record<string, string>>;
  /** Features whose requests it takes; `null` takes all. */
  readonly features: readonly string[] | null;
  /** Models it takes, with their names there; `null` takes all, by their own names. */
  readonly models: Readonly<Record<string, string>> | null;
  /** Smaller is asked first; the others follow when it fails. */
  readonly order: number;
  /** Its share of the accounts among those of the same order. 0: only when the others fail. */
  readonly weight: number;
  readonly websocket: WebSocketMode;
  /** What of an extended video it charges: the seconds that were added, or all of them. */
  readonly videoExtensions: "added" | "total";
  readonly patience: Patience;
}
