import { mintRequestId } from "../../http/request-id.ts";
import { rootOf } from "../../ledger/failure.ts";
import { type ErrorAnswer, openAIError, renderFault } from "../../protocol/error-body.ts";
import { BODY_LIMITS } from "../../protocol/json-body.ts";
import {
  CONNECTION_LIMIT,
  type CreateFrame,
  connectionLimit,
  errorFrame,
  readClientFrame,
  steerRefusal,
} from "../../protocol/websocket-frames.ts";
import type { Connection } from "./connection.ts";
import { ConnectionMemory } from "./memory.ts";
import { serveFrame } from "./turn.ts";

/** Responses under way or waiting for their turn, of one connection. */
const MOST_RESPONSES = 8;
/** Bytes of their frames. Many connections share the memory of one isolate. */
const MOST_BYTES = 3 * BODY_LIMITS.bytes;
/** As long as upstream keeps a connection. */
const OLD_MINUTES = 60;
/** Codes with which upstream may close our side and which mean the same to the client; any other is our trouble. */
const PASSED_CODES: ReadonlySet<number> = new Set([1000, 1001, 1012, 1013]);
const TROUBLE = 1011;

/** One client's WebSocket: its frames in, frames of their answers out. */
export class Session implements Connection {
  readonly deps: Connection["deps"];
  readonly caller: Connection["caller"];
  readonly socket: Connection["socket"];
  readonly memory = new ConnectionMemory();
  readonly gone: AbortSignal;

  readonly #client: WebSocket;
  readonly #leaving = new AbortController();
  readonly #openedAt = Date.now();
  /** The last response of each stream, which the next one of that stream waits for. */
  readonly #streams = new Map<string | null, Promise<void>>();
  #responses = 0;
  #bytes = 0;

  constructor({ deps, caller, socket }: Pick<Connection, "deps" | "caller" | "socket">, client: WebSocket) {
    this.deps = deps;
    this.caller = caller;
    this.socket = socket;
    this.gone = this.#leaving.signal;
    this.#client = client;
    client.addEventListener("message", ({ data }) => this.#read(data));
    client.addEventListener("close", ({ code }) => this.#leave(code === 1005 ? 1000 : code));
    client.addEventListener("error", () => this.#leave(TROUBLE));
    if (!socket) return;
    socket.onClosed = (code) => this.#upstreamClosed(code);
    socket.onNotice = (json) => {
      if (json.includes(CONNECTION_LIMIT)) this.#tell(connectionLimit(mintRequestId(), OLD_MINUTES), null);
    };
  }

  readonly say = (frame: string): void => {
    if (this.gone.aborted) return;
    try {
      this.#client.send(frame);
    } catch {
      this.#leave(TROUBLE);
    }
  };

  #read(data: unknown): void {
    const frame = readClientFrame(data);
    if (frame.kind === "refused") this.#tell(renderFault(frame.fault, mintRequestId()), frame.streamId);
    else if (frame.kind === "steer") this.say(steerRefusal(frame));
    else this.#create(frame);
  }

  #create(frame: CreateFrame): void {
    if (this.#isOld() && this.#responses === 0) {
      this.#retire();
    } else if (this.#isOld()) {
      this.#tell(connectionLimit(mintRequestId(), OLD_MINUTES), frame.streamId);
    } else if (this.#responses >= MOST_RESPONSES || this.#bytes + frame.bytes > MOST_BYTES) {
      this.#tell(tooMany(), frame.streamId);
    } else {
      this.#enqueue(frame);
    }
  }

  #enqueue(frame: CreateFrame): void {
    this.#responses += 1;
    this.#bytes += frame.bytes;
    const before = this.#streams.get(frame.streamId) ?? Promise.resolve();
    const served = before.then(() => this.#serve(frame));
    this.#streams.set(frame.streamId, served);
    this.deps.waitUntil(served);
  }

  async #serve(frame: CreateFrame): Promise<void> {
    try {
      if (!this.gone.aborted) await serveFrame(this, frame);
    } catch (error) {
      console.error(
        JSON.stringify({ event: "frame_broke_off", account: this.caller.accountId, message: String(rootOf(error)) }),
      );
      this.#tell(brokeOff(), frame.streamId);
    }
    this.#responses -= 1;
    this.#bytes -= frame.bytes;
    if (this.#responses > 0) return;
    this.#streams.clear();
    // Upstream was read to its end even where the client had gone before.
    if (this.gone.aborted) this.socket?.close(1000, "the client has gone");
    if (this.#isOld()) this.#retire();
  }

  #tell(answer: ErrorAnswer, streamId: string | null): void {
    this.say(errorFrame(answer, streamId));
  }

  #isOld(): boolean {
    return Date.now() - this.#openedAt > OLD_MINUTES * 60_000;
  }

  /** Tells the client to open a new connection, now that nothing is under way. */
  #retire(): void {
    this.#tell(connectionLimit(mintRequestId(), OLD_MINUTES), null);
    this.#leave(1000);
  }

  #upstreamClosed(code: number): void {
    const ended = this.#responses > 0 && code === 1000 ? TROUBLE : code;
    this.#leave(PASSED_CODES.has(ended) ? ended : TROUBLE);
  }

  /** The connection with the client is over, whoever ended it. Answers under way are read on. */
  #leave(code: number): void {
    if (this.gone.aborted) return;
    this.#leaving.abort();
    try {
      this.#client.close(code);
    } catch {
      // It is closed already, or by a code that only the runtime may send.
    }
    if (this.#responses === 0) this.socket?.close(1000, "the client has gone");
  }
}

function tooMany(): ErrorAnswer {
  return openAIError({
    status: 429,
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    message: `Too much is under way in this connection: at most ${MOST_RESPONSES} responses. Wait for one to end.`,
    requestId: mintRequestId(),
    retryAfterSeconds: 1,
  });
}

function brokeOff(): ErrorAnswer {
  return openAIError({
    status: 500,
    type: "server_error",
    code: "internal_error",
    message: "The gateway failed to serve this request. Please try again.",
    requestId: mintRequestId(),
  });
}
